"""From reading the link to the first media packet on both sides, and to the connection."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.our_call import Person, first_contact_call, one_link_call
from benchmarks.peer_connection import on_loopback, peer_connection_call, undecoded
from benchmarks.timing import CallTimes
from benchmarks.two_processes import OurPair, TheirPair

NAME = "time-to-media"
ROUNDS = 15

Moment = Callable[[CallTimes], float]


def measure(rounds: int = ROUNDS) -> Figure:
    """Calls in one process, then between two."""
    rows = asyncio.run(_in_one_process(rounds)) + asyncio.run(_in_two_processes(rounds))
    return Figure(NAME, "From reading the link to the first media packet on both sides", rows)


async def _in_one_process(rounds: int) -> tuple[Row, ...]:
    with tempfile.TemporaryDirectory() as folder, on_loopback(), undecoded():
        anna, ben = await Person.at(Path(folder) / "anna"), await Person.at(Path(folder) / "ben")
        one_link, first_contact, theirs = await interleaved_tasks(
            rounds,
            lambda: one_link_call(anna, ben),
            lambda: first_contact_call(anna, ben),
            peer_connection_call,
        )
    return (
        _row("one link read → connected", one_link, "offer read → connected", theirs, _to_connected),
        _row("one link read → media", one_link, "offer read → media", theirs, _to_media),
        _row("request read → connected", first_contact, "offer read → connected", theirs, _to_connected),
        _row("request read → media", first_contact, "offer read → media", theirs, _to_media),
        _row("response read → connected", first_contact, "answer read → connected", theirs, _last_to_connected),
        _row("response read → media", first_contact, "answer read → media", theirs, _last_to_media),
    )


async def _in_two_processes(rounds: int) -> tuple[Row, ...]:
    async with OurPair.running() as ours, TheirPair.running() as theirs:

        async def our_call() -> CallTimes:
            times = await ours.call()
            await ours.hang_up()
            return times

        async def their_call() -> CallTimes:
            times = await theirs.call()
            await theirs.hang_up()
            return times

        our_times, their_times = await interleaved_tasks(rounds, our_call, their_call)
    link, offer = "two processes: one link handed over", "two processes: offer handed over"
    return (
        _row(f"{link} → connected", our_times, f"{offer} → connected", their_times, _to_connected),
        _row(f"{link} → media", our_times, f"{offer} → media", their_times, _to_media),
    )


def _row(what: str, ours: list[CallTimes], against: str, theirs: list[CallTimes], seconds: Moment) -> Row:
    return Row(what, _milliseconds(ours, seconds), against, _milliseconds(theirs, seconds), "ms")


def _milliseconds(calls: list[CallTimes], seconds: Moment) -> Samples:
    return Samples.of(seconds(times) * 1000 for times in calls)


def _to_connected(times: CallTimes) -> float:
    return times.connected - times.read


def _to_media(times: CallTimes) -> float:
    return times.first_media - times.read


def _last_to_connected(times: CallTimes) -> float:
    return times.connected - times.last_read


def _last_to_media(times: CallTimes) -> float:
    return times.first_media - times.last_read
