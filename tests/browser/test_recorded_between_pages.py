"""A recording between two browsers on two nodes: both show the red mark, one plays the tone, either can end it."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from bot.kinds import Kind
from peer.media.call_recordings import SIGNAL
from tests.bot.test_recording import FOUR_TRACKS, grows, recordings
from tests.browser.chromium import ONE_CHROMIUM, PATIENCE, PageView, until_seen
from tests.browser.people import Somebody, both_ways, connect, two_people

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

OWN_SOUNDS = """
(() => {
  // What the page itself plays, beside the call: its strongest pitch, again and again. The longest window that there
  // is holds a short tone for so long that a busy page misses none.
  window.pitches = [];
  const connect = AudioNode.prototype.connect;
  const heard = new WeakMap();
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      if (!heard.has(this.context)) {
        const ear = this.context.createAnalyser();
        ear.fftSize = 32768;
        heard.set(this.context, ear);
        const bins = new Float32Array(ear.frequencyBinCount);
        setInterval(() => {
          ear.getFloatFrequencyData(bins);
          let best = 1;
          for (let bin = 2; bin < bins.length; bin++) if (bins[bin] > bins[best]) best = bin;
          if (bins[best] > -60) window.pitches.push(best * ear.context.sampleRate / ear.fftSize);
        }, 100);
      }
      connect.call(this, heard.get(this.context));
    }
    return connect.call(this, to, ...rest);
  };
})()
"""

LEAST_SECONDS = 3.0
"The least length of a recording in seconds, so that comparing lengths makes sense."

OFF_BY = 1.5
"Seconds by which the lengths of the tracks may differ on a busy machine."


async def sees_red(page: PageView, words: str) -> None:
    """Wait until the page shows the mark of a recording, which is red."""
    await page.shows(words)
    red, green, blue = await page.page.evaluate(
        "getComputedStyle(document.querySelector('#recording .icon')).color.match(/[0-9]+/g).slice(0, 3).map(Number)"
    )
    assert red > green + 50
    assert red > blue + 50


async def sees_no_mark(page: PageView) -> None:
    """Wait until the page shows no mark of a recording any more."""
    await page.page.locator("#recording").wait_for(state="hidden", timeout=PATIENCE * 1000)


async def records(anna: Somebody, bob: Somebody) -> None:
    """Wait until both pages show that anna is recording."""
    await sees_red(anna.page, "You are recording this call.")
    await sees_red(bob.page, "is recording this call.")


async def plays(recording: Path) -> list[str]:
    """The kinds of a recording's tracks, all of whose frames can be decoded."""
    process = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(recording)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    streams = json.loads(out)["streams"]
    assert min(int(stream["nb_read_frames"]) for stream in streams) > 0
    return [stream["codec_type"] for stream in streams]


async def ends_of_tracks(recording: Path) -> list[float]:
    """The time of the last packet of each track, in seconds."""
    process = await asyncio.create_subprocess_exec(
        *("ffprobe", "-v", "error", "-show_entries", "packet=stream_index,pts_time", "-of", "csv=p=0", str(recording)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    ends: dict[str, float] = {}
    for line in out.decode().split():
        track, at = line.split(",")[:2]
        ends[track] = max(ends.get(track, 0.0), float(at))
    return [ends[track] for track in sorted(ends)]


async def test_both_pages_show_it_one_hears_the_tone_the_file_outlives_a_kill_and_a_refusal_ends_it(
    tmp_path: Path,
) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        await bob.page.page.evaluate(OWN_SOUNDS)
        began = time.monotonic()
        await anna.page.press("Record")
        await records(anna, bob)
        hertz = SIGNAL[0][0]
        await until_seen(bob.page.page, f"pitches.some((each) => Math.abs(each - {hertz}) < 3)")
        await grows(anna.node, 1)
        await asyncio.sleep(max(0.0, LEAST_SECONDS - (time.monotonic() - began)))
        assert await anna.node.signalled(signal.SIGKILL) == -signal.SIGKILL
        lasted = time.monotonic() - began
        # Her page has tried to reach the program without success, as it should.
        await anna.page.page.close()
        anna.browser.problems.clear()
        (first,) = recordings(anna.node)
        assert await plays(first) == FOUR_TRACKS
        ends = await ends_of_tracks(first)
        assert len(ends) == len(FOUR_TRACKS)
        assert 1.0 < max(ends) < lasted + OFF_BY
        assert max(ends) - min(ends) < OFF_BY

        # The call and its recording continue, and both pages show the recording again. Bob refuses it.
        await anna.node.begin()
        await anna.open()
        await anna.page.call("active")
        await records(anna, bob)
        await grows(anna.node, 2)
        await bob.page.press("Refuse")
        assert "refused" in await anna.page.says(Kind.RECORDING_REFUSED)
        await asyncio.gather(*(sees_no_mark(person.page) for person in (anna, bob)))
        assert await plays(recordings(anna.node)[1]) == FOUR_TRACKS
        await anna.page.press("Hang up")
        await bob.page.call("ended")
