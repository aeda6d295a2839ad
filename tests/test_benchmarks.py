"""Each benchmark runs and prints numbers, and they appear in README.md. The numbers themselves aren't tested."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import (
    flood,
    growth,
    idle_memory,
    messages_in_a_call,
    other_programs,
    processor_share,
    reading_links,
    request_length,
    start,
    time_to_media,
)
from benchmarks.__main__ import FIGURES, README
from benchmarks.bad_networks import stood_still
from benchmarks.glass_to_glass import CODED_PICTURE, DIRECT_CONNECTION
from benchmarks.machine import description
from benchmarks.measuring import Figure, Row, Samples, interleaved
from benchmarks.middle import middle
from benchmarks.pages_apart import Counted
from benchmarks.relay_capacity import PRECISION, most_calls
from benchmarks.relay_load import Calls, Carried
from benchmarks.report import rewritten
from tests.browser.chromium import browser

pytestmark = pytest.mark.slow


def assert_gives_numbers(figure: Figure) -> None:
    assert figure.rows
    for row in figure.rows:
        assert row.theirs is not None
        assert row.ratio is not None
        values = (*row.ours.values, *row.theirs.values, *row.ratio.values)
        assert values
        assert all(math.isfinite(value) and value > 0 for value in values), row.what


@pytest.mark.parametrize("benchmark", [request_length, time_to_media, other_programs, start])
def test_a_benchmark_gives_numbers(benchmark: ModuleType) -> None:
    assert_gives_numbers(benchmark.measure(rounds=1))


def test_a_program_to_measure_keeps_what_it_compiles_whatever_is_wanted_elsewhere() -> None:
    program = "from benchmarks.programs import run_to_end; run_to_end('import sys; sys.exit(sys.dont_write_bytecode)')"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, check=True)


def test_reading_links_gives_numbers() -> None:
    assert_gives_numbers(reading_links.measure(rounds=1, contacts=10))


def test_a_flood_gives_numbers_and_the_call_is_up_meanwhile() -> None:
    assert_gives_numbers(flood.measure(rounds=1, seconds=1.0))


def test_growth_gives_numbers() -> None:
    assert_gives_numbers(growth.measure(rounds=1, few=5, many=10, most=20, rows=30))


def test_idle_memory_gives_numbers() -> None:
    assert_gives_numbers(idle_memory.measure(rounds=1, settle=0))


def test_a_burst_of_messages_in_a_call_gives_numbers() -> None:
    assert_gives_numbers(messages_in_a_call.measure(rounds=1, foreign=3, commands=2))


def test_the_processor_share_gives_numbers() -> None:
    assert_gives_numbers(processor_share.measure(rounds=1, seconds=0.3))


async def test_many_calls_at_once_pass_a_node_and_every_packet_is_timed() -> None:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(middle())
        carried = await Calls(node, stack).carry(3, seconds=0.5)

    assert carried.share > 0
    assert carried.delay > 0
    assert 0 <= carried.lost < 100
    assert carried.behind > 0


class Carrying:
    """A node that can carry this many calls, whenever it is asked."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.tried: list[int] = []

    async def carry(self, calls: int, seconds: float) -> Carried:
        self.tried.append(calls)
        return Carried(share=calls * 1.5, delay=1.0 if calls <= self._most else 100.0, lost=0.0, behind=1.0)


@pytest.mark.parametrize("most", [1, 7, 30, 52])
@pytest.mark.parametrize("first", [1, 10, 200])
async def test_the_most_calls_that_hold_are_found_from_any_guess(most: int, first: int) -> None:
    found = await most_calls(Carrying(most), first, seconds=0.0, until=math.inf)

    assert most - PRECISION < found.calls <= most


async def test_no_more_numbers_of_calls_are_tried_once_time_is_up() -> None:
    node = Carrying(30)

    assert (await most_calls(node, 5, seconds=0.0, until=0.0)).calls == 5
    assert node.tried == [5]


async def test_a_browser_reads_when_a_picture_was_drawn(tmp_path: Path) -> None:
    async with browser() as chromium:
        page = await chromium.context.new_page()
        # Only pages of this machine and pages over https may use the camera.
        await page.route("**", lambda route: route.fulfill(body="<video autoplay muted>", content_type="text/html"))
        await page.add_init_script(CODED_PICTURE)
        await page.goto("http://127.0.0.1/")
        seen = await page.evaluate(
            """async () => {
              const video = document.querySelector("video");
              video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
              return coded.watch(video, 500);
            }"""
        )

    assert seen["sizes"] == ["640x480"]
    assert seen["unreadable"] == 0
    assert seen["ages"]
    assert all(0 < age < 60_000 for age in seen["ages"]), seen["ages"]


SENDING = """
async () => {
  const [here, there] = [new RTCPeerConnection(), new RTCPeerConnection()];
  for (const [one, other] of [[here, there], [there, here]])
    one.addEventListener("icecandidate", ({ candidate }) => other.addIceCandidate(candidate));
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of media.getTracks()) here.addTrack(track);
  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription);
  while (here.connectionState !== "connected")
    await new Promise((done) => here.addEventListener("connectionstatechange", done, { once: true }));
  // Nothing comes that could be played.
  HTMLMediaElement.prototype.play = async () => {};
  window.watched = { connections: [here] };
  window.given = here.getSenders().map(({ track }) => track);
}
"""

AGAIN = """
async (how) => {
  const [here] = watched.connections;
  await direct.only(how);
  // As the page does when it packs the sound in another way.
  for (const [at, sender] of here.getSenders().entries()) await sender.replaceTrack(given[at]);
  return here.getSenders().map(({ track }) => track !== null);
}
"""


async def test_while_the_direct_connection_is_measured_the_call_beside_it_sends_nothing() -> None:
    """A page gives its connection its tracks again whenever it packs the sound in another way."""
    async with browser() as chromium:
        page = await chromium.context.new_page()
        await page.route("**", lambda route: route.fulfill(body="<video id=remote-video>", content_type="text/html"))
        await page.goto("http://127.0.0.1/")
        await page.evaluate(SENDING)
        await page.evaluate(DIRECT_CONNECTION)
        sends = [await page.evaluate(AGAIN, how) for how in ("relayed", "direct", "relayed")]
    assert sends == [[True, True], [False, False], [True, True]]


def test_a_picture_stands_still_for_as_long_as_the_browser_counts_or_as_no_picture_comes() -> None:
    def looks(pictures: list[int], frozen: float = 0.0) -> list[Counted]:
        return [Counted(pictures=number, frozen=frozen * (number == pictures[-1])) for number in pictures]

    assert stood_still(looks([1, 2, 3, 4, 5], frozen=1.5), 4.0) == 1.5
    assert stood_still(looks([1, 1, 1, 1, 2], frozen=0.5), 4.0) == 3.0
    assert stood_still(looks([7] * 5), 20.0) == 20.0
    assert stood_still(looks([1, 2, 3], frozen=30.0), 20.0) == 20.0


def test_requests_are_as_long_as_the_format_says() -> None:
    assert all(row.met for row in request_length.measure(rounds=1).rows)


def test_runs_take_turns_and_the_first_round_is_not_counted() -> None:
    order: list[str] = []

    def run(name: str) -> int:
        order.append(name)
        return len(order)

    ours, theirs = interleaved(2, lambda: run("ours"), lambda: run("theirs"))

    assert order == ["ours", "theirs"] * 3
    assert (ours, theirs) == ([3, 5], [4, 6])


def test_a_ratio_is_taken_within_each_round() -> None:
    row = Row("ours", Samples.of([1, 20, 3]), "theirs", Samples.of([2, 10, 3]), goal=2)

    assert row.ratio is not None
    assert list(row.ratio.values) == [0.5, 2, 1]
    assert row.ratio.median == 1
    assert row.met is False


def test_a_range_below_zero_is_readable() -> None:
    row = Row("ours", Samples.of([-0.5, 3.25, 12.25]), "theirs", Samples.of([50, 50, 50]), "ms")
    figure = Figure("machine", "", (row,))

    written = rewritten("<!-- machine -->\n<!-- end -->", [figure], [])

    assert "| ours | 3.25 (-0.50 to 12.2) ms | theirs | 50 ms | 0.065 (-0.010 to 0.24) |  |" in written


def test_the_readme_has_a_place_for_every_figure() -> None:
    samples = Samples.of([1, 2, 4])
    figures = [Figure(each.NAME, "", (Row(f"ours {each.NAME}", samples, "theirs", samples),)) for each in FIGURES]

    written = rewritten(README.read_text("utf-8"), figures, description())

    assert all(f"| ours {each.NAME} | 2 (1-4) | theirs | 2 (1-4) | 1 |  |" in written for each in FIGURES)
    assert rewritten(written, figures, description()) == written


def test_a_missing_place_in_the_readme_is_noticed() -> None:
    with pytest.raises(ValueError, match="machine"):
        rewritten("# Figures", [], description())
