"""Files in a call: how long they take, and what they do to the call's sound."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.plain_channel import seconds_in_one_process
from benchmarks.sent_file import MEGABYTE, PATIENCE, fill, is_done, is_running, megabytes
from tests.bot.console import befriend
from tests.browser.people import Somebody, both_ways, connect, two_people

NAME = "file-transfer"
ROUNDS = 3
MEGABYTES = 100
"Of the file: in `COPYBARA_BENCH_FILE_MB` for another size."


def measure(rounds: int = ROUNDS, usual: int = MEGABYTES) -> Figure:
    """Between two programs in a call with picture at two browsers; the alternative has no call to carry beside."""
    return asyncio.run(_measure(rounds, megabytes(usual)))


async def _measure(rounds: int, size: int) -> Figure:
    lasted = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with two_people(folder) as (anna, bob):
            await befriend(anna.node, bob.node)
            await bob.node.asked("/contact files anna always")
            for person in (anna, bob):
                await person.page.press("Done")
            count = 0

            async def ours() -> tuple[float, ...]:
                nonlocal lasted, count
                count += 1
                path = folder / f"{count}.bin"
                await asyncio.to_thread(fill, path, size * MEGABYTE)

                async def transfer() -> None:
                    nonlocal lasted
                    anna.node.write(f"/send {path}")
                    await anna.node.until(is_running, PATIENCE)
                    began = time.monotonic()
                    await bob.node.until(is_done, PATIENCE)
                    lasted = time.monotonic() - began

                gap, concealed = await _sound(anna, bob, transfer)
                path.unlink()
                (bob.node.home / "files" / path.name).unlink()
                return lasted, gap, concealed

            async def calm() -> tuple[float, ...]:
                return await _sound(anna, bob, lambda: asyncio.sleep(lasted))

            async def theirs() -> tuple[float, ...]:
                return (await seconds_in_one_process(size * MEGABYTE),)

            with_file, without, plain = await interleaved_tasks(rounds, ours, calm, theirs)
    return Figure(
        NAME,
        f"A file of {size} MB in a call",
        (
            Row(
                "seconds, during a call with picture",
                Samples.of(each[0] for each in with_file),
                "aiortc's data channel, without a call",
                Samples.of(each[0] for each in plain),
                "s",
            ),
            Row(
                "longest gap in the sound at the receiver",
                Samples.of(each[1] for each in with_file),
                "the same call without it",
                Samples.of(each[0] for each in without),
                "ms",
            ),
            Row(
                "sound that the receiver's browser made up",
                Samples.of(each[2] for each in with_file),
                "the same call without it",
                Samples.of(each[1] for each in without),
                "%",
            ),
        ),
    )


async def _sound(anna: Somebody, bob: Somebody, meanwhile: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """The longest gap in milliseconds at Bob's program, and what share of the sound his browser concealed, in percent.

    Half a sample and a tenth of a millisecond are added, so that none and none can be compared.
    """
    await connect(anna, bob)
    await both_ways(anna, bob)
    before = await _concealed(bob)
    await meanwhile()
    after = await _concealed(bob)
    status = await bob.node.status()
    gap = next(call["audio_longest_gap_ms"] for call in status["calls"] if call["state"] == "active")
    await anna.page.press("Hang up")
    await asyncio.gather(anna.page.call("ended"), bob.page.call("ended"))
    for person in (anna, bob):
        await person.page.press("Done")
    samples = max(1.0, after[1] - before[1])
    return float(gap) + 0.1, 100 * (after[0] - before[0] + 0.5) / samples


async def _concealed(person: Somebody) -> tuple[float, float]:
    """Samples that the browser has made up for sound that came too late, and all that it has played."""
    found = await person.page.page.evaluate(
        """async () => {
          for (const connection of watched.connections.toReversed()) {
            for (const each of (await connection.getStats()).values()) {
              if (each.type === "inbound-rtp" && each.kind === "audio") {
                return [each.concealedSamples ?? 0, each.totalSamplesReceived ?? 0];
              }
            }
          }
          return [0, 0];
        }"""
    )
    return float(found[0]), float(found[1])
