"""Runs lines. Everything that happens to a call goes through the line's inbox, one event after the other.

shared/call/table.py says what has to be done after each event; here it is done, in that order.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from peer.calls.call_log import BEFORE_GOODBYE, BEFORE_OVER, CallLog
from peer.calls.foreign_effects import ForeignEffects
from peer.calls.line import Line
from peer.calls.line_keeping import LineKeeping
from peer.calls.lines import Lines, one_each
from peer.calls.link_writer import LinkWriter
from peer.calls.news import CallListeners, Changed, news_of
from peer.calls.own_effects import OwnEffects
from peer.calls.posting import Posting
from peer.calls.redial import REDIAL_SECONDS
from peer.calls.repeats import Repeated, Telling
from peer.calls.session_parts import BROKEN
from peer.calls.standing import LineStanding
from shared.call.effects import (
    AnnounceAnswer,
    AnswerTheirs,
    CloseLeg,
    Effect,
    Listen,
    Noted,
    OpenLeg,
    PauseMedia,
    PostAnswer,
    PostBusy,
    PostCancel,
    PostDecline,
    PostRequest,
    Redial,
    ResumeMedia,
    Ring,
    SayBye,
    ShowHeld,
    ShowResumed,
    StartTimer,
    StopRinging,
    StopTimer,
    TakeMessage,
    TakeUp,
    Timer,
    TryResponse,
)
from shared.call.events import Answer, Busy, Event, Failed, HangUp, Offered, Unanswered
from shared.call.table import RUNS_OUT, EndReason, State
from shared.config.schema import Answering
from shared.errors import CopybaraError, LocalProtocolError, StoreError
from shared.node_id import NodeId
from shared.reasons import Reason

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 20.0
"How long a paired call may take from the answer to the leg: its caller is listening already."


class CallSessions(Protocol):
    """Makes the sessions of calls and runs them, as LineSessions does. A runner needs no more of it."""

    async def open(self, line: Line) -> None:
        """Give a line its session, with a UDP port that is bound, and run it. Raises CopybaraError if that can't be."""

    async def take_up(self, line: Line) -> None:
        """The same for a call that was up when the program was killed. Its port is bound when it dials."""

    def hold(self, line: Line, on: bool) -> None:
        """Put a call on hold or take it off hold, and keep that for a restart, which nothing waits for."""


class LineRunner:
    """Runs the lines of one node, each in a task."""

    def __init__(
        self,
        own: NodeId,
        *,
        lines: Lines,
        standing: LineStanding,
        sessions: CallSessions,
        keeping: LineKeeping,
        writer: LinkWriter,
        posting: Posting,
        log: CallLog,
        answering: Answering,
        at_once: int,
        listeners: CallListeners,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
    ) -> None:
        """`listeners` hear what happens to calls. `at_once` is how many calls the owner takes at a time.

        `tasks` owns the task of each line. `clock` is the time in Unix seconds.
        """
        self._lines = lines
        self._standing = standing
        self._sessions = sessions
        self._keeping = keeping
        self._writer = writer
        self._posting = posting
        self._own, self._foreign = OwnEffects(own, writer), ForeignEffects()
        self._log = log
        self._answering = answering
        self._at_once = at_once
        self._listeners = listeners
        self._tasks = tasks
        self._clock = clock

    async def start(self, line: Line, effects: tuple[Effect, ...]) -> None:
        """Add a line, carry out the first effects of its call, and begin the task that steps it from then on."""
        self._lines.append(line)
        try:
            # The book may have changed since its link was read.
            self._standing.look_at(line)
            self._make_room(line)
            await self._carry_out(line, effects)
            if not line.call.ended:
                self._listeners.told(line, Changed())
        except Exception:
            logger.exception("line %d broke", line.number)
            self._abandon(line)
        finally:
            line.lives_in(self._tasks.create_task(self._live(line), name=f"line {line.number}"))

    async def _live(self, line: Line) -> None:
        """Step the call with each event until it has ended, then wait for its session and log it."""
        try:
            try:
                await self._until_ended(line)
                await self._let_twin_ring(line)
            except Exception:
                # A fault of this program: it costs this call, and no other.
                logger.exception("line %d broke", line.number)
                self._abandon(line)
            if (carrier := line.connection.carrier) is not None:
                await asyncio.wait([carrier])
            await self._log.end(line, 0.0 if self._posting.waits(line) else BEFORE_OVER)
        finally:
            # Also when something has ended this task: nothing of the call may remain.
            self._abandon(line)
            self._log.later(line)
            self._lines.remove(line)
            self._listeners.told(line, Changed())
            line.over.set()

    async def _until_ended(self, line: Line) -> None:
        while not line.call.ended:
            event = await line.next_event()
            try:
                await self._step(line, event)
            except LocalProtocolError as error:
                # Two things happened at once, say an answer and a cancellation, and the first one won.
                logger.info("line %d: %s", line.number, error.sentence)

    async def _let_twin_ring(self, line: Line) -> None:
        """Both have called, and ours ended in that moment: let theirs ring, whose link nobody can use any more."""
        twin = line.twin
        if twin is None or twin in self._lines or not line.crossed_unnoticed():
            return
        try:
            await self._keeping.keep_begun(twin)
            if line.call.reason is not EndReason.STOPPED:  # else it rings once the program runs again
                await self.start(twin, twin.begin(Offered(), Reason.ASK))
        except StoreError as error:
            logger.warning("line %d: the call that crossed it can't be kept: %s", line.number, error.sentence)

    def _abandon(self, line: Line) -> None:
        """End a call whose effects can't be carried out: close everything that it has open."""
        if not line.call.ended:
            line.step(Failed(BROKEN))
        self._posting.ended(line)
        line.stop_timer()
        if line.session is not None:
            line.session.end("hung up")

    async def _step(self, line: Line, event: Event) -> None:
        if isinstance(event, Unanswered) and not self._standing.may_leave_a_message(line):
            self._start_timer(line, Timer.RING)  # the book has changed since it began to ring
            return
        before = line.call.state
        effects = line.step(event)
        if line.call.ended:
            self._posting.ended(line)
            if line.session is not None:
                line.session.fall_silent()  # first: the disk may be slow, or somebody else have the database
        if isinstance(event, HangUp) and line.twin is not None and line.twin in self._lines:
            line.twin.put(event)  # it was answered only because the owner was calling
        if line.call.ended and line.connection.connected is not None:
            await self._log.end(line, BEFORE_GOODBYE)
        self._make_room(line)
        await self._carry_out(line, effects)
        if not line.call.ended and line.call.state is not before:
            self._listeners.told(line, Changed(_telling(line, before)))

    def _make_room(self, line: Line) -> None:
        """When no more room is left for calls, end those that were uninvited.

        These were answered automatically, prove nothing, and aren't connected yet.
        """
        if line.occupies and len(one_each(each for each in self._lines if each.occupies)) >= self._at_once:
            for other in self._lines:
                if other.uninvited:
                    other.put(Busy())

    async def _carry_out(self, line: Line, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            try:
                match effect:
                    case Listen():
                        await self._sessions.open(line)
                    case OpenLeg():
                        if line.shown.machine or not line.shown.automatic:
                            line.dials()
                        await self._sessions.open(line)
                await self._do(line, effect)
                if (news := news_of(effect, line)) is not None:
                    self._listeners.told(line, news)
            except LocalProtocolError:
                raise
            except CopybaraError as error:
                if not line.call.ended:
                    await self._step(line, Failed(error.sentence, error.hint))
                    return
                # A call that ends releases everything, even if some of it can't be posted or written.
                logger.warning("line %d: %s", line.number, error.sentence)

    async def _do(self, line: Line, effect: Effect) -> None:
        program: OwnEffects | ForeignEffects = self._own if line.foreign is None else self._foreign
        match effect:
            case PostRequest():
                await self._posting.first(line, self._writer.post(line, *program.call(line)))
            case PostAnswer():
                await self._posting.first(line, self._writer.post(line, *program.answer(line)))
            case PostDecline():
                await self._posting.last(line, program.decline(line))
            case PostBusy():
                await self._posting.last(line, program.busy(line))
            case PostCancel():
                if not self._posting.never_begun(line):
                    await self._posting.last(line, program.cancel(line))
            case OpenLeg():
                program.open_leg(line)
            case TryResponse():
                program.try_response(line)
            case AnswerTheirs():
                await self._answer_theirs(line)
            case TakeMessage():
                line.take_message()
            case TakeUp():
                await self._sessions.take_up(line)
            case Redial():
                program.redial(line)
            case PauseMedia() | ResumeMedia():
                self._sessions.hold(line, isinstance(effect, PauseMedia))
            case ShowHeld() | ShowResumed():
                if line.session is not None:
                    line.session.remote_holds(isinstance(effect, ShowHeld))
            case SayBye():
                line.say_goodbye("hung up")
            case CloseLeg():
                if line.session is not None:
                    line.session.end(line.connection.goodbye)
            case StartTimer():
                self._start_timer(line, effect.timer)
            case StopTimer():
                line.stop_timer()
            case Listen() | Ring() | StopRinging() | AnnounceAnswer() | Noted():
                pass  # the socket listens already; what shows the others hears of them, or sees the new state

    def _start_timer(self, line: Line, timer: Timer) -> None:
        expires = max(0.0, line.expires - self._clock())
        match timer:
            case Timer.RING:
                seconds = expires
            case Timer.MACHINE:
                seconds = self._answering.machine_after
            case Timer.CONNECT:
                # The caller of a first contact is there once it has read the response, which may take a person.
                seconds = CONNECT_SECONDS if line.call.paired else max(expires, CONNECT_SECONDS)
            case Timer.REDIAL:
                until = line.connection.awaited_until
                left = until - self._clock() if until is not None else REDIAL_SECONDS
                seconds = min(max(0.0, left), REDIAL_SECONDS)
        line.start_timer(seconds, RUNS_OUT[timer])

    async def _answer_theirs(self, ours: Line) -> None:
        theirs = ours.twin
        if theirs is not None and theirs not in self._lines:
            # At the page or phone at which the owner placed ours, whatever answers a call of theirs otherwise.
            theirs.choose(ours.shown.endpoint, None, begins_off=ours.shown.begins_off)
            await self._keeping.keep_begun(theirs)
            await self.start(theirs, theirs.begin(Answer(), Reason.ASK))


def _telling(line: Line, before: State) -> Telling:
    """What the owner hears of the call's new state: a path may be lost and restored without end."""
    if line.call.state is State.RECONNECTING:
        return line.repeats.begins(Repeated.PATH, time.monotonic())
    return line.repeats.ends(Repeated.PATH) if before is State.RECONNECTING else Telling.EACH
