"""`copybara demo` shows the program's main purpose to a new user."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from typing import Any

import pytest
from rich.console import Console

from bot.demo.screen import TABLE_COLUMNS, lines, table
from tests.bot.console import cli, environment_of_a_person
from tests.programs import need
from tests.wide_terminal import wide_terminal

SECONDS = 30

LINKS = {
    "First contact": [128, 64],
    "Between contacts": [64],
    "Trusted": [64],
    "Declined": [64, 64],
    "A used link": [64],
}


async def test_every_scene_is_measured() -> None:
    before = time.monotonic()
    code, out, err = await cli("demo", "--json", seconds=SECONDS)
    assert time.monotonic() - before < SECONDS
    assert (code, err) == (0, "")
    (line,) = out.splitlines()
    told = json.loads(line)
    assert told["ok"] is True
    for scene, (heading, links) in zip(told["scenes"], LINKS.items(), strict=True):
        assert scene["scene"].startswith(heading)
        assert scene["links"] == links
    calls = [scene for scene in told["scenes"] if scene["outcome"] == "connected"]
    assert len(calls) == 3
    addresses = {person["local"].rpartition(":")[0] for call in calls for person in call["people"].values()}
    assert len(addresses) == 2
    for call in calls:
        anna, bob = call["people"]["Anna"], call["people"]["Bob"]
        assert (anna["local"], anna["remote"]) == (bob["remote"], bob["local"])
        assert anna["phrase"] == bob["phrase"]
        assert len(anna["phrase"].split()) == 4
        for person in (anna, bob):
            # 50 audio packets and 15 pictures per second, for at least a second.
            assert person["audio_packets_received"] > 40
            assert person["video_packets_received"] > 10
            assert person["lost"] == 0
            assert 0 < person["first_media_ms"] < 2_000
            assert 0 <= person["connect_ms"] < 2_000
    assert len({call["people"]["Anna"]["phrase"] for call in calls}) == 3
    declined, used = told["scenes"][3:]
    assert declined["outcome"] == "remote-declined"
    assert used["outcome"] == "already-used"
    assert "used before" in used["said"]


def test_in_a_narrow_window_the_figures_are_lines_and_nothing_is_cut() -> None:
    person = {"first_media_ms": 286.0, "audio_packets_received": 74, "video_packets_received": 41, "lost": 0}
    people = {name: {**person, "local": "127.83.160.147:39116"} for name in ("Anna", "Bob")}
    results: list[dict[str, Any]] = [
        {"name": "first contact", "links": [128, 64], "people": people},
        {"name": "declined", "links": [64, 64], "outcome": "remote-declined"},
    ]
    said = [*lines(results)]
    assert max(map(len, said)) <= 50
    for figure in ("286 ms", "audio 74, video 41", "0 lost", "127.83.160.147:39116", "declined"):
        assert any(figure in line for line in said), figure
    with Console(width=TABLE_COLUMNS, file=io.StringIO()) as console:
        console.print(table(results))
        assert isinstance(console.file, io.StringIO)
        assert "…" not in console.file.getvalue()


async def test_people_read_the_chat_and_see_the_same_words_on_both_sides() -> None:
    code, out, err = await cli("demo", seconds=SECONDS, environment={"COLUMNS": "200", "NO_COLOR": "1"})
    assert (code, err) == (0, "")
    phrases = re.findall(r"(\w+)'s bot +Compare these words by voice: ((?:[a-z]+ ?){4})", out)
    assert sorted(name for name, _ in phrases) == ["Anna", "Bob"]
    assert len({words.strip() for _, words in phrases}) == 1
    for number, heading in enumerate(LINKS, 1):
        assert f"{number}  {heading}" in out
    for text in (
        "Somebody new is calling",
        "/contact add bob",
        "/contact trust anna",
        "Answered anna's call automatically",
        "You declined bob's call.",
        "That link was used before",
        "What was measured",
    ):
        assert text in out
    assert out.count("copybara:") >= 6


@pytest.mark.parametrize(
    ("command", "code", "word"), [((), 130, "Stopped."), (("--handset", "--no-open"), 0, "nothing of it is left.")]
)
def test_ctrl_c_ends_a_demo_with_one_word(command: tuple[str, ...], code: int, word: str) -> None:
    need("setsid", packages="util-linux")
    ours, theirs = wide_terminal()
    # A separate terminal, so that Ctrl-C reaches what a shell's would.
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", sys.executable, "-m", "bot.cli", "demo", *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment_of_a_person(),
    ) as process:
        os.close(theirs)
        shown = _read_until(ours, "Starting ")
        os.write(ours, b"\x03")
        before = time.monotonic()
        shown += _read_until(ours, "")
        assert process.wait() == code
    os.close(ours)
    assert time.monotonic() - before < SECONDS
    assert shown.replace("\r", "").endswith(f"{word}\n")
    assert shown.count(word) == 1
    assert "error" not in shown
    assert "Traceback" not in shown


def _read_until(terminal: int, wanted: str) -> str:
    """Read what it shows, up to that text or its end."""
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while not wanted or wanted.encode() not in shown:
            shown += os.read(terminal, 4096)
    return shown.decode()
