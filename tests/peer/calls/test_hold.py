"""Calls on hold between whole nodes in memory: what is on the wire, who hears of it, how many calls there may be."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from peer.calls.limits import OWN_HOLDS
from peer.calls.line import Line
from peer.calls.news import HoldChanged
from peer.calls.repeats import HEARD, Repeated, Telling
from peer.media.endpoints.none import NoMedia
from peer.media.endpoints.pattern import Pattern
from peer.transport.leg import Leg
from peer.transport.profile import KINDS
from peer.transport.rtp_packets import is_rtp
from shared.call.table import EndReason, State
from shared.config.schema import Calls
from shared.contacts import Trust
from shared.errors import InCall, LocalProtocolError, NothingToHold, NotOnHold, TwoCalls
from shared.media import Media
from shared.messages import Hello, OnHold
from shared.reasons import Reason
from shared.store.thread import PATIENCE_SECONDS
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import PATIENCE, Node, active, node, over

KEYS = {"anna": b"a" * 32, "carol": b"c" * 32, "dora": b"d" * 32}


class Talking(NoMedia):
    """Sends a tone, and counts how often it was attached and detached."""

    def __init__(self) -> None:
        self.attached = 0
        self._tone = Pattern()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        self.attached += 1
        await self._tone.attach(leg, media & Media.AUDIO, tasks)

    async def detach(self) -> None:
        await self._tone.detach()


class Wire:
    """The RTP packets on a network."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._counted: Counter[int] = Counter()
        "By the port that sent them."
        self._looked_at = 0

    def of(self, line: Line) -> int:
        """How many packets of sound and picture a side of a call has sent so far."""
        assert line.session is not None
        new = self._network.sent[self._looked_at :]
        self._looked_at += len(new)
        self._counted.update(source[1] for source, _, datagram in new if _is_media(datagram))
        return self._counted[line.session.ports[0]]

    async def flows(self, *lines: Line) -> None:
        """Wait until each line has sent more packets."""
        before = [self.of(line) for line in lines]
        await self.until(lambda: all(self.of(line) > was + 5 for line, was in zip(lines, before, strict=True)))

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something holds; asked with each datagram."""
        async with asyncio.timeout(PATIENCE):
            while not wanted():
                self._network.happened.clear()
                await self._network.happened.wait()

    def cut(self, line: Line) -> None:
        """Drop all packets that a side of a call sends or should receive."""
        assert line.session is not None
        port = line.session.ports[0]
        self._network.drops = lambda datagram, source, destination: port in (source[1], destination[1])


def _is_media(datagram: bytes) -> bool:
    return len(datagram) > 12 and 128 <= datagram[0] < 192 and is_rtp(datagram) and datagram[1] & 0x7F in KINDS


@contextlib.asynccontextmanager
async def ben_and_friends(folder: Path, *names: str, **options: Any) -> AsyncIterator[tuple[Wire, Node, list[Node]]]:
    """Ben and contacts of his who share a key with him. Everybody sends a tone in each call."""
    network = MemoryNetwork()
    async with contextlib.AsyncExitStack() as stack:
        ben = await stack.enter_async_context(node(folder, "ben", network, **options))
        friends = [await stack.enter_async_context(node(folder, name, network)) for name in names]
        for friend in friends:
            ben.knows(friend, key=KEYS[friend.name])
            friend.knows(ben, key=KEYS[friend.name])
        for each in (ben, *friends):
            each.endpoint = Talking
        yield Wire(network), ben, friends


async def rings(caller: Node, callee: Node) -> tuple[Line, Line]:
    """The caller's line and the callee's, which rings."""
    ours = await caller.switchboard.place(callee.id, Media.AUDIO)
    (reading,) = await callee.reads_all(caller)
    assert reading.line is not None
    return ours, reading.line


async def connect(caller: Node, callee: Node) -> tuple[Line, Line]:
    """Make a call and wait until it is active."""
    ours, theirs = await rings(caller, callee)
    assert theirs.call.state is State.RINGING
    await callee.switchboard.answer(theirs)
    await active((caller, ours), (callee, theirs))
    return ours, theirs


async def sees(who: Node, line: Line, *, on_hold: bool) -> None:
    """Wait until a side knows whether the other side has put it on hold."""
    await who.until(lambda: line.remote_on_hold is on_hold)


async def test_on_hold_nothing_of_either_side_is_on_the_wire_and_afterwards_it_is_again(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        await wire.flows(ours, theirs)
        await ben.switchboard.hold(theirs)
        bens = wire.of(theirs)
        await sees(anna, ours, on_hold=True)
        annas = wire.of(ours)
        # The two programs can still talk. A message there and back shows that time has passed.
        await exchange(wire, ours, theirs)
        assert (wire.of(theirs), wire.of(ours)) == (bens, annas)
        # Not even packets that come ready-made from elsewhere, such as a page, are sent.
        for line in (ours, theirs):
            assert line.session is not None
            assert isinstance(line.session.leg, Leg)
            await line.session.leg.send_rtp(bytes([128, 111]) + bytes(60))
        assert (wire.of(theirs), wire.of(ours)) == (bens, annas)
        await ben.switchboard.resume(theirs)
        await sees(anna, ours, on_hold=False)
        await wire.flows(ours, theirs)
        assert [news for about, news in anna.heard if isinstance(news, HoldChanged)] == [
            HoldChanged("them", True),
            HoldChanged("them", False),
        ]
        assert [news for about, news in ben.heard if isinstance(news, HoldChanged)] == [
            HoldChanged("us", True),
            HoldChanged("us", False),
        ]


MOST = HEARD[Repeated.HOLD].at_once


async def test_of_a_hold_that_changes_again_and_again_the_owner_hears_a_few_times_and_sees_it_right(
    tmp_path: Path,
) -> None:
    async with ben_and_friends(tmp_path, "anna") as (_, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        assert ours.session is not None
        assert isinstance(ours.session.leg, Leg)
        for number in range(2 * MOST + 5):
            ours.session.leg.control.send(OnHold(number % 2 == 0))

        def tellings() -> list[Telling]:
            return [news.telling for _, news in ben.heard if isinstance(news, HoldChanged)]

        await ben.until(lambda: len(tellings()) == 2 * MOST + 5)
        assert tellings() == [*[Telling.EACH] * (2 * MOST), Telling.LAST, *[Telling.NONE] * 4]
        assert theirs.remote_on_hold


async def exchange(wire: Wire, one: Line, other: Line) -> None:
    """Let each side hear a ping of the other, a second later at most."""
    assert one.session is not None
    assert other.session is not None
    sessions = one.session, other.session
    seen = [session.report()["round_trip_ms"] for session in sessions]

    def both_heard() -> bool:
        return all(each.report()["round_trip_ms"] != was for each, was in zip(sessions, seen, strict=True))

    await wire.until(both_heard)  # what hears one acknowledges it, with another datagram


async def test_each_side_holds_for_itself_and_media_flow_when_neither_does(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        await ben.switchboard.hold(theirs)
        await sees(anna, ours, on_hold=True)
        await anna.switchboard.hold(ours)
        await sees(ben, theirs, on_hold=True)
        await ben.switchboard.resume(theirs)
        await sees(anna, ours, on_hold=False)
        assert (ours.on_hold, theirs.remote_on_hold) == (True, True)
        bens = wire.of(theirs)
        await exchange(wire, ours, theirs)
        assert wire.of(theirs) == bens
        await anna.switchboard.resume(ours)
        await sees(ben, theirs, on_hold=False)
        await wire.flows(ours, theirs)


async def test_a_call_on_hold_whose_path_is_lost_comes_back_on_hold(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        await ben.switchboard.hold(theirs)
        await sees(anna, ours, on_hold=True)
        assert ours.session is not None
        assert isinstance(ours.session.leg, Leg)
        await ours.session.leg.close()
        for who, line in ((anna, ours), (ben, theirs)):
            await who.until(lambda line=line: line.call.state is State.RECONNECTING)  # type: ignore[misc]
        await active((anna, ours), (ben, theirs))
        assert (ours.remote_on_hold, theirs.on_hold) == (True, True)
        before = wire.of(ours), wire.of(theirs)
        await exchange(wire, ours, theirs)
        assert (wire.of(ours), wire.of(theirs)) == before
        await ben.switchboard.resume(theirs)
        await sees(anna, ours, on_hold=False)
        await wire.flows(ours, theirs)


async def test_a_side_that_begins_a_leg_without_a_word_of_hold_has_taken_the_other_off(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (_, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        say(theirs, OnHold(True))
        await sees(anna, ours, on_hold=True)
        # A restored call of an earlier version does the same, because that version knows no hold.
        say(theirs, Hello(1, int(Media.AUDIO)))
        await sees(anna, ours, on_hold=False)


def say(line: Line, message: OnHold | Hello) -> None:
    """Make a side's program send a message, whatever its owner does."""
    assert line.session is not None
    assert isinstance(line.session.leg, Leg)
    line.session.leg.control.send(message)


async def test_who_toggles_hold_without_end_ends_the_call_as_a_flood(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (_, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        for number in range(1000):
            say(theirs, OnHold(number % 2 == 0))
        await over(ours)
        assert ours.call.reason is EndReason.FLOODED
        told = [news for about, news in anna.heard if isinstance(news, HoldChanged)]
        assert len(told) <= 50


async def test_an_owner_who_toggles_too_fast_is_stopped_before_the_other_side_ends_the_call(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        for _ in range(OWN_HOLDS.at_once // 2):
            await ben.switchboard.hold(theirs)
            await ben.switchboard.resume(theirs)
        with pytest.raises(LocalProtocolError, match="too often"):
            await toggle(ben, theirs, times=1000)
        await exchange(wire, ours, theirs)
        assert (ours.call.state, theirs.call.state) == (State.ACTIVE, State.ACTIVE)


async def test_a_swap_that_is_refused_leaves_the_call_that_is_up(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna", "carol") as (wire, ben, (anna, carol)):
        _, annas = await connect(anna, ben)
        await ben.switchboard.hold(annas)
        carols, theirs = await connect(carol, ben)
        assert annas.session is not None
        with contextlib.suppress(LocalProtocolError):
            while True:
                annas.session.own_limits.hold()
        with pytest.raises(LocalProtocolError, match="too often"):
            await ben.switchboard.resume(annas, swap=True)
        assert (annas.on_hold, theirs.on_hold) == (True, False)
        await wire.flows(carols, theirs)


async def toggle(who: Node, line: Line, *, times: int) -> None:
    """Put a call on hold and continue it, again and again."""
    for _ in range(times):
        await (who.switchboard.resume(line) if line.on_hold else who.switchboard.hold(line))


async def test_with_one_call_on_hold_another_rings_and_is_answered_beside_it(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna", "carol") as (wire, ben, (anna, carol)):
        ours, annas = await connect(anna, ben)
        await ben.switchboard.hold(annas)
        # Even a caller whom Ben trusts doesn't get in while Ben is present and in a call.
        ben.knows(carol, key=KEYS["carol"], trust=Trust.AUTO)
        carols, theirs = await rings(carol, ben)
        assert (theirs.call.state, theirs.shown.reason) == (State.RINGING, Reason.ASK)
        await ben.switchboard.answer(theirs)
        await active((carol, carols), (ben, theirs))
        await wire.flows(carols, theirs)
        assert (annas.on_hold, theirs.on_hold, ours.remote_on_hold) == (True, False, True)
        with pytest.raises(InCall):
            await ben.switchboard.resume(annas)
        await ben.switchboard.resume(annas, swap=True)
        await sees(carol, carols, on_hold=True)
        await sees(anna, ours, on_hold=False)
        await wire.flows(ours, annas)
        silent = wire.of(theirs)
        await exchange(wire, carols, theirs)
        assert wire.of(theirs) == silent


async def test_hold_and_answer_takes_a_call_that_rings_beside_another(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna", "carol", call_waiting=True) as (wire, ben, (anna, carol)):
        ours, annas = await connect(anna, ben)
        carols, theirs = await rings(carol, ben)
        assert theirs.call.state is State.RINGING
        with pytest.raises(InCall):
            await ben.switchboard.answer(theirs)
        await ben.switchboard.answer(theirs, instead="hold")
        await active((carol, carols), (ben, theirs))
        await sees(anna, ours, on_hold=True)
        assert (annas.call.state, annas.on_hold) == (State.ACTIVE, True)
        await wire.flows(carols, theirs)


async def test_hang_up_and_answer_ends_the_call_that_one_is_in_and_leaves_the_one_on_hold(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna", "carol", "dora", call_waiting=True) as (_, ben, (anna, carol, dora)):
        ours, annas = await connect(anna, ben)
        await ben.switchboard.hold(annas)
        carols, second = await connect(carol, ben)
        doras, third = await rings(dora, ben)
        with pytest.raises(TwoCalls):
            await ben.switchboard.answer(third, instead="hold")
        with pytest.raises(TwoCalls):
            await ben.switchboard.answer(third)
        assert (second.call.state, second.on_hold) == (State.ACTIVE, False)
        await ben.switchboard.answer(third, instead="hang-up")
        await over(second, carols)
        await active((dora, doras), (ben, third))
        assert (second.call.reason, annas.on_hold, ours.remote_on_hold) == (EndReason.HUNG_UP, True, True)


async def test_two_calls_are_as_many_as_an_owner_has_by_hand(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna", "carol", "dora") as (_, ben, (anna, carol, dora)):
        _, annas = await connect(anna, ben)
        with pytest.raises(InCall):
            await ben.switchboard.place(carol.id, Media.AUDIO)
        await ben.switchboard.hold(annas)
        ours, _ = await connect(ben, carol)
        await ben.switchboard.hold(ours)
        with pytest.raises(TwoCalls):
            await ben.switchboard.place(dora.id, Media.AUDIO)
        await ben.switchboard.resume(ours)
        # Nobody waits at a page, so a third caller hears that Ben is busy.
        third = await dora.switchboard.place(ben.id, Media.AUDIO)
        await ben.reads_all(dora)
        await dora.reads_all(ben)
        await over(third)
        assert third.call.reason is EndReason.REMOTE_BUSY


async def test_what_cannot_be_held_or_resumed_is_refused(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (_, ben, (anna,)):
        ours, theirs = await rings(anna, ben)
        for who, line in ((anna, ours), (ben, theirs)):
            with pytest.raises(NothingToHold):
                await who.switchboard.hold(line)
            with pytest.raises(NotOnHold):
                await who.switchboard.resume(line)
        await ben.switchboard.answer(theirs)
        await active((anna, ours), (ben, theirs))
        await ben.switchboard.hold(theirs)
        with pytest.raises(NothingToHold):
            await ben.switchboard.hold(theirs)


async def test_a_contact_on_hold_who_has_lost_the_call_and_calls_again_gets_through(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        await ben.switchboard.hold(theirs)
        await sees(anna, ours, on_hold=True)
        wire.cut(ours)
        anna.switchboard.hang_up(ours)
        await over(ours)
        anna.posts.clear()
        anna.now += 60
        ben.now += 60
        again, second = await rings(anna, ben)
        await ben.switchboard.answer(second)
        await active((anna, again), (ben, second))
        await over(theirs)
        assert theirs.call.reason is EndReason.REPLACED


async def test_a_call_that_the_machine_has_taken_cannot_be_put_on_hold(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna", calls=Calls(at_once=2)) as (_, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        theirs.take_message()
        with pytest.raises(NothingToHold):
            await ben.switchboard.hold(theirs)
        assert ours.call.state is State.ACTIVE


async def test_who_hangs_up_is_heard_no_more_while_another_process_has_the_database(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        await wire.flows(ours, theirs)
        with contextlib.closing(sqlite3.connect(ben.store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            ben.switchboard.hang_up(theirs)
            await wire.until(lambda: theirs.call.ended)
            before = wire.of(theirs)
            for _ in range(4):
                await wire.flows(ours)  # Anna is heard meanwhile
            assert wire.of(theirs) == before
            assert not theirs.over.is_set()
            other.execute("ROLLBACK")
        await over(ours, theirs)


async def test_what_is_pressed_last_counts_at_once_while_another_process_has_the_database(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        await wire.flows(ours, theirs)
        with contextlib.closing(sqlite3.connect(ben.store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await ben.switchboard.hold(theirs)
                await ben.switchboard.resume(theirs)
            await wire.flows(theirs)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await ben.switchboard.hold(theirs)
            await sees(anna, ours, on_hold=True)
            before = wire.of(theirs)
            await asyncio.sleep(
                0.5
            )  # a call on hold sends nothing, so no event says that twenty-five packets' time is over
            assert wire.of(theirs) == before
            other.execute("ROLLBACK")


async def test_who_hangs_up_is_heard_no_more_while_taking_off_hold_waits_for_the_database(tmp_path: Path) -> None:
    async with ben_and_friends(tmp_path, "anna") as (wire, ben, (anna,)):
        ours, theirs = await connect(anna, ben)
        await wire.flows(ours, theirs)
        await ben.switchboard.hold(theirs)
        await ben.writes.write(lambda store: None)  # the hold is kept
        with contextlib.closing(sqlite3.connect(ben.store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await ben.switchboard.resume(theirs)
            await wire.flows(theirs)
            ben.switchboard.hang_up(theirs)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await theirs.until(lambda: theirs.call.ended)
            before = wire.of(theirs)
            for _ in range(4):
                await wire.flows(ours)  # Anna is heard meanwhile
            assert wire.of(theirs) == before
            other.execute("ROLLBACK")
        await over(ours, theirs)
