"""Two or three nodes in one process: calls that cross, arrive late or are forged, and a disk without write access."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from bot.texts import chat as chat_texts
from peer.calls.budget import LIMITS, WINDOW_SECONDS, Caller, Dropped
from peer.calls.line import Line
from peer.calls.line_records import report
from peer.calls.news import Changed, NotKept, Paired, PhraseKnown, Posted
from peer.media import ANSWERING_MACHINE
from peer.media.endpoints.none import NoMedia
from peer.transport.leg import Leg
from shared.call.table import EndReason, State, glare
from shared.config.schema import Answering, Calls
from shared.contacts import Contact, Trust
from shared.errors import CallRefused, MediaError, StoreError
from shared.links.kinds import Request
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store, StoreThread
from shared.store.store import Agreed
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import PATIENCE, Clock, Node, active, chat, hanging_disk, locked, node, over

KEY = b"k" * 32

Result = TypeVar("Result")


def forged(to: Node, source: NodeId, *, number: int = 1, age: int = 0) -> str:
    """A request that anybody can write."""
    return Request.to(
        to.id,
        media=Media.BOTH,
        created=int(to.now) - age,
        seed=number.to_bytes(16, "big"),
        source=source,
        fingerprint=b"f" * 32,
        port=40_000,
    ).token


@contextlib.asynccontextmanager
async def two(folder: Path, key: bytes | None = KEY, **options: Any) -> AsyncIterator[tuple[Node, Node]]:
    """Anna and Ben, who are contacts, with a shared key if one is given."""
    network = MemoryNetwork()
    async with node(folder, "anna", network) as anna, node(folder, "ben", network, **options) as ben:
        anna.knows(ben, key=key)
        ben.knows(anna, key=key)
        yield anna, ben


@contextlib.asynccontextmanager
async def impersonated(folder: Path, **options: Any) -> AsyncIterator[tuple[Node, Node, Node]]:
    """Anna and Ben, who are contacts with a key, and an impostor at Anna's address who has only her node id."""
    network = MemoryNetwork()
    (folder / "impostor").mkdir()
    async with (
        node(folder, "anna", network) as anna,
        node(folder, "ben", network, **options) as ben,
        node(folder / "impostor", "anna", network) as impostor,
    ):
        anna.knows(ben, key=KEY)
        ben.knows(anna, key=KEY, trust=Trust.AUTO)
        yield anna, ben, impostor


class HeldUp(StoreThread):
    """A store that writes the first pair secret to the disk and delays the reply about it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.kept = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def write(self, work: Callable[[Store], Result], **options: float) -> Result:
        result = await super().write(work, **options)
        if self.store.readable_secrets() and not self.kept.is_set():
            self.kept.set()
            await self.goes_on.wait()
        return result


async def called(caller: Node, callee: Node) -> tuple[Line, Line]:
    """Place a call, and let the callee read it."""
    line = await caller.switchboard.place(callee.id, Media.BOTH)
    reading = (await callee.reads_all(caller))[0]
    assert reading.line is not None
    return line, reading.line


async def in_one_call(who: Node) -> None:
    """Wait until the node's only line is active."""
    await who.until(lambda: [line.call.state for line in who.lines] == [State.ACTIVE])


async def answered(caller: Node, callee: Node) -> tuple[Line, Line]:
    """Make an active call. It is answered by hand if it rings."""
    ours, theirs = await called(caller, callee)
    if theirs.call.state is State.RINGING:
        await callee.switchboard.answer(theirs)
        await callee.until(lambda: theirs.call.state is not State.RINGING)
    if not theirs.call.paired:
        await callee.hears(Posted, theirs)
    await caller.reads_all(callee)
    await active((caller, ours), (callee, theirs))
    return ours, theirs


async def test_one_link_between_contacts_is_a_call(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        ours, theirs = await answered(anna, ben)
        assert ours.proven
        assert theirs.proven
        for who in (anna, ben):
            await who.hears(Paired)
        anna.switchboard.hang_up(ours)
        await over(ours, theirs)
        assert theirs.call.reason is EndReason.REMOTE_HUNG_UP
        assert anna.store.writable_secret(ben.id) == ben.store.writable_secret(anna.id) != KEY


async def test_a_first_contact_pairs_and_is_proven_from_the_next_call_on(tmp_path: Path) -> None:
    async with two(tmp_path, key=None) as (anna, ben):
        ours, theirs = await answered(anna, ben)
        assert not theirs.proven
        for who in (anna, ben):
            await who.hears(Paired)
        anna.switchboard.hang_up(ours)
        await over(ours, theirs)
        ours, theirs = await answered(anna, ben)
        assert theirs.proven


@pytest.mark.parametrize("key", [None, KEY])
async def test_who_couldnt_hear_the_goodbye_reads_it_in_the_chat_after_a_first_contact_too(
    tmp_path: Path, key: bytes | None
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        anna.knows(ben, key=key)
        ben.knows(anna, key=key)
        ours, theirs = await answered(anna, ben)
        for who in (anna, ben):
            await who.hears(Paired)
        network.drops = lambda *datagram: True
        anna.switchboard.hang_up(ours)
        await over(ours)
        await ben.reads_all(anna)
        await over(theirs)
        assert theirs.call.reason is EndReason.REMOTE_HUNG_UP


async def test_a_goodbye_that_a_hanging_disk_keeps_out_of_the_chat_keeps_no_call_open(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        anna.knows(ben, key=KEY)
        ben.knows(anna, key=KEY)
        ours, theirs = await answered(anna, ben)
        network.drops = lambda *datagram: True
        async with hanging_disk(anna.writes):
            anna.switchboard.hang_up(ours)
            await over(ours)
            assert anna.posts == []
        await anna.until(lambda: bool(anna.posts))
        await ben.reads_all(anna)
        await over(theirs)
        assert theirs.call.reason is EndReason.REMOTE_HUNG_UP


@pytest.mark.parametrize("key", [None, KEY])
async def test_two_who_call_each_other_get_one_call(tmp_path: Path, key: bytes | None) -> None:
    async with two(tmp_path, key=key) as (anna, ben):
        await anna.switchboard.place(ben.id, Media.BOTH)
        await ben.switchboard.place(anna.id, Media.BOTH)

        def one_call() -> bool:
            return all([line.call.state for line in who.lines] == [State.ACTIVE] for who in (anna, ben))

        await chat(anna, ben, until=one_call)


@pytest.mark.parametrize("key", [None, KEY])
async def test_of_two_who_call_each_other_each_is_where_theirs_was_placed(tmp_path: Path, key: bytes | None) -> None:
    async with two(tmp_path, key=key) as (anna, ben):
        await anna.switchboard.place(ben.id, Media.BOTH, endpoint="pattern")
        await ben.switchboard.place(anna.id, Media.BOTH, endpoint="handset")

        def one_call() -> bool:
            return all([line.call.state for line in who.lines] == [State.ACTIVE] for who in (anna, ben))

        await chat(anna, ben, until=one_call)
        assert [line.shown.endpoint for line in (*anna.lines, *ben.lines)] == ["pattern", "handset"]


async def test_the_link_of_the_call_that_gave_way_may_come_late(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        of_anna = await anna.switchboard.place(ben.id, Media.BOTH)
        of_ben = await ben.switchboard.place(anna.id, Media.BOTH)
        annas_stays = glare(of_anna.link.raw, of_ben.link.raw)
        caller, callee = (anna, ben) if annas_stays else (ben, anna)
        (late,) = callee.posts
        callee.posts = []
        await callee.reads_all(caller)
        for who in (anna, ben):
            await in_one_call(who)
        (line,) = caller.lines
        reading = await caller.reads(late)
        assert reading.line is line
        assert caller.lines == [line]
        assert line.call.state is State.ACTIVE
        assert (caller.posts, callee.posts) == ([], [])


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("trust", [Trust.RING, Trust.AUTO])
async def test_a_call_that_is_read_as_ours_is_taken_back_rings(tmp_path: Path, key: bytes | None, trust: Trust) -> None:
    """It was to become one with ours. Whatever was decided then, nobody is answered without asking for that."""
    async with two(tmp_path, key=key) as (anna, ben):
        contact = anna.store.contacts()[0]
        anna.store.save_contact(msgspec.structs.replace(contact, trust=trust, unproven=trust is Trust.AUTO))
        of_anna = await anna.switchboard.place(ben.id, Media.BOTH)
        of_ben = await ben.switchboard.place(anna.id, Media.BOTH)
        (link,) = ben.posts
        anna.switchboard.hang_up(of_anna)
        reading = await anna.reads(link)
        assert of_anna.call.ended
        assert reading.line is not None
        assert reading.line is not of_anna
        assert (reading.line.id, reading.line.call.state) == (of_ben.id, State.RINGING)
        assert reading.line.shown.automatic is False
        assert of_ben.link.reference in {call.reference for call in anna.store.running_calls()}


async def test_who_hangs_up_as_both_have_called_is_in_no_call(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        of_anna = await anna.switchboard.place(ben.id, Media.BOTH)
        of_ben = await ben.switchboard.place(anna.id, Media.BOTH)
        annas_stays = glare(of_anna.link.raw, of_ben.link.raw)
        caller, callee, gives_way = (anna, ben, of_ben) if annas_stays else (ben, anna, of_anna)
        await callee.reads_all(caller)
        callee.switchboard.hang_up(gives_way)
        await over(gives_way)
        answered = gives_way.twin
        assert answered is not None
        await over(answered)
        assert answered.call.reason is EndReason.HUNG_UP
        assert callee.lines == []


async def test_a_link_that_comes_too_late_is_a_missed_call_and_told_once(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        await anna.switchboard.place(ben.id, Media.BOTH)
        (token,) = anna.posts
        ben.now += 3600
        reading = await ben.reads(token)
        assert (reading.reason, reading.line) == (Reason.EXPIRED, None)
        assert reading.missed is not None
        assert (reading.missed.contact, reading.missed.doubtful) == ("anna", False)
        assert (await ben.reads(token)).missed is None


async def test_an_unproven_request_rings_beside_our_own_call_and_costs_it_nothing(tmp_path: Path) -> None:
    async with impersonated(tmp_path) as (anna, ben, _impostor):
        ours = await ben.switchboard.place(anna.id, Media.BOTH)
        reading = await ben.reads(forged(ben, anna.id))
        assert reading.reason is Reason.UNPROVEN
        assert reading.line is not None
        assert reading.line is not ours
        assert reading.line.call.state is State.RINGING
        assert ours.call.state is State.CALLING
        (theirs,) = [reading.line for reading in await anna.reads_all(ben)]
        assert theirs is not None
        await anna.switchboard.answer(theirs)
        await active((anna, theirs), (ben, ours))


async def test_an_unproven_call_that_is_answered_by_hand_does_not_end_a_proven_one(tmp_path: Path) -> None:
    async with impersonated(tmp_path, calls=Calls(at_once=2)) as (anna, ben, impostor):
        ours, theirs = await answered(anna, ben)
        assert theirs.shown.automatic
        forged_line = await impostor.switchboard.place(ben.id, Media.BOTH)
        (reading,) = await ben.reads_all(impostor)
        assert reading.line is not None
        await ben.switchboard.answer(reading.line)
        await ben.hears(Posted, reading.line)
        await impostor.reads_all(ben)
        await active((impostor, forged_line), (ben, reading.line))
        assert (ours.call.state, theirs.call.state) == (State.ACTIVE, State.ACTIVE)


@contextlib.asynccontextmanager
async def answered_automatically(folder: Path) -> AsyncIterator[tuple[Node, Node, Node, Line, Line]]:
    """Anna, Ben and Carol. Ben's program is answering Anna's call without asking, and the call proves nothing."""
    async with two(folder, key=None) as (anna, ben), node(folder, "carol", MemoryNetwork()) as carol:
        ben.knows(anna, trust=Trust.AUTO, unproven=True)
        ours, theirs = await called(anna, ben)
        assert (theirs.call.state, theirs.shown.automatic, theirs.proven) == (State.CONNECTING, True, False)
        yield anna, ben, carol, ours, theirs


async def test_an_unproven_call_that_is_answered_without_asking_gives_way_to_others(tmp_path: Path) -> None:
    async with answered_automatically(tmp_path) as (_, ben, carol, ours, unproven):
        for one, other in ((carol, ben), (ben, carol)):
            one.knows(other, key=KEY)
        _, theirs = await called(carol, ben)
        assert theirs.call.state is State.RINGING
        await ben.switchboard.answer(theirs)
        await over(unproven)
        assert (unproven.call.reason, unproven.connection.connected) == (EndReason.BUSY, None)
        assert not theirs.call.ended
        assert ours.call.state is State.CALLING


async def test_of_two_unproven_calls_that_are_answered_without_asking_one_connects(tmp_path: Path) -> None:
    async with answered_automatically(tmp_path) as (anna, ben, carol, ours, theirs):
        ben.knows(carol, trust=Trust.AUTO, unproven=True)
        second = (await ben.reads(forged(ben, carol.id))).line
        assert second is not None
        assert (second.call.state, second.shown.automatic) == (State.CONNECTING, True)
        await anna.reads(ben.posts[0])
        await active((anna, ours), (ben, theirs))
        await over(second)
        assert second.call.reason is EndReason.BUSY


async def test_what_an_unproven_call_agrees_on_is_quarantined_until_the_owner_confirms(tmp_path: Path) -> None:
    async with impersonated(tmp_path) as (anna, ben, impostor):
        ours, theirs = await answered(impostor, ben)
        assert not theirs.shown.automatic
        await ben.hears(PhraseKnown)
        for who in (ben, impostor):
            await who.hears(Paired)
        assert theirs.shown.quarantined
        assert ben.store.writable_secret(anna.id) == KEY
        assert ben.store.quarantined_secrets(anna.id) == [impostor.store.writable_secret(ben.id)]
        impostor.switchboard.hang_up(ours)
        await over(ours, theirs)
        impostor.knows(ben)
        _, theirs = await called(impostor, ben)
        assert (theirs.call.paired, theirs.proven, theirs.call.state) == (True, False, State.RINGING)
        assert ben.store.writable_secret(anna.id) == KEY


@pytest.mark.parametrize("endpoint", ["camera", "devices", "echo"])
async def test_what_is_chosen_for_a_contact_is_not_for_a_call_that_lacks_their_key(
    tmp_path: Path, endpoint: str
) -> None:
    async with impersonated(tmp_path, calls=Calls(at_once=2)) as (anna, ben, impostor):
        ben.knows(anna, trust=Trust.AUTO, endpoint=endpoint)
        await answered(impostor, ben)
        assert ben.endpoints == ["none"]
        ours, theirs = await called(anna, ben)
        await active((anna, ours), (ben, theirs))
        assert ben.endpoints == ["none", endpoint]


async def test_a_camera_that_everybody_gets_is_refused_to_a_call_that_lacks_the_key(tmp_path: Path) -> None:
    async with impersonated(tmp_path, usual="camera") as (_, ben, impostor):
        _, theirs = await called(impostor, ben)
        with pytest.raises(CallRefused, match="prove"):
            await ben.switchboard.answer(theirs)
        assert ben.endpoints == []


async def test_the_answering_machine_takes_no_call_that_lacks_the_key(tmp_path: Path) -> None:
    async with impersonated(tmp_path, answering=Answering(machine_after=1)) as (anna, ben, impostor):
        ben.knows(anna)
        _, theirs = await called(impostor, ben)
        ours, proven = await called(anna, ben)
        await active((anna, ours), (ben, proven))
        assert ben.endpoints == [ANSWERING_MACHINE]
        assert theirs.call.state is State.RINGING


async def test_only_what_is_proven_hears_that_we_are_busy(tmp_path: Path) -> None:
    async with impersonated(tmp_path) as (anna, ben, _impostor):
        carol_key = b"c" * 32
        network = MemoryNetwork()
        async with node(tmp_path, "carol", network) as carol:
            carol.knows(ben, key=carol_key)
            ben.knows(carol, key=carol_key)
            await answered(anna, ben)
            ben.posts.clear()
            for source in (carol.id, NodeId(b"stranger".ljust(32))):
                reading = await ben.reads(forged(ben, source))
                assert reading.reason is Reason.BUSY
            assert ben.posts == []
            await carol.switchboard.place(ben.id, Media.BOTH)
            await ben.reads_all(carol)
            assert len(ben.posts) == 1


async def test_a_stranger_costs_a_contact_nothing_and_the_owner_is_told_once(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        readings = [
            await ben.reads(forged(ben, NodeId(number.to_bytes(32, "big")), number=number)) for number in range(1, 60)
        ]
        assert sum(reading.line is not None for reading in readings) == LIMITS[Caller.STRANGER].at_once
        assert [reading.dropped for reading in readings if reading.dropped] == [Dropped(Caller.STRANGER)]
        _, theirs = await called(anna, ben)
        assert theirs.call.state is State.RINGING


async def test_missed_calls_that_anybody_can_forge_are_few_and_leave_few_marks(tmp_path: Path) -> None:
    async with two(tmp_path) as (_, ben):

        def marks() -> int:
            return int(ben.store.rows("SELECT count(*) FROM links")[0][0])

        readings = [
            await ben.reads(forged(ben, NodeId(number.to_bytes(32, "big")), number=number, age=3600))
            for number in range(1, 90)
        ]
        assert {reading.reason for reading in readings} == {Reason.EXPIRED}
        assert sum(reading.missed is not None for reading in readings) == LIMITS[Caller.STRANGER].missed
        assert marks() == LIMITS[Caller.STRANGER].missed
        ben.now += WINDOW_SECONDS
        assert (await ben.reads(forged(ben, NodeId(bytes(32)), age=3600))).missed is not None


async def test_a_disk_that_cannot_be_written_costs_no_other_call_and_what_was_to_be_kept_is_kept_later(
    tmp_path: Path,
) -> None:
    network = MemoryNetwork()
    async with (
        node(tmp_path, "anna", network) as anna,
        node(tmp_path, "carol", network) as carol,
        node(tmp_path, "ben", network, calls=Calls(at_once=2), busy_seconds=0.05) as ben,
    ):
        for other in (anna, carol):
            other.knows(ben, key=other.id.key)
            ben.knows(other, key=other.id.key, trust=Trust.AUTO)
        ours, theirs = await answered(anna, ben)
        ben.knows(carol)
        others, kept = await answered(carol, ben)
        for who in (anna, ben, carol):
            await who.hears(Paired)
        await ben.until(lambda: sum(isinstance(news, Paired) for _, news in ben.heard) == 2)
        with locked(ben):
            ben.switchboard.hang_up(theirs)
            await over(theirs, ours)
            assert theirs.call.reason is EndReason.HUNG_UP
            await ben.hears(NotKept, theirs)
            assert kept.call.state is State.ACTIVE
            with pytest.raises(StoreError):
                await ben.reads(forged(ben, NodeId(bytes(32))))
        await ben.switchboard.upkeep()
        assert [record.peer for record in ben.store.call_log(2)] == [anna.id]
        assert [call.peer for call in ben.store.running_calls()] == [carol.id]
        assert others.call.state is State.ACTIVE


class NoFile(NoMedia):
    """An endpoint that can't begin."""

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        raise MediaError("There is no file x.wav.", "Set `file` under [media].")


async def test_what_to_do_about_a_call_that_failed_reaches_its_owner(tmp_path: Path) -> None:
    async with two(tmp_path) as (anna, ben):
        ben.endpoint = NoFile
        _, theirs = await called(anna, ben)
        await ben.switchboard.answer(theirs)
        await over(theirs)
        assert theirs.call.reason is EndReason.FAILED
        said = chat_texts.ended(theirs)
        assert "There is no file x.wav." in said.sentence
        assert said.hint == report(theirs)["hint"] == "Set `file` under [media]."


async def test_a_listener_that_fails_in_any_way_costs_the_call_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with two(tmp_path) as (anna, ben):
        ben.breaks = Changed
        ours, theirs = await answered(anna, ben)
        assert theirs.call.state is State.ACTIVE
        told = sum(isinstance(news, Changed) for _, news in ben.heard)
        assert caplog.text.count("Changed couldn't be told") == told
        anna.switchboard.hang_up(ours)
        await over(ours, theirs)
        assert theirs.call.reason is EndReason.REMOTE_HUNG_UP


@pytest.mark.parametrize("task", ["line", "session", "The upkeep of calls"])
async def test_a_task_that_is_ended_costs_its_own_call_at_most(tmp_path: Path, task: str) -> None:
    network = MemoryNetwork()
    async with (
        node(tmp_path, "anna", network) as anna,
        node(tmp_path, "carol", network) as carol,
        node(tmp_path, "ben", network, calls=Calls(at_once=2)) as ben,
    ):
        for other in (anna, carol):
            other.knows(ben, key=other.id.key)
            ben.knows(other, key=other.id.key)
        before = asyncio.all_tasks()
        _ours, theirs = await answered(anna, ben)
        others, kept = await answered(carol, ben)
        mine = [theirs.life, theirs.connection.carrier] if task != "The upkeep of calls" else list(before)
        victims = [each for each in mine if each is not None and each.get_name().startswith(task)]
        assert victims
        for victim in victims:
            victim.cancel()
        if task == "The upkeep of calls":
            assert theirs.call.state is State.ACTIVE
            await ben.switchboard.upkeep()
        else:
            await over(theirs)
            assert ben.lines == [kept]
            await ben.switchboard.upkeep()
            assert [entry.peer for entry in ben.store.call_log(2)] == [anna.id]
            assert [call.peer for call in ben.store.running_calls()] == [carol.id]
        assert (others.call.state, kept.call.state) == (State.ACTIVE, State.ACTIVE)
        ben.switchboard.hang_up(kept)
        await over(kept, others)


async def test_a_caller_saved_in_the_moment_in_which_the_key_is_kept_is_saved_with_it(tmp_path: Path) -> None:
    network = MemoryNetwork()
    with Store(tmp_path / "anna.db") as store:
        async with HeldUp(store) as writes, node(tmp_path, "ben", network) as ben:
            anna = Node("anna", network, writes, Clock(), files=tmp_path / "files")
            async with anna.switchboard.running():
                line, theirs = await called(anna, ben)
                await ben.switchboard.answer(theirs)
                await ben.hears(Posted, theirs)
                await anna.reads_all(ben)
                async with asyncio.timeout(PATIENCE):
                    await writes.kept.wait()
                contact = Contact(name="ben", node=ben.id, trust=Trust.RING, created=0)
                await writes.write(lambda store: store.add_contact(contact, agreed=Agreed(line.secrets)))
                writes.goes_on.set()
                await anna.hears(Paired)
                assert not line.shown.quarantined
                assert store.quarantined_secrets(ben.id) == []
                assert store.writable_secret(ben.id) is not None
