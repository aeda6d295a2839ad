"""What the runner does for calls. Sessions are real, on a network in memory; the test is the other side of each."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from peer.calls.attempts import Ends, by_first_contact, by_one_link
from peer.calls.call_link import CallLink
from peer.calls.call_log import CallLog
from peer.calls.incoming import ComingCall
from peer.calls.line import Line
from peer.calls.line_keeping import LineKeeping
from peer.calls.line_parts import Presented
from peer.calls.line_records import rejoined as rejoined_line
from peer.calls.lines import Lines
from peer.calls.link_reader import LinkReader
from peer.calls.link_writer import LinkWriter, unwritten
from peer.calls.news import (
    AnsweredAlone,
    CallListeners,
    Changed,
    HoldChanged,
    LinkNoted,
    News,
    NotKept,
    Posted,
    Rings,
    TakesMessage,
)
from peer.calls.posting import Posting
from peer.calls.repeats import HEARD, GoesOn, Repeated, Telling
from peer.calls.runner import LineRunner
from peer.calls.session_events import Connected
from peer.calls.session_parts import BROKEN
from peer.calls.standing import LineStanding
from shared.call.events import (
    Answer,
    Busy,
    Decline,
    Expired,
    Glare,
    HangUp,
    Hold,
    LegUp,
    Offered,
    PathLost,
    PathRestored,
    RemoteAccepted,
    RemoteBye,
    RemoteCancelled,
    RemoteDeclined,
    Replaced,
    Resume,
    Stop,
    Unanswered,
)
from shared.call.table import EndReason, State, outgoing, rejoined
from shared.config.schema import Answering
from shared.contacts import Contact
from shared.errors import OverlayDown, StoreError
from shared.links.kinds import PairedToken, Request, Response, Status, decode
from shared.links.paired import Keyring, Operation, PairedBody, seal
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.secrets.handshake import Role
from shared.store import Store, StoreThread
from tests.peer.calls.ends import End, running
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import PATIENCE, Clock, hanging_disk, over
from tests.peer.calls.test_last_run import UP
from tests.peer.pair import ANNA, BEN, EVE

KEY = b"k" * 32
"What Anna and Ben share."

LIFETIME = 600


class Sessions:
    """Gives each line a real session, and reports nothing of it: the test says what happens to the call."""

    def __init__(self, network: MemoryNetwork, tasks: asyncio.TaskGroup) -> None:
        self._network = network
        self._tasks = tasks
        self.ends: list[End] = []
        "Every session that was made, in this order."

        self.failing: Exception | None = None
        "What opening a session raises from now on."

        self.held: list[bool] = []
        "Every hold and its end."

    async def open(self, line: Line) -> None:
        await (await self._made(line)).session.call_socket.bind()

    async def take_up(self, line: Line) -> None:
        await self._made(line)

    def hold(self, line: Line, on: bool) -> None:
        assert line.session is not None
        line.session.hold(on)
        self.held.append(on)

    async def _made(self, line: Line) -> End:
        if self.failing is not None:
            raise self.failing
        end = End(self._network, Ends(line.call.role, ANNA, line.peer), rejoined=line.connection.taken_up)
        self.ends.append(end)
        line.carried_by(end.session, line.shown.endpoint or "none")
        line.carried_in(self._tasks.create_task(end.run()))
        await end.session.started.wait()
        return end


class Anna:
    """Anna's calls and what runs them. She knows Ben, with whom she shares a key."""

    def __init__(self, writes: StoreThread, clock: Clock, tasks: asyncio.TaskGroup) -> None:
        self.clock = clock
        self.writes = writes
        self.store = writes.store
        self.network = MemoryNetwork()
        self.lines = Lines()
        self.heard: list[tuple[Line, News]] = []
        self.sessions = Sessions(self.network, tasks)
        listeners = CallListeners([self])
        self._writer = LinkWriter(ANNA, writes, listeners, clock)
        self._reader = LinkReader(ANNA, self.store, X25519PrivateKey.generate())
        self._happened = asyncio.Event()
        self.posting = Posting()
        self.log = CallLog(writes, listeners, tasks, clock)
        self.runner = LineRunner(
            ANNA,
            lines=self.lines,
            standing=LineStanding(self.lines, self.store),
            sessions=self.sessions,
            keeping=LineKeeping(self.lines, writes, listeners, clock),
            writer=self._writer,
            posting=self.posting,
            log=self.log,
            answering=Answering(),
            at_once=1,
            listeners=listeners,
            tasks=tasks,
            clock=clock,
        )

    def told(self, line: Line, news: News) -> None:
        self.heard.append((line, news))
        self._happened.set()

    def hears(self, line: Line, kind: type[News]) -> bool:
        return any(about is line and isinstance(news, kind) for about, news in self.heard)

    @property
    def posts(self) -> list[str]:
        """Every link that was posted, as a token."""
        return [news.token for _, news in self.heard if isinstance(news, Posted)]

    def said(self) -> Operation:
        """What the latest link says to Ben."""
        token = decode(self.posts[-1])
        assert isinstance(token, PairedToken)
        opened = Keyring(BEN, [(ANNA, KEY)]).open(token)
        assert opened is not None
        return opened.paired.operation

    @property
    def now(self) -> int:
        return int(self.clock.now)

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until `wanted` is true. It is called after each report of the runner."""
        async with asyncio.timeout(PATIENCE):
            while not wanted():
                self._happened.clear()
                await self._happened.wait()

    async def becomes(self, line: Line, state: State) -> None:
        await self.until(lambda: line.call.state is state)

    def knows(self, node: NodeId, name: str, *, key: bytes | None = None, **changes: object) -> None:
        """Save a contact, with a shared key if one is given."""
        self.store.save_contact(Contact(name=name, node=node, created=0, **changes))  # type: ignore[arg-type]
        if key is not None:
            self.store.propose_secret(node, key, 0)
            self.store.commit_secret(node, key)

    async def places(self, node: NodeId = BEN, *, lifetime: int = LIFETIME, endpoint: str | None = None) -> Line:
        """Call somebody, whose program doesn't run yet."""
        link = unwritten(self.store, node, Media.BOTH, self.now)
        call, effects = outgoing(paired=link.proven)
        line = Line(
            self.lines.next_number(),
            call,
            link,
            chat="chat",
            expires=self.now + lifetime,
            shown=Presented(endpoint=endpoint).of(self.store.contact_of(node)),
        )
        await self.runner.start(line, effects)
        return line

    def line_of(self, token: PairedToken | Request, *, lifetime: int = LIFETIME, automatic: bool = False) -> Line:
        """The line of a call with that link."""
        link = self._reader.open(token.token)
        assert isinstance(link, CallLink)
        shown = Presented.coming(self.store.contact_of(link.peer), automatic=automatic)
        return ComingCall(link, "chat", link.media, self.now + lifetime, shown).line(self.lines.next_number())

    async def begins(self, line: Line, beginning: Offered | Answer | Busy) -> Line:
        """Begin an incoming call as a policy has decided."""
        await self.runner.start(line, line.begin(beginning, Reason.ASK))
        return line

    async def rings(self, token: PairedToken | Request, *, lifetime: int = LIFETIME, machine: bool = False) -> Line:
        return await self.begins(self.line_of(token, lifetime=lifetime), Offered(machine=machine))

    async def crosses(self) -> tuple[Line, Line]:
        """Anna's call to Ben, which a call of his meets; it hasn't begun."""
        ours, theirs = await self.places(endpoint="pattern"), self.line_of(self.from_ben())
        ours.crosses(theirs)
        return ours, theirs

    async def connects(self, theirs: End) -> tuple[Line, End]:
        """Answer a call of Ben's session, until it is up. Returns its line and its session here."""
        token = self.from_ben(theirs.session.ports[0])
        theirs.session.path.dialling.attempt(by_one_link(theirs.ends, token, KEY, None, Media.BOTH))
        line = await self.rings(token)
        line.put(Answer())
        await self.becomes(line, State.CONNECTING)
        ours = self.sessions.ends[-1]
        await theirs.tells(Connected)
        await self.runner._keeping.keep_step(line, await ours.tells(Connected))
        await self.becomes(line, State.ACTIVE)
        return line, ours

    def reasons(self) -> list[str]:
        """Why the calls of the log ended, the latest first."""
        return [entry.reason for entry in self.store.call_log(9)]

    def from_ben(self, port: int = 40_000) -> PairedToken:
        """The link of a call by Ben."""
        said = PairedBody(Operation.CALL, Media.BOTH, self.now, port)
        return seal(said, secret=KEY, source=BEN, destination=ANNA, nonce=secrets.token_bytes(12))

    def request(self, source: NodeId) -> Request:
        """The request of somebody else."""
        return Request.to(
            ANNA,
            media=Media.BOTH,
            created=self.now,
            seed=secrets.token_bytes(16),
            source=source,
            fingerprint=b"f" * 32,
            port=40_000,
        )


@contextlib.asynccontextmanager
async def anna(folder: Path) -> AsyncIterator[Anna]:
    """Run Anna's calls; at the end they are stopped."""
    clock = Clock()
    with Store(folder / "anna.db") as store:
        async with StoreThread(store, busy_seconds=0.05, clock=clock) as writes, asyncio.TaskGroup() as tasks:
            made = Anna(writes, clock, tasks)
            made.knows(BEN, "ben", key=KEY)
            yield made
            for line in made.lines:
                line.put(Stop())


@contextlib.asynccontextmanager
async def bens_session(who: Anna, role: Role) -> AsyncIterator[End]:
    """Ben's side of a call with Anna."""
    end = End(who.network, Ends(role, BEN, ANNA))
    async with running(end):
        await end.session.call_socket.bind()
        yield end


# Calls that connect.


async def test_our_call_listens_for_the_one_who_has_its_link(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.places()
        (end,) = who.sessions.ends
        assert line.link.token is not None
        assert who.posts == [line.link.token.token]
        assert line.link.port == end.session.ports[0]
        async with bens_session(who, Role.CALLEE) as theirs:
            theirs.session.path.dialling.attempt(
                by_one_link(theirs.ends, line.link.token, KEY, line.link.port, Media.BOTH)
            )
            for each in (end, theirs):
                await each.tells(Connected)


async def test_a_call_that_rings_is_dialled_once_it_is_answered(tmp_path: Path) -> None:
    async with anna(tmp_path) as who, bens_session(who, Role.CALLER) as theirs:
        token = who.from_ben(theirs.session.ports[0])
        theirs.session.path.dialling.attempt(by_one_link(theirs.ends, token, KEY, None, Media.BOTH))
        line = await who.rings(token)
        assert who.hears(line, Rings)
        assert who.sessions.ends == []
        line.put(Answer())
        await theirs.tells(Connected)
        assert line.call.state is State.CONNECTING
        assert who.posts == [], "the caller learns all that it needs from the first check"


async def test_a_first_contact_is_answered_by_a_response_that_connects(tmp_path: Path) -> None:
    async with anna(tmp_path) as who, bens_session(who, Role.CALLER) as theirs:
        who.store.remove_contact("ben")
        request = replace(who.request(BEN), fingerprint=theirs.identity.fingerprint, port=theirs.session.ports[0])
        line = await who.rings(request)
        line.put(Answer())
        await who.until(lambda: bool(who.posts))
        response = decode(who.posts[0])
        assert isinstance(response, Response)
        assert response.status is Status.ACCEPT
        theirs.session.path.dialling.expect(
            by_first_contact(theirs.ends, request, response, theirs.identity, response.port, Media.BOTH)
        )
        await theirs.tells(Connected)


async def test_of_the_responses_to_our_request_the_true_one_connects(tmp_path: Path) -> None:
    async with anna(tmp_path) as who, bens_session(who, Role.CALLEE) as theirs:
        who.store.remove_contact("ben")
        line = await who.places()
        request = line.link.request
        assert request is not None
        true = Response.accepting(
            request,
            media=Media.BOTH,
            seed=b"t" * 8,
            fingerprint=theirs.identity.fingerprint,
            port=theirs.session.ports[0],
        )
        forged = Response.accepting(request, media=Media.BOTH, seed=b"f" * 8, fingerprint=b"f" * 32, port=9)
        for response in (forged, true):
            line.first_contact.untried.append(response)
            line.put(RemoteAccepted())
        theirs.session.path.dialling.attempt(
            by_first_contact(theirs.ends, request, true, theirs.identity, request.port, Media.BOTH)
        )
        await theirs.tells(Connected)


async def test_the_owner_hears_of_an_automatic_answer_before_there_is_a_socket(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        who.sessions.failing = OverlayDown()
        line = await who.begins(who.line_of(who.from_ben(), automatic=True), Answer(automatic=True))
        await over(line)
        assert who.hears(line, AnsweredAlone)
        assert line.call.reason is EndReason.FAILED


# Calls that cross.


async def test_of_two_calls_that_cross_theirs_is_answered_and_ours_waits_until_it_is_up(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        ours, theirs = await who.crosses()
        ours.put(Glare(ours_wins=False))
        await who.becomes(theirs, State.CONNECTING)
        assert who.lines == [ours, theirs]
        assert ours.call.state is State.CALLING, "theirs may be forged"
        assert theirs.shown.endpoint == "pattern", "where ours was placed"
        assert theirs.link.reference in [call.reference for call in who.store.running_calls()]
        theirs.put(LegUp())
        ours.put(Replaced())
        await over(ours)
        assert (ours.call.reason, theirs.call.state) == (EndReason.REPLACED, State.ACTIVE)


async def test_their_call_is_answered_once_however_many_links_say_that_it_crossed_ours(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        ours, theirs = await who.crosses()
        for _ in range(2):
            ours.put(Glare(ours_wins=False))
        ours.put(Replaced())
        await over(ours)
        assert who.lines == [theirs]
        assert len(who.sessions.ends) == 2


async def test_who_hangs_up_on_a_call_that_crossed_ends_both(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        ours, theirs = await who.crosses()
        ours.put(Glare(ours_wins=False))
        await who.becomes(theirs, State.CONNECTING)
        ours.put(HangUp())
        await over(ours, theirs)
        assert who.lines == []


async def test_our_call_goes_on_alone_if_it_is_the_one_that_both_take(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        ours, theirs = await who.crosses()
        ours.put(Glare(ours_wins=True))
        ours.put(LegUp())
        await who.becomes(ours, State.ACTIVE)
        assert who.lines == [ours]
        assert theirs.life is None


@pytest.mark.parametrize("ours_wins", [False, True])
async def test_a_call_that_crosses_ours_in_the_moment_in_which_we_take_it_back_rings(
    tmp_path: Path, ours_wins: bool
) -> None:
    """It isn't answered without asking: the owner has just hung up. Nor is it lost: its link is used by now."""
    async with anna(tmp_path) as who:
        ours, theirs = await who.crosses()
        ours.put(HangUp())
        ours.put(Glare(ours_wins=ours_wins))
        await over(ours)
        assert (ours.call.reason, theirs.call.state, who.lines) == (EndReason.CANCELLED, State.RINGING, [theirs])
        assert who.hears(theirs, Rings)


async def test_a_call_that_crosses_ours_as_the_program_is_stopped_rings_at_the_next_start(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        ours, theirs = await who.crosses()
        ours.put(Stop())
        ours.put(Glare(ours_wins=False))
        await over(ours)
        assert who.lines == []
        assert [call.reference for call in who.store.running_calls()] == [theirs.link.reference]


async def test_a_hold_and_its_end_reach_the_session(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.places()
        for event in (LegUp(), Hold(), Resume()):
            line.put(event)
        await who.until(lambda: len(who.sessions.held) == 2)
        assert who.sessions.held == [True, False]
        assert who.hears(line, HoldChanged)


# Missed, refused and taken back.


async def test_a_call_that_nobody_answers_in_time_is_missed_and_its_caller_hears_nothing(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben(), lifetime=0)
        await over(line)
        assert line.call.reason is EndReason.MISSED
        assert (who.posts, who.sessions.ends, who.lines) == ([], [], [])
        assert [(entry.peer, entry.reason) for entry in who.store.call_log(9)] == [(BEN, "missed")]


async def test_our_call_that_nobody_answers_in_time_closes_its_socket(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.places(lifetime=0)
        await over(line)
        assert line.call.reason is EndReason.NO_ANSWER
        assert [end.over.is_set() for end in who.sessions.ends] == [True]


async def test_a_declined_caller_hears_that(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben())
        line.put(Decline())
        await over(line)
        assert line.call.reason is EndReason.DECLINED
        assert who.said() is Operation.DECLINE
        request = who.request(EVE)
        line = await who.rings(request)
        line.put(Decline())
        await over(line)
        refusal = decode(who.posts[-1])
        assert isinstance(refusal, Response)
        assert (refusal.status, refusal.proves(request)) == (Status.DECLINE, True)


async def test_only_a_caller_who_is_proven_hears_that_we_are_busy(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        lines = [await who.begins(who.line_of(who.request(source)), Busy()) for source in (EVE, BEN)]
        await over(*lines)
        assert who.posts == []
        line = await who.begins(who.line_of(who.from_ben()), Busy())
        await over(line)
        assert who.said() is Operation.BUSY
        assert {each.call.reason for each in (*lines, line)} == {EndReason.BUSY}


async def test_a_call_of_ours_that_is_taken_back_says_so(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.places()
        line.put(HangUp())
        await over(line)
        assert who.said() is Operation.CANCEL


async def test_what_was_answered_without_asking_and_proves_nothing_gives_way(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        who.knows(EVE, "eve")
        uninvited = await who.begins(who.line_of(who.request(EVE), automatic=True), Answer(automatic=True))
        assert uninvited.call.state is State.CONNECTING
        ours = await who.places()
        await over(uninvited)
        assert (uninvited.call.reason, ours.call.state) == (EndReason.BUSY, State.CALLING)


# Late.


async def test_an_answer_that_comes_when_the_caller_has_taken_the_call_back_opens_nothing(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben())
        line.put(RemoteCancelled())
        line.put(Answer())
        await over(line)
        assert line.call.reason is EndReason.REMOTE_CANCELLED
        assert who.sessions.ends == []
        assert [entry.reason for entry in who.store.call_log(9)] == ["remote-cancelled"]


async def test_a_leg_that_comes_up_when_its_call_is_over_ends_no_other_call(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        taken_back = await who.places()
        taken_back.put(HangUp())
        await over(taken_back)
        line = await who.rings(who.from_ben())
        line.put(Answer())
        await who.becomes(line, State.CONNECTING)
        await who.runner._keeping.keep_step(taken_back, Connected(b"s" * 32, None))
        line.put(LegUp())
        await who.becomes(line, State.ACTIVE)
        assert taken_back.connection.connected is None


async def test_a_second_answer_changes_nothing(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben())
        for event in (Answer(), Answer(), LegUp()):
            line.put(event)
        await who.becomes(line, State.ACTIVE)
        assert len(who.sessions.ends) == 1


async def test_a_call_that_nobody_can_be_waiting_in_any_more_is_lost_when_it_is_taken_up(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        call, effects = rejoined(Role.CALLEE, paired=True)
        kept = replace(UP, peer=BEN)
        line = rejoined_line(who.lines.next_number(), call, kept, "ben", LIFETIME, awaited_until=who.now)
        await who.runner.start(line, effects)
        assert len(who.sessions.ends) == 1
        await over(line)
        assert line.call.reason is EndReason.LOST
        assert [(entry.reason, entry.connected) for entry in who.store.call_log(9)] == [("lost", UP.started)]


# The answering machine.


async def test_the_answering_machine_takes_the_call_of_a_contact_who_has_proven_who_they_are(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben(), machine=True)
        await who.until(lambda: who.hears(line, TakesMessage))
        await who.becomes(line, State.CONNECTING)
        assert line.shown.machine


async def test_a_caller_who_is_removed_while_it_rings_leaves_no_message(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben())
        who.store.remove_contact("ben")
        line.put(Unanswered())
        line.put(Expired())
        await over(line)
        assert line.call.reason is EndReason.MISSED
        assert not who.hears(line, TakesMessage)


# What fails.


async def test_a_call_whose_session_cant_be_opened_ends_with_the_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with anna(tmp_path) as who:
        who.sessions.failing = OverlayDown()
        line = await who.places()
        await over(line)
        assert (line.call.reason, line.call.detail) == (EndReason.FAILED, OverlayDown().sentence)
        assert line.call.hint == OverlayDown().hint
        assert (who.posts, caplog.messages) == ([], []), "there is no link that could be taken back"


async def test_a_fault_of_the_program_costs_only_the_call_that_it_is_in(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        before = await who.places()
        who.sessions.failing = ZeroDivisionError()
        line = await who.rings(who.request(EVE))
        line.put(Answer())
        await over(line)
        assert (line.call.reason, line.call.detail) == (EndReason.FAILED, BROKEN)
        assert (who.lines, before.call.state) == ([before], State.CALLING)


async def test_an_end_that_cant_be_written_is_written_later(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben())
        other = sqlite3.connect(who.store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        line.put(RemoteCancelled())
        await over(line)
        assert who.hears(line, NotKept)
        with pytest.raises(StoreError):
            await who.log.again()
        other.close()
        await who.log.again()
        assert [entry.reason for entry in who.store.call_log(9)] == ["remote-cancelled"]


async def test_a_disk_that_hangs_keeps_neither_the_goodbye_nor_the_call_and_gets_its_end_once_it_is_back(
    tmp_path: Path,
) -> None:
    async with anna(tmp_path) as who, bens_session(who, Role.CALLER) as theirs:
        line, ours = await who.connects(theirs)
        async with hanging_disk(who.writes):
            line.put(HangUp())
            await theirs.tells(RemoteBye)
            async with asyncio.timeout(PATIENCE):
                await ours.over.wait()
            await over(line)
            assert who.lines == []
            assert who.reasons() == []
            assert len(who.store.running_calls()) == 1, "a program that is killed now takes it up"
        await who.writes.write(lambda store: None)
        assert who.reasons() == ["hung-up"]
        assert who.store.running_calls() == []


async def test_the_end_of_a_call_is_on_the_disk_before_the_other_side_hears_the_goodbye(tmp_path: Path) -> None:
    async with anna(tmp_path) as who, bens_session(who, Role.CALLER) as theirs:
        line, _ = await who.connects(theirs)
        line.put(HangUp())
        await theirs.tells(RemoteBye)
        assert who.reasons() == ["hung-up"]


async def test_an_end_that_is_being_written_again_when_the_program_stops_is_written_once(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        line = await who.rings(who.from_ben())
        other = sqlite3.connect(who.store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        line.put(RemoteCancelled())
        await over(line)
        other.close()
        async with hanging_disk(who.writes):
            upkeep = asyncio.create_task(who.log.again())
            await asyncio.sleep(0)
            upkeep.cancel()
            await asyncio.wait([upkeep])
        await who.log.again()
        await who.writes.write(lambda store: None)
        assert who.reasons() == ["remote-cancelled"]


async def listening(who: Anna) -> tuple[Line, End]:
    """Wait until our only call has a socket and a link. Returns it with its session."""
    async with asyncio.timeout(PATIENCE):
        while not (who.lines and who.lines[0].link.reference):  # noqa: ASYNC110 -- nothing tells of a link that waits
            await asyncio.sleep(0)
    return who.lines[0], who.sessions.ends[0]


async def test_a_call_that_is_taken_back_while_its_link_waits_for_a_hanging_disk_is_over_and_says_nothing(
    tmp_path: Path,
) -> None:
    async with anna(tmp_path) as who:
        async with hanging_disk(who.writes):
            placing = asyncio.create_task(who.places())
            line, ours = await listening(who)
            line.put(HangUp())
            async with asyncio.timeout(PATIENCE):
                await ours.over.wait()
            await over(line)
            assert await placing is line
            assert line.call.reason is EndReason.CANCELLED
            assert who.lines == []
        await who.writes.write(lambda store: None)
        assert who.posts == []
        assert who.reasons() == ["cancelled"]
        assert who.store.running_calls() == []


async def test_a_first_contact_that_is_hung_up_while_its_answer_waits_for_a_hanging_disk_is_declined_once_it_is_back(
    tmp_path: Path,
) -> None:
    async with anna(tmp_path) as who:
        request = who.request(EVE)
        line = await who.rings(request)
        async with hanging_disk(who.writes):
            line.put(Answer())
            line.put(HangUp())
            await over(line)
            assert who.sessions.ends[0].over.is_set()
            assert line.call.reason is EndReason.HUNG_UP
            assert who.posts == []
        await who.until(lambda: bool(who.posts))
        (refusal,) = map(decode, who.posts)
        assert isinstance(refusal, Response)
        assert refusal.status is Status.DECLINE


async def test_a_call_that_is_taken_back_while_the_disk_hangs_is_over_and_its_callee_reads_that_later(
    tmp_path: Path,
) -> None:
    async with anna(tmp_path) as who:
        line = await who.places()
        async with hanging_disk(who.writes):
            line.put(HangUp())
            await over(line)
            assert len(who.posts) == 1
        await who.until(lambda: len(who.posts) == 2)
        assert who.said() is Operation.CANCEL


async def test_a_link_that_a_disk_keeps_waiting_for_long_is_posted_once_it_is_back(tmp_path: Path) -> None:
    async with anna(tmp_path) as who:
        async with hanging_disk(who.writes):
            line = await who.places()
            assert line.call.state is State.CALLING
            assert who.posts == []
        await who.until(lambda: bool(who.posts))
        assert line.link.token is not None
        assert who.posts == [line.link.token.token]


async def test_a_call_whose_link_cant_be_posted_after_all_fails(tmp_path: Path) -> None:
    tried = asyncio.Event()

    async def fails() -> None:
        await tried.wait()
        raise StoreError("The disk is gone.", "")

    async with anna(tmp_path) as who:
        line = await who.places()
        line.ending.set()
        await who.posting.first(line, fails())
        tried.set()
        await over(line)
        assert (line.call.reason, line.call.detail) == (EndReason.FAILED, "The disk is gone.")


async def test_of_a_path_that_is_lost_again_and_again_the_owner_hears_a_few_times(tmp_path: Path) -> None:
    most = HEARD[Repeated.PATH].at_once
    async with anna(tmp_path) as who, bens_session(who, Role.CALLER) as theirs:
        line, _ = await who.connects(theirs)
        for _ in range(most + 2):
            line.put(PathLost())
            line.put(PathRestored())

        def tellings() -> list[Telling]:
            return [news.telling for _, news in who.heard if isinstance(news, Changed)]

        beginning = 3  # it rings, it is answered, it is up
        await who.until(lambda: len(tellings()) == beginning + 2 * (most + 2))
        assert tellings() == [*[Telling.EACH] * (beginning + 2 * most), Telling.LAST, *[Telling.NONE] * 3]


async def test_of_links_that_say_what_anybody_could_the_owner_hears_a_few_times(tmp_path: Path) -> None:
    most = HEARD[Repeated.LINK].at_once
    async with anna(tmp_path) as who:
        line = await who.places()
        for _ in range(most + 2):
            line.put(RemoteDeclined(authenticated=False))
        line.put(HangUp())
        await over(line)
        assert [type(news) for _, news in who.heard if isinstance(news, LinkNoted | GoesOn)] == [
            *[LinkNoted] * most,
            GoesOn,
        ]
