"""What admission makes of links. Ben reads them; the calls that he lets in are started, but nothing carries them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from peer.calls.admission import MISSED_SECONDS, Admission
from peer.calls.budget import LIMITS, Budget, Caller, Dropped
from peer.calls.call_policy import CallPolicy
from peer.calls.endpoint_choice import EndpointChoice
from peer.calls.incoming import IncomingCalls
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from peer.calls.line_records import record
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.link_writer import LinkWriter, unwritten
from peer.calls.news import CallListeners
from peer.calls.reading import MissedCall
from peer.calls.silenced import SilencedStrangers
from peer.calls.standing import LineStanding
from peer.media import CallContext
from peer.media.endpoints.none import NoMedia
from shared.call.effects import AnnounceAnswer, Effect, PostBusy, Ring
from shared.call.events import (
    Event,
    Glare,
    HangUp,
    LegUp,
    RemoteAccepted,
    RemoteBusy,
    RemoteCancelled,
    RemoteDeclined,
    RemoteRinging,
)
from shared.call.table import EndReason, State, glare, outgoing
from shared.config.schema import Answering, Calls
from shared.contacts import Contact, Trust
from shared.links.kinds import MAX_CLOCK_AHEAD, PairedToken, Request, Response, Status
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store, StoreThread
from tests.peer.calls.nodes import Clock

ANNA = NodeId(b"anna".ljust(32))
BEN = NodeId(b"ben".ljust(32))
CAROL = NodeId(b"carol".ljust(32))
EVE = NodeId(b"eve".ljust(32))

KEY = b"k" * 32
"What Anna and Ben share."

PORT = 40_000

PATIENCE = 30.0
"Seconds after which a missing event counts as a failure."


class Started:
    """Adds lines as a runner does, but carries out no effects."""

    def __init__(self, lines: Lines, store: Store) -> None:
        self._lines = lines
        self._store = store
        self.began: list[tuple[Line, tuple[Effect, ...]]] = []
        "Every line that was started, with its first effects."

        self.kept: list[bytes] = []
        "The references of the calls that were on the disk when the latest line was started."

    async def start(self, line: Line, effects: tuple[Effect, ...]) -> None:
        self.began.append((line, effects))
        self.kept = [call.reference for call in self._store.running_calls()]
        if not line.call.ended:
            self._lines.append(line)


class Quiet:
    """Endpoints without sound and picture."""

    def usual(self) -> str:
        return "none"

    def make(self, name: str, context: CallContext) -> NoMedia:
        return NoMedia()


class Ben:
    """Ben's book, his calls, and what reads the links that come to him."""

    def __init__(self, writes: StoreThread, clock: Clock, settings: Calls, *, call_waiting: bool) -> None:
        """`call_waiting`: he can be asked about another call while he is in one."""
        self.clock = clock
        self.store = writes.store
        self.lines = Lines()
        self.started = Started(self.lines, self.store)
        self.sealing_key = X25519PrivateKey.generate()
        self._lifetime = settings.lifetime
        standing = LineStanding(self.lines, self.store)
        policy = CallPolicy(
            lines=self.lines,
            choice=EndpointChoice(self.store, standing, Quiet()),
            settings=settings,
            answering=Answering(),
            silenced=SilencedStrangers(clock),
            call_waiting=lambda: call_waiting,
            clock=clock,
        )
        self.writer = LinkWriter(BEN, writes, CallListeners([]), clock)
        self.admission = Admission(
            IncomingCalls(
                self.lines, self.started, standing, writes, policy, Budget(self.lines, clock), settings, clock
            ),
            LinkReader(BEN, self.store, self.sealing_key),
            self.writer,
        )

    @property
    def now(self) -> int:
        return int(self.clock.now)

    def knows(
        self, node: NodeId, name: str, *, trust: Trust = Trust.RING, key: bytes | None = KEY, unproven: bool = False
    ) -> None:
        """Save a contact, with a shared key if one is given."""
        self.store.save_contact(Contact(name=name, node=node, trust=trust, created=0, unproven=unproven))
        if key is not None:
            self.store.propose_secret(node, key, 0)
            self.store.commit_secret(node, key)

    async def places(self, node: NodeId, *, sealing_key: bytes | None = None, shown: Presented | None = None) -> Line:
        """Call somebody: the link is written, and nobody has read it."""
        link = unwritten(self.store, node, Media.BOTH, self.now)
        call, effects = outgoing(paired=link.proven)
        line = Line(
            self.lines.next_number(),
            call,
            link,
            chat="chat",
            expires=self.now + self._lifetime,
            shown=(shown or Presented()).of(self.store.contact_of(node)),
            sealing_key=sealing_key,
        )
        self.writer.request(line, PORT)
        await self.started.start(line, effects)
        return line

    def ends(self, line: Line) -> None:
        """Let a call be over, and in the log."""
        line.step(HangUp())
        self.lines.remove(line)
        self.store.end_call(record(line, self.now))


@contextlib.asynccontextmanager
async def ben(folder: Path, *, call_waiting: bool = False, **settings: object) -> AsyncIterator[Ben]:
    """Ben, who knows Anna and shares a key with her."""
    clock = Clock()
    with Store(folder / "ben.db") as store:
        async with StoreThread(store, clock=clock) as writes:
            made = Ben(writes, clock, Calls(**settings), call_waiting=call_waiting)  # type: ignore[arg-type]
            made.knows(ANNA, "anna")
            yield made


def call_link(to: Ben, *, source: NodeId = ANNA, key: bytes = KEY, age: int = 0, nonce: bytes = b"") -> PairedToken:
    """The link of a call by a contact."""
    said = PairedBody(Operation.CALL, Media.BOTH, to.now - age, PORT)
    return seal(said, secret=key, source=source, destination=BEN, nonce=nonce or secrets.token_bytes(12))


def request(to: Ben, source: NodeId, *, age: int = 0, whom: NodeId = BEN) -> Request:
    """A request, which anybody can write in anybody's name."""
    return Request.to(
        whom,
        media=Media.BOTH,
        created=to.now - age,
        seed=secrets.token_bytes(16),
        source=source,
        fingerprint=b"f" * 32,
        port=PORT,
    )


def said_of(line: Line, operation: Operation, *, source: NodeId = ANNA, key: bytes = KEY) -> str:
    """A link that says something about a call."""
    said = PairedBody(operation, Media.NONE, line.link.created, reference=line.link.reference)
    return seal(said, secret=key, source=source, destination=BEN, nonce=secrets.token_bytes(12)).token


def up(who: Ben, line: Line) -> None:
    """Let a call be connected."""
    line.step(LegUp())
    line.connects(b"r" * 32, None, who.now)


async def happens_to(line: Line) -> Event:
    """The next event in the line's inbox."""
    async with asyncio.timeout(PATIENCE):
        return await line.next_event()


# Calls that are let in.


async def test_a_contacts_call_rings(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        reading = await who.admission.read(call_link(who).token)
        ((line, effects),) = who.started.began
        assert (reading.reason, reading.line) == (Reason.ASK, line)
        assert (line.name, line.proven, line.call.state) == ("anna", True, State.RINGING)
        assert effects[0] == Ring()
        assert who.lines == [line]


async def test_a_trusted_contacts_call_is_answered_without_asking(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        who.knows(CAROL, "carol", trust=Trust.AUTO, key=b"c" * 32)
        reading = await who.admission.read(call_link(who, source=CAROL, key=b"c" * 32).token)
        ((line, effects),) = who.started.began
        assert (reading.reason, line.call.state) == (Reason.TRUSTED, State.CONNECTING)
        assert effects[0] == AnnounceAnswer()
        assert line.shown.automatic


async def test_a_trusted_contacts_call_that_the_owner_answers_by_hand_is_not_answered_automatically(
    tmp_path: Path,
) -> None:
    async with ben(tmp_path) as who:
        who.knows(CAROL, "carol", trust=Trust.AUTO, key=b"c" * 32)
        await who.admission.read(call_link(who, source=CAROL, key=b"c" * 32).token, by_hand=True)
        ((line, effects),) = who.started.began
        assert (line.call.state, line.shown.automatic) == (State.CONNECTING, False)
        assert AnnounceAnswer() not in effects


async def test_a_call_is_on_the_disk_before_it_begins(tmp_path: Path) -> None:
    """A program that is killed from here on logs the call in its next run."""
    async with ben(tmp_path) as who:
        line = (await who.admission.read(call_link(who).token)).line
        assert line is not None
        assert who.started.kept == [line.link.reference]


# Calls that aren't.


async def test_a_stranger_rings_unless_the_owner_wants_none(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        reading = await who.admission.read(request(who, EVE).token)
        assert reading.reason is Reason.NEW_CALLER
        assert reading.line is not None
        assert (reading.line.stranger, reading.line.call.state) == (True, State.RINGING)


async def test_an_unknown_caller_is_ignored_if_the_owner_wants_that(tmp_path: Path) -> None:
    async with ben(tmp_path, unknown="ignore") as who:
        token = request(who, EVE).token
        for _ in range(2):
            assert (await who.admission.read(token)).reason is Reason.UNKNOWN_CALLER
        assert who.started.began == []


async def test_a_link_that_none_of_the_keys_opens_is_an_unknown_callers(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        reading = await who.admission.read(call_link(who, source=EVE, key=b"e" * 32).token)
        assert (reading.reason, reading.line, who.started.began) == (Reason.UNKNOWN_CALLER, None, [])


async def test_a_blocked_contact_is_ignored_with_their_key_and_without(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        who.knows(CAROL, "carol", trust=Trust.BLOCK, key=b"c" * 32)
        for token in (call_link(who, source=CAROL, key=b"c" * 32).token, request(who, CAROL).token):
            assert (await who.admission.read(token)).reason is Reason.BLOCKED
        assert who.started.began == []


async def test_a_used_link_is_refused(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        for token in (call_link(who).token, request(who, EVE).token):
            began = len(who.started.began)
            line = (await who.admission.read(token)).line
            assert line is not None
            for over in (False, True):
                if over:
                    who.ends(line)
                assert (await who.admission.read(token)).reason is Reason.ALREADY_USED
            assert len(who.started.began) == began + 1


async def test_a_used_link_that_came_to_no_call_is_used_once_more_after_a_kill(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        token = call_link(who).token
        await who.admission.read(token)
        who.lines.clear()  # the program was killed before the call began
        line = (await who.admission.read(token, again=True)).line
        assert line is not None
        assert (await who.admission.read(token, again=True)).reason is Reason.ALREADY_USED
        who.ends(line)
        assert (await who.admission.read(token, again=True)).reason is Reason.ALREADY_USED
        assert len(who.started.began) == 2


async def test_a_link_to_somebody_else_and_ones_own_begin_nothing(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA)
        assert ours.link.token is not None
        await who.writer.post(ours, ours.link.token.token, ours.link.raw)
        for token, reason in (
            (request(who, EVE, whom=CAROL).token, Reason.NOT_FOR_THIS_NODE),
            (ours.link.token.token, Reason.OWN_LINK),
            ("not a link", Reason.MALFORMED),
        ):
            assert (await who.admission.read(token)).reason is reason
        assert who.lines == [ours]


# Busy.


@pytest.mark.parametrize("call_waiting", [False, True])
async def test_beside_a_call_another_caller_hears_busy_unless_the_owner_can_be_asked(
    tmp_path: Path, call_waiting: bool
) -> None:
    async with ben(tmp_path, call_waiting=call_waiting) as who:
        ours = await who.places(CAROL)
        up(who, ours)
        reading = await who.admission.read(call_link(who).token)
        _, (line, effects) = who.started.began
        assert reading.line is line
        if call_waiting:
            assert (reading.reason, line.call.state) == (Reason.ASK, State.RINGING)
        else:
            assert (reading.reason, line.call.reason) == (Reason.BUSY, EndReason.BUSY)
            assert effects == (PostBusy(),)
            assert who.lines == [ours]


async def test_beside_a_call_that_is_being_set_up_even_a_trusted_contact_rings(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        who.knows(CAROL, "carol", trust=Trust.AUTO, key=b"c" * 32)
        await who.places(ANNA)
        reading = await who.admission.read(call_link(who, source=CAROL, key=b"c" * 32).token)
        assert reading.reason is Reason.ASK
        assert reading.line is not None
        assert (reading.line.call.state, reading.line.shown.automatic) == (State.RINGING, False)


async def test_so_many_strangers_ring_at_once_and_the_owner_reads_once_that_there_are_more(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        most = LIMITS[Caller.STRANGER].at_once
        readings = [await who.admission.read(request(who, EVE).token) for _ in range(most + 2)]
        assert [reading.line is not None for reading in readings] == [True] * most + [False] * 2
        assert [reading.reason for reading in readings[most:]] == [Reason.BUSY] * 2
        assert [reading.dropped for reading in readings[most:]] == [Dropped(Caller.STRANGER), None]
        assert (await who.admission.read(call_link(who).token)).line is not None


# Calls that cross.


@pytest.mark.parametrize("ours_wins", [True, False])
async def test_of_two_who_call_each_other_both_find_the_same_call(tmp_path: Path, ours_wins: bool) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA)
        theirs = call_link(who, nonce=(b"\xff" if ours_wins else b"\0") * 12)
        assert glare(ours.link.raw, theirs.raw) is ours_wins
        reading = await who.admission.read(theirs.token)
        assert reading.line is ours
        assert await happens_to(ours) == Glare(ours_wins)
        assert ours.twin is not None
        assert (ours.twin.peer, ours.twin.link.raw) == (ANNA, theirs.raw)
        assert who.lines == [ours], "the runner starts theirs, if that is the one"
        assert (await who.admission.read(theirs.token)).reason is Reason.ALREADY_USED


async def test_calls_that_cross_are_for_what_both_asked_for(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA)
        ours.agree_media(Media.AUDIO)
        await who.admission.read(call_link(who).token)
        assert ours.twin is not None
        assert ours.twin.media == Media.AUDIO


async def test_two_first_contacts_cross(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours, theirs = await who.places(EVE), request(who, EVE)
        assert (await who.admission.read(theirs.token)).line is ours
        assert await happens_to(ours) == Glare(glare(ours.link.raw, theirs.encode()))


async def test_a_request_in_a_contacts_name_does_not_cross_a_call_that_only_they_can_answer(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA)
        reading = await who.admission.read(request(who, ANNA).token)
        assert reading.reason is Reason.UNPROVEN
        assert reading.line is not None
        assert who.lines == [ours, reading.line]
        assert (ours.twin, ours.call.state, reading.line.call.state) == (None, State.CALLING, State.RINGING)


@pytest.mark.parametrize("shown", [Presented(provisional=True), Presented(introduced=True, together=b"c" * 16)])
async def test_a_call_that_was_only_placed_in_advance_or_goes_through_an_introducer_crosses_none(
    tmp_path: Path, shown: Presented
) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA, shown=shown)
        reading = await who.admission.read(call_link(who).token)
        assert reading.line is not ours
        assert ours.twin is None


# Late.


async def test_the_link_of_a_call_that_crossed_may_come_when_the_other_one_is_connected(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA)
        late = call_link(who)
        who.clock.now += 5
        up(who, ours)
        reading = await who.admission.read(late.token)
        assert reading.line is ours
        assert who.lines == [ours]
        assert [call.reference for call in who.store.running_calls()] == [], "nothing is left of the late one"
        assert (await who.admission.read(late.token)).reason is Reason.ALREADY_USED


async def test_whose_link_is_newer_than_their_call_has_lost_it_and_calls_again(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA)
        up(who, ours)
        who.clock.now += 5
        reading = await who.admission.read(call_link(who).token)
        assert reading.line is not None
        assert who.lines == [ours, reading.line]
        assert reading.line.call.state is State.RINGING


async def test_what_is_said_of_a_call_that_is_over_changes_nothing(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours, contacting = await who.places(ANNA), await who.places(EVE)
        assert contacting.link.request is not None
        said = said_of(ours, Operation.DECLINE)
        response = Response.refusing(contacting.link.request, Status.DECLINE)
        for line in (ours, contacting):
            who.ends(line)
        assert (await who.admission.read(said)).reason is Reason.EXPIRED
        assert (await who.admission.read(response.token)).reason is Reason.NOT_FOR_THIS_NODE


async def test_an_acceptance_that_comes_when_the_call_is_connected_is_not_tried(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(EVE)
        assert ours.link.request is not None
        up(who, ours)
        late = Response.accepting(ours.link.request, media=Media.BOTH, seed=b"t" * 8, fingerprint=b"f" * 32, port=PORT)
        assert (await who.admission.read(late.token)).reason is Reason.NOT_FOR_THIS_NODE
        assert not ours.first_contact.untried


# Missed.


async def test_a_link_that_comes_too_late_is_a_missed_call_which_the_owner_reads_of_once(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        link = call_link(who, age=3600)
        reading = await who.admission.read(link.token)
        assert (reading.reason, reading.line) == (Reason.EXPIRED, None)
        assert reading.missed == MissedCall(ANNA, "anna", who.now - 3600)
        assert reading.other_clock is not None
        assert (reading.other_clock.contact, reading.other_clock.ahead) == ("anna", -3600)
        assert (await who.admission.read(link.token)).missed is None
        assert who.started.began == []


async def test_a_missed_call_that_lacks_the_contacts_key_is_doubtful(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        reading = await who.admission.read(request(who, ANNA, age=3600).token)
        assert reading.missed == MissedCall(ANNA, "anna", who.now - 3600, doubtful=True)
        assert reading.other_clock is None


@pytest.mark.parametrize(
    ("source", "age", "unknown"),
    [(EVE, 3600, "ignore"), (EVE, MISSED_SECONDS + 600, "ring"), (CAROL, 3600, "ring")],
    ids=["strangers are ignored", "more than a day ago", "blocked"],
)
async def test_some_calls_that_come_too_late_are_no_missed_ones(
    tmp_path: Path, source: NodeId, age: int, unknown: str
) -> None:
    async with ben(tmp_path, unknown=unknown) as who:
        who.knows(CAROL, "carol", trust=Trust.BLOCK, key=None)
        reading = await who.admission.read(request(who, source, age=age).token)
        assert (reading.reason, reading.missed) == (Reason.EXPIRED, None)


async def test_a_call_that_was_read_in_time_is_not_missed_later(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        token = call_link(who).token
        line = (await who.admission.read(token)).line
        assert line is not None
        who.ends(line)
        who.clock.now += 3600
        reading = await who.admission.read(token)
        assert (reading.reason, reading.missed) == (Reason.EXPIRED, None)


async def test_a_link_from_the_future_rings_once_its_time_has_come(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ahead = MAX_CLOCK_AHEAD + 60
        token = call_link(who, age=-ahead).token
        readings = [await who.admission.read(token) for _ in range(2)]
        assert [reading.reason for reading in readings] == [Reason.CLOCK] * 2
        first, second = (reading.other_clock for reading in readings)
        assert first is not None
        assert (first.contact, first.ahead, second) == ("anna", ahead, None)
        who.clock.now += ahead
        assert (await who.admission.read(token)).line is not None


# What the other side says of a call.


@pytest.mark.parametrize(
    ("operation", "event"),
    [
        (Operation.RINGING, RemoteRinging()),
        (Operation.ACCEPT, RemoteRinging()),
        (Operation.DECLINE, RemoteDeclined(authenticated=True)),
        (Operation.BUSY, RemoteBusy(authenticated=True)),
        (Operation.CANCEL, RemoteCancelled()),
    ],
)
async def test_what_a_contact_says_of_a_call_happens_to_it(tmp_path: Path, operation: Operation, event: Event) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(ANNA)
        port = PORT if operation is Operation.ACCEPT else 0
        said = PairedBody(operation, Media.NONE, who.now, port, ours.link.reference)
        token = seal(said, secret=KEY, source=ANNA, destination=BEN, nonce=bytes(12)).token
        assert (await who.admission.read(token)).line is ours
        assert await happens_to(ours) == event
        assert (await who.admission.read(token)).reason is Reason.ALREADY_USED


async def test_a_call_that_is_taken_back_while_it_rings_hears_of_it(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        line = (await who.admission.read(call_link(who).token)).line
        assert line is not None
        assert (await who.admission.read(said_of(line, Operation.CANCEL))).line is line
        assert await happens_to(line) == RemoteCancelled()


async def test_nobody_but_the_other_side_says_anything_of_a_call(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        who.knows(CAROL, "carol", key=b"c" * 32)
        ours = await who.places(ANNA)
        said = said_of(ours, Operation.DECLINE, source=CAROL, key=b"c" * 32)
        assert (await who.admission.read(said)).reason is Reason.EXPIRED


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_refusal_of_a_first_contact_is_proven_only_if_nobody_else_could_read_the_request(
    tmp_path: Path, sealed: bool
) -> None:
    async with ben(tmp_path) as who:
        card = X25519PrivateKey.generate().public_key().public_bytes_raw()
        ours = await who.places(EVE, sealing_key=card if sealed else None)
        assert ours.link.request is not None
        for status, event in (
            (Status.BUSY, RemoteBusy(authenticated=sealed)),
            (Status.DECLINE, RemoteDeclined(authenticated=sealed)),
        ):
            refusal = Response.refusing(ours.link.request, status).token
            assert (await who.admission.read(refusal)).line is ours
            assert await happens_to(ours) == event
            assert (await who.admission.read(refusal)).reason is Reason.ALREADY_USED


async def test_each_acceptance_of_a_request_is_tried_once(tmp_path: Path) -> None:
    async with ben(tmp_path) as who:
        ours = await who.places(EVE)
        assert ours.link.request is not None
        responses = [
            Response.accepting(
                ours.link.request, media=Media.BOTH, seed=bytes([number]) * 8, fingerprint=b"f" * 32, port=PORT
            )
            for number in range(2)
        ]
        for response in responses:
            assert (await who.admission.read(response.token)).line is ours
            assert await happens_to(ours) == RemoteAccepted()
            assert (await who.admission.read(response.token)).reason is Reason.ALREADY_USED
        assert [*ours.first_contact.untried] == responses
