"""One session with links, floods, losses and faults, observed from the other end of its call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from peer.calls.attempts import Ends
from peer.calls.conversation import SILENCE_SECONDS
from peer.calls.limits import LIMITS, LOSSES, OWN_TEXTS
from peer.calls.session_events import (
    AttemptFailed,
    Broke,
    ByeUnheard,
    Committed,
    Connected,
    Dials,
    FirstMedia,
    Kept,
    MediaAgreed,
    Proposed,
)
from peer.media.endpoints.none import NoMedia
from peer.media.endpoints.pattern import Pattern
from shared.call.events import PathLost, PathRestored, RemoteBye, RemoteFlooded
from shared.call.records import RunningCall
from shared.errors import LocalProtocolError, StoreError
from shared.media import Media
from shared.messages import Hello, MediaState, Message, OnHold, PairConfirm, PairKept, Ping, Pong, Text
from shared.rate import Bucket, Limit
from shared.secrets.handshake import Role
from shared.secrets.pairing import kept_mac
from tests.peer.calls.ends import PATIENCE, Contacting, End, TwoEnds, paired_call_up, running, two_ends
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.pair import ANNA, BEN
from tests.shared.sleeping import run_sleeping


async def test_two_sessions_connect_and_agree_on_a_new_pair_secret() -> None:
    async with paired_call_up() as call:
        proposed = [await end.tells(Proposed) for end in (call.caller, call.callee)]
        assert proposed[0] == proposed[1]
        assert len(proposed[0].phrase.split()) == 4
        assert [(await end.tells(Committed)).secret for end in (call.caller, call.callee)] == [proposed[0].secret] * 2


async def test_a_slow_disk_doesnt_hold_up_the_sound_which_counts_once_the_call_counts_as_connected() -> None:
    async with two_ends(endpoint=Pattern) as ends:
        ends.callee.disk.clear()
        ends.dial(Media.AUDIO)
        await ends.caller.tells(FirstMedia)  # Ben's sound arrives while his disk is slow
        assert ends.callee.told == []
        ends.callee.disk.set()
        await ends.callee.tells(Connected)
        await ends.callee.tells(FirstMedia)


async def test_a_line_of_text_arrives_as_it_was_written() -> None:
    async with paired_call_up() as call:
        call.caller.session.write("Hello, Ben")
        assert await call.callee.tells(Text) == Text("Hello, Ben")


async def test_a_goodbye_is_heard_and_ends_the_other_session() -> None:
    async with paired_call_up() as call:
        call.caller.session.end("hung up")
        await call.callee.tells(RemoteBye)
        assert not call.caller.has_told(ByeUnheard)


async def test_a_goodbye_on_a_leg_that_the_other_side_has_lost_and_closes_counts_as_unheard() -> None:
    async with paired_call_up() as call:
        caller = call.caller.session.ports[0]
        call.network.drops = lambda datagram, source, destination: source[1] == caller
        call.caller.session.end("hung up")
        leg = call.callee.session.leg
        assert leg is not None
        await leg.close()
        await call.caller.tells(ByeUnheard)
        assert not call.callee.has_told(RemoteBye)


async def test_two_who_say_goodbye_at_the_same_time_both_count_as_heard() -> None:
    async with paired_call_up() as call:
        ends = call.caller, call.callee
        for end in ends:
            end.session.end("hung up")
        async with asyncio.timeout(PATIENCE):
            for end in ends:
                await end.over.wait()
        assert not any(end.has_told(ByeUnheard) for end in ends)


class ClosesLate(NoMedia):
    """Waits with closing, as a recording does whose disk hangs."""

    def __init__(self) -> None:
        self.disk = asyncio.Event()

    async def detach(self) -> None:
        await self.disk.wait()


async def test_an_endpoint_that_a_hanging_disk_keeps_open_keeps_neither_the_goodbye_nor_the_socket() -> None:
    endpoint = ClosesLate()
    async with two_ends(endpoint=lambda: endpoint) as call:
        call.dial()
        await call.connected()
        socket = call.caller.session.call_socket.socket
        assert socket is not None
        try:
            call.caller.session.end("hung up")
            await call.callee.tells(RemoteBye)
            async with asyncio.timeout(PATIENCE):
                while not socket.closed:
                    call.network.happened.clear()
                    await call.network.happened.wait()
            assert not call.caller.over.is_set()
        finally:
            endpoint.disk.set()
        async with asyncio.timeout(PATIENCE):
            await call.caller.over.wait()


async def test_the_first_acceptance_is_dialled_at_once_though_the_callee_is_silent() -> None:
    async with two_ends() as ends:
        contact = Contacting.between(ends)
        contact.caller_reads(contact.response)
        contact.callee_dials()
        await ends.connected()


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 8), (8, 8), (900, 0), (0, 900), (3000, 3000)])
async def test_forged_acceptances_before_and_after_the_true_one_keep_no_first_contact_from_connecting(
    before: int, after: int
) -> None:
    async with two_ends() as ends:
        contact = Contacting.between(ends)
        contact.caller_reads(*(contact.forged(number) for number in range(before)))
        contact.caller_reads(contact.response)
        contact.caller_reads(*(contact.forged(before + number) for number in range(after)))
        contact.callee_dials()
        await ends.connected()
        # The true acceptance decides which media the call has, not a forged one.
        assert [event for event in ends.caller.told if isinstance(event, MediaAgreed)] == [MediaAgreed(Media.BOTH)]


async def test_nothing_is_sent_to_the_ports_that_later_acceptances_name() -> None:
    async with two_ends() as ends:
        contact = Contacting.between(ends)
        contact.caller_reads(*(contact.forged(number, port=1000 + number) for number in range(100)))
        contact.caller_reads(contact.response)
        contact.callee_dials()
        await ends.connected()
        caller = ends.caller.session.ports[0]
        to = {destination[1] for source, destination, _ in ends.network.sent if source[1] == caller}
        assert to == {1000, ends.callee.session.ports[0]}


async def test_later_acceptances_begin_nothing_until_a_check_proves_them() -> None:
    async with two_ends() as ends:
        contact = Contacting.between(ends)
        contact.caller_reads(contact.forged(0))
        before = len(asyncio.all_tasks())
        contact.caller_reads(*(contact.forged(1 + number) for number in range(100)))
        assert len(asyncio.all_tasks()) == before


async def test_an_attempt_that_comes_when_the_call_is_connected_begins_nothing() -> None:
    async with paired_call_up() as call:
        contact = Contacting.between(call)
        before, legs = asyncio.all_tasks(), [end.session.leg for end in (call.caller, call.callee)]
        call.dial()
        contact.caller_reads(contact.response, contact.forged(1))
        contact.callee_dials()
        assert asyncio.all_tasks() == before
        call.caller.session.write("Still on the first leg")
        await call.callee.tells(Text)
        assert [end.session.leg for end in (call.caller, call.callee)] == legs


@pytest.mark.parametrize(
    "message",
    [
        Text("spam"),
        MediaState(audio=True, video=False),
        Ping(1),
        Pong(1),
        Hello(1, int(Media.BOTH)),
        OnHold(True),
    ],
    ids=lambda message: type(message).__name__,
)
async def test_a_flood_of_any_message_ends_the_call_with_one_reason(message: Message) -> None:
    async with paired_call_up() as call:
        await call.callee.tells(Committed)
        leg = call.caller.session.leg
        assert leg is not None
        for _ in range(LIMITS[type(message)].at_once + 20):
            leg.control.send(message)
        await call.callee.tells(RemoteFlooded)
        told = sum(isinstance(event, type(message)) for event in call.callee.told)
        assert told <= LIMITS[type(message)].at_once + 1
        assert not call.callee.has_told(Broke)


async def test_a_message_of_pairing_that_has_no_place_ends_the_call() -> None:
    async with paired_call_up() as call:
        await call.callee.tells(Committed)
        leg = call.caller.session.leg
        assert leg is not None
        leg.control.send(PairConfirm(bytes(32)))
        await call.callee.tells(Broke)


async def test_the_owner_s_own_lines_never_make_a_flood() -> None:
    async with paired_call_up() as call:
        for _ in range(OWN_TEXTS.at_once):
            call.caller.session.write("line")
        with pytest.raises(LocalProtocolError, match="too many lines"):
            call.caller.session.write("one more")
        for _ in range(OWN_TEXTS.at_once):
            await call.callee.tells(Text)
        assert not call.callee.has_told(RemoteFlooded)


async def test_a_path_that_is_cut_is_dialled_again_by_the_next_epoch() -> None:
    async with paired_call_up() as call:
        await cut(call)
        for end in (call.caller, call.callee):
            end.session.path.redialling.want()
        for end in (call.caller, call.callee):
            await end.tells(PathRestored)
        assert [event.epoch for event in call.caller.told if isinstance(event, Dials)][-1] >= 1


async def _both_sleep(sleep: Callable[[], None]) -> None:
    async with paired_call_up() as call:
        for end in (call.caller, call.callee):
            await end.tells(Committed)
        sleep()
        for end in (call.caller, call.callee):
            await end.tells(PathLost)
            end.session.path.redialling.want()
        for end in (call.caller, call.callee):
            await end.tells(PathRestored)


def test_a_path_on_which_the_machine_slept_is_dialled_again_at_once() -> None:
    run_sleeping(__name__, _both_sleep.__name__)


async def test_a_side_that_breaks_the_path_again_and_again_ends_the_call() -> None:
    async with paired_call_up() as call:
        call.callee.session.path._losses = Bucket(Limit(at_once=1, per_second=0.0))
        for told in (PathLost, Broke):
            # Anna closes her leg and dials again at once.
            leg = call.caller.session.leg
            assert leg is not None
            await leg.close()
            await call.caller.tells(PathLost)
            await call.callee.tells(told)
            if told is PathLost:
                for end in (call.caller, call.callee):
                    end.session.path.redialling.want()
                for end in (call.caller, call.callee):
                    await end.tells(PathRestored)


async def test_who_says_on_leg_after_leg_that_it_has_no_pair_secret_gets_new_words_a_few_times_only() -> None:
    async with paired_call_up() as call:
        for end in (call.caller, call.callee):
            await end.tells(Committed)
        call.callee.session._limiter._pairings = Bucket(Limit(at_once=1, per_second=0.0))
        for allowed in (True, False):
            assert call.caller.session._conversation is not None
            call.caller.session._conversation.agreed_secret = None
            await cut(call)
            for end in (call.caller, call.callee):
                end.session.path.redialling.want()
            for end in (call.caller, call.callee):
                await end.tells(PathRestored)
            if allowed:
                for end in (call.caller, call.callee):
                    await end.tells(Committed)
        call.caller.session.write("I have none, as my hello says")
        await call.callee.tells(Text)
        assert sum(isinstance(event, Proposed) for event in call.callee.told) == 2, "the first leg's, and one more"
        assert not call.callee.has_told(Broke)


async def test_a_confirmation_that_comes_again_and_again_is_stored_once() -> None:
    async with paired_call_up() as call:
        for end in (call.caller, call.callee):
            await end.tells(Committed)
        leg, theirs = call.caller.session.leg, call.callee.session._conversation
        assert leg is not None
        assert theirs is not None
        assert theirs.agreed_secret is not None
        before = sum(isinstance(event, Committed) for event in call.callee.told)
        for _ in range(3):
            leg.control.send(PairKept(kept_mac(Role.CALLER, theirs.agreed_secret, leg.exported)))
        call.caller.session.write("That was it")
        await call.callee.tells(Text)
        assert sum(isinstance(event, Committed) for event in call.callee.told) == before + 1


def test_a_path_that_is_bad_all_the_time_is_not_taken_for_one_that_is_broken_on_purpose() -> None:
    assert LOSSES.per_second > 1 / SILENCE_SECONDS


async def test_a_goodbye_is_heard_although_the_disk_is_slow() -> None:
    async with two_ends() as call:
        contact = Contacting.between(call)
        slow, stored = asyncio.Event(), call.callee.session._keep

        async def keep(event: Kept) -> None:
            await stored(event)
            if isinstance(event, Committed):
                await slow.wait()

        call.callee.session._keep = keep
        contact.caller_reads(contact.response)
        contact.callee_dials()
        await call.connected()
        await call.callee.tells(Committed)
        call.caller.session.end("hung up")
        await call.caller.over.wait()
        slow.set()
        await call.callee.tells(RemoteBye)
        assert not call.callee.has_told(PathLost)


@pytest.mark.parametrize("unheard", ["caller", "callee"])
async def test_a_pair_secret_whose_confirmation_was_lost_is_confirmed_when_the_call_is_dialled_again(
    unheard: str,
) -> None:
    network = MemoryNetwork()
    async with two_ends(network) as call:
        side: End = getattr(call, unheard)
        # As soon as one side has stored the secret, no datagram arrives anywhere.
        network.drops = lambda *_: side.has_told(Proposed)
        contact = Contacting.between(call)
        contact.caller_reads(contact.response)
        contact.callee_dials()
        await call.connected()
        proposed = await side.tells(Proposed)
        other = call.callee if side is call.caller else call.caller
        assert not other.has_told(Committed)
        network.drops = lambda *_: False
        await cut(call)
        assert other.has_told(Proposed)
        for end in (call.caller, call.callee):
            end.session.path.redialling.want()
        for end in (call.caller, call.callee):
            await end.tells(PathRestored)
        for end in (call.caller, call.callee):
            assert (await end.tells(Committed)).secret == proposed.secret


async def test_what_was_kept_of_a_call_is_enough_to_take_it_up_again() -> None:
    network = MemoryNetwork()
    async with two_ends(network) as call:
        contact = Contacting.between(call)
        contact.caller_reads(contact.response)
        contact.callee_dials()
        connected, _ = await call.connected()
        ports = call.caller.session.ports
        call.caller.session.end(None)
        await call.caller.over.wait()
        await call.callee.tells(PathLost)
        again = End(network, Ends(Role.CALLER, ANNA, BEN), rejoined=kept(connected.secret, ports))
        async with running(again):
            again.session.path.redialling.want()
            call.callee.session.path.redialling.want()
            await again.tells(PathRestored)
            await call.callee.tells(PathRestored)
            again.session.write("I am back")
            assert await call.callee.tells(Text) == Text("I am back")


async def test_what_cannot_be_kept_breaks_the_call_and_nothing_else() -> None:
    async with two_ends() as ends:
        ends.caller.failing = StoreError("The disk is full.")
        contact = Contacting.between(ends)
        contact.caller_reads(contact.response)
        contact.callee_dials()
        broke = await ends.caller.tells(Broke)
        assert broke.error.sentence == "The disk is full."


@pytest.mark.parametrize(("anna", "ben"), [(None, None), (b"p" * 32, None), (None, b"p" * 32)])
async def test_a_side_that_was_killed_before_it_had_paired_pairs_when_the_call_is_taken_up_again(
    anna: bytes | None, ben: bytes | None
) -> None:
    async with taken_up(anna, ben) as call:
        proposed = [await end.tells(Proposed) for end in (call.caller, call.callee)]
        assert proposed[0] == proposed[1]
        assert [(await end.tells(Committed)).secret for end in (call.caller, call.callee)] == [proposed[0].secret] * 2


async def test_two_that_had_paired_do_not_pair_again_when_the_call_is_taken_up() -> None:
    async with taken_up(b"p" * 32, b"p" * 32) as call:
        call.caller.session.write("Are you there?")
        await call.callee.tells(Text)
        call.callee.session.write("I am")
        await call.caller.tells(Text)
        assert not any(end.has_told(Proposed) for end in (call.caller, call.callee))


async def test_a_pair_secret_that_the_disk_does_not_take_costs_the_secret_and_not_the_call() -> None:
    async with two_ends() as ends:
        contact = Contacting.between(ends)
        stored = ends.caller.session._keep

        async def keep(event: Kept) -> None:
            if isinstance(event, Proposed):
                raise StoreError("The disk is full.")
            await stored(event)

        ends.caller.session._keep = keep
        contact.caller_reads(contact.response)
        contact.callee_dials()
        await ends.connected()
        await ends.callee.tells(Proposed)
        for one, other in ((ends.caller, ends.callee), (ends.callee, ends.caller)):
            one.session.write("Hello")
            await other.tells(Text)
        assert not any(end.has_told(kind) for end in (ends.caller, ends.callee) for kind in (Broke, Committed))
        # There is room again after the path was lost and dialled again.
        ends.caller.session._keep = stored
        await cut(ends)
        for end in (ends.caller, ends.callee):
            end.session.path.redialling.want()
        for end in (ends.caller, ends.callee):
            await end.tells(PathRestored)
        secrets = [(await end.tells(Committed)).secret for end in (ends.caller, ends.callee)]
        assert secrets[0] == secrets[1]


@asynccontextmanager
async def taken_up(annas: bytes | None, bens: bytes | None) -> AsyncIterator[TwoEnds]:
    """Dial a call again in which both programs were killed. A side that had paired has kept the secret."""
    network = MemoryNetwork()
    call = TwoEnds(
        network,
        End(network, Ends(Role.CALLER, ANNA, BEN), rejoined=kept(b"x" * 32, (41_000, 42_000), annas)),
        End(network, Ends(Role.CALLEE, BEN, ANNA), rejoined=kept(b"x" * 32, (42_000, 41_000), bens)),
    )
    async with running(call.caller, call.callee):
        for end in (call.caller, call.callee):
            end.session.path.redialling.want()
        for end in (call.caller, call.callee):
            await end.tells(PathRestored)
        yield call


@pytest.mark.parametrize("name", ["media", "redialling", "following the overlay", "a leg"])
async def test_what_ends_a_task_that_a_call_cannot_do_without_ends_that_call_with_a_reason(name: str) -> None:
    async with paired_call_up() as other:
        before = asyncio.all_tasks()
        async with paired_call_up() as call:
            await asyncio.gather(*(end.tells(Committed) for end in (call.caller, call.callee)))
            victim, *_ = (task for task in asyncio.all_tasks() - before if task.get_name() == name)
            victim.cancel()
            while not any(end.has_told(Broke) for end in (call.caller, call.callee)):
                await asyncio.wait([victim])
            await asyncio.sleep(0)
            assert sum(end.has_told(Broke) for end in (call.caller, call.callee)) == 1
        other.caller.session.write("Still here")
        assert await other.callee.tells(Text) == Text("Still here")


@pytest.mark.parametrize("name", ["pings", "being overtaken"])
async def test_what_ends_a_task_that_looks_after_a_leg_ends_that_leg_and_the_call_is_dialled_again(name: str) -> None:
    async with paired_call_up() as call:
        await asyncio.gather(*(end.tells(Committed) for end in (call.caller, call.callee)))
        for victim in asyncio.all_tasks():
            if victim.get_name() == name:
                victim.cancel()
        for end in (call.caller, call.callee):
            await end.tells(PathLost)
            end.session.path.redialling.want()
        for end in (call.caller, call.callee):
            await end.tells(PathRestored)
            assert not end.has_told(Broke)


async def test_an_attempt_that_something_ends_counts_as_one_that_failed() -> None:
    async with two_ends() as ends:
        contact = Contacting.between(ends)
        before = asyncio.all_tasks()
        contact.caller_reads(contact.response)
        (attempt,) = (task for task in asyncio.all_tasks() - before if task.get_name() == "a leg")
        await asyncio.sleep(0)
        attempt.cancel()
        await ends.caller.tells(AttemptFailed)


async def cut(call: TwoEnds) -> None:
    """Lose the path of both sides, as if nothing had arrived for long."""
    for end in (call.caller, call.callee):
        leg = end.session.leg
        assert leg is not None
        leg.closed.set()
    for end in (call.caller, call.callee):
        await end.tells(PathLost)


def kept(secret: bytes, ports: tuple[int, int], agreed: bytes | None = None) -> RunningCall:
    """The entry on the disk for Anna's call to Ben."""
    return RunningCall(
        reference=b"r" * 8,
        peer=BEN,
        role=str(Role.CALLER),
        media=Media.BOTH,
        started=1,
        secret=secret,
        epoch=0,
        created=1,
        alive=1,
        port=ports[0],
        remote_port=ports[1],
        chat="chat",
        phrase="",
        paired=True,
        automatic=False,
        remote_automatic=False,
        machine=False,
        name="",
        endpoint="none",
        agreed=agreed,
    )
