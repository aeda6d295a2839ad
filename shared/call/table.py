"""The call as a table: state and event in, state and effects out.

The rule that keeps it true: a call changes in `step` and nowhere else, and `step` only does what TABLE says. What
isn't in TABLE raises LocalProtocolError and changes nothing. docs/call.md shows the same table as a page.

What a link says never raises while a call lives. Links travel through a chat: they come late, twice, out of order, and
anybody in the chat can write those of a first contact. So a link that doesn't fit changes nothing, and one that
proves nothing is tried or noted, but never ends a call.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

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
from shared.call.events import (
    Answer,
    AnsweredElsewhere,
    Busy,
    ConnectFailed,
    ConnectTimeout,
    Decline,
    Event,
    Expired,
    Failed,
    GaveUp,
    Glare,
    HangUp,
    Hold,
    Ignore,
    LegUp,
    Offered,
    PathLost,
    PathRestored,
    PlaceCall,
    Rejoin,
    RemoteAccepted,
    RemoteBusy,
    RemoteBye,
    RemoteCancelled,
    RemoteDeclined,
    RemoteFlooded,
    RemoteHeld,
    RemoteOutOfTime,
    RemoteResumed,
    RemoteRinging,
    Replaced,
    Resume,
    Stop,
    Unanswered,
)
from shared.errors import LocalProtocolError
from shared.links.tokens import LinkKind
from shared.secrets.handshake import Role


class State(enum.StrEnum):
    """Where a call stands."""

    CALLING = "calling"
    "The caller has posted its link and listens."

    RINGING = "ringing"
    "The callee's owner is asked whether they take the call."

    CONNECTING = "connecting"
    "The callee has answered and dials the caller."

    ACTIVE = "active"
    "The leg is up."

    RECONNECTING = "reconnecting"
    "The path is lost; both sides dial each other again, without any link."

    ENDED = "ended"
    "Final, with an EndReason."


class EndReason(enum.StrEnum):
    """Why a call ended. REMOTE_ is what the other side did; without it, we did, or nobody."""

    HUNG_UP = "hung-up"
    REMOTE_HUNG_UP = "remote-hung-up"
    DECLINED = "declined"
    REMOTE_DECLINED = "remote-declined"
    BUSY = "busy"
    REMOTE_BUSY = "remote-busy"
    CANCELLED = "cancelled"
    "We took our call back before it connected."

    REMOTE_CANCELLED = "remote-cancelled"
    NO_ANSWER = "no-answer"
    "Our link expired."

    MISSED = "missed"
    "Their link expired while it rang here."

    ANSWERED_ELSEWHERE = "answered-elsewhere"
    "The owner took it with another program or device that rang too."

    UNREACHABLE = "unreachable"
    "We answered, but no leg came up."

    LOST = "lost"
    "The path broke and could not be restored."

    FLOODED = "flooded"
    "The other side sent far more messages than a call needs."

    REPLACED = "replaced"
    "Both called each other, and the other one of the two calls was connected."

    STOPPED = "stopped"
    "Our program was stopped."

    FAILED = "failed"
    "Something failed on our side; Call.detail says what."


RUNS_OUT: Final[Mapping[Timer, Event]] = {
    Timer.RING: Expired(),
    Timer.MACHINE: Unanswered(),
    Timer.CONNECT: ConnectTimeout(),
    Timer.REDIAL: GaveUp(),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as one side sees it."""

    role: Role
    "Which side we are."

    paired: bool
    "A one-link call between paired contacts; otherwise a first contact, with request and response."

    state: State

    reason: EndReason | None = None
    "Why it ended; None until then."

    detail: str = ""
    "More about an end that our side caused, as a sentence for the owner."

    hint: str = ""
    "What the owner can do about that."

    on_hold: bool = False
    "Whether we have put it on hold. Only a call that was connected can be, or one that joins a conversation."

    remote_on_hold: bool = False
    "Whether the other side has put it on hold."

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.state is State.ENDED


class Only(msgspec.Struct, frozen=True):
    """An effect of only one of the two kinds of call: paired, or first contact."""

    paired: bool
    "Which kind, see Call.paired."

    effect: Effect


class Rule(msgspec.Struct, frozen=True):
    """A cell of the table: what an event makes of a call."""

    state: State
    reason: EndReason | None
    effects: tuple[Effect | Only, ...]

    on_hold: bool | None = None
    "Whether we have put it on hold from now on; None: as before."

    remote_on_hold: bool | None = None
    "Whether the other side has put it on hold from now on; None: as before."

    @property
    def holds(self) -> bool:
        """Whether the rule is about being on hold. Then it has no effects on a call that is so already."""
        return self.on_hold is not None or self.remote_on_hold is not None


def _to(state: State, *effects: Effect | Only) -> Rule:
    return Rule(state, None, effects)


def _end(reason: EndReason, *effects: Effect | Only) -> Rule:
    return Rule(State.ENDED, reason, effects)


_ANSWER = Only(False, PostAnswer())
# The caller of a one-link call needs no answer: it learns the port from the first authenticated check.

_CANCEL = Only(True, PostCancel())
# No link of a first contact can say this; it would have to prove who wrote it.

CONNECTED: Final = (State.ACTIVE, State.RECONNECTING)
"The states of a call whose first leg was up."

CONNECTS: Final = (State.CALLING, State.CONNECTING)
"The states of a call that is to be connected and has no leg yet."

LINKS: Final[tuple[Event, ...]] = (
    RemoteRinging(),
    RemoteAccepted(),
    RemoteDeclined(True),
    RemoteDeclined(False),
    RemoteBusy(True),
    RemoteBusy(False),
    RemoteOutOfTime(),
    RemoteCancelled(),
    Glare(True),
    Glare(False),
)
"Everything that a link in the chat can say about a call that has begun."

TABLE: Final[Mapping[tuple[Role | State, Event], Rule]] = {
    # A link changes nothing unless a line below says so.
    **{(state, link): _to(state) for state in State if state is not State.ENDED for link in LINKS},
    #
    # Beginnings
    (Role.CALLER, PlaceCall()): _to(State.CALLING, Listen(), PostRequest(), StartTimer(Timer.RING)),
    (Role.CALLEE, Offered()): _to(State.RINGING, Ring(), StartTimer(Timer.RING)),
    (Role.CALLEE, Offered(machine=True)): _to(State.RINGING, Ring(), StartTimer(Timer.MACHINE)),
    (Role.CALLEE, Answer()): _to(State.CONNECTING, OpenLeg(), _ANSWER, StartTimer(Timer.CONNECT)),
    (Role.CALLEE, Answer(automatic=True)): _to(
        State.CONNECTING, AnnounceAnswer(), OpenLeg(), _ANSWER, StartTimer(Timer.CONNECT)
    ),
    (Role.CALLEE, Busy()): _end(EndReason.BUSY, PostBusy()),
    **{(role, Rejoin()): _to(State.RECONNECTING, TakeUp(), Redial(), StartTimer(Timer.REDIAL)) for role in Role},
    #
    # The caller waits. A leg may be up that doesn't count yet, because the disk is slow.
    (State.CALLING, RemoteRinging()): _to(State.CALLING, Noted(RemoteRinging())),
    (State.CALLING, RemoteAccepted()): _to(State.CALLING, TryResponse()),
    (State.CALLING, LegUp()): _to(State.ACTIVE, StopTimer()),
    (State.CALLING, ConnectFailed()): _to(State.CALLING),
    (State.CALLING, RemoteDeclined(False)): _to(State.CALLING, Noted(RemoteDeclined(False))),
    (State.CALLING, RemoteDeclined(True)): _end(EndReason.REMOTE_DECLINED, CloseLeg(), StopTimer()),
    (State.CALLING, RemoteBusy(False)): _to(State.CALLING, Noted(RemoteBusy(False))),
    (State.CALLING, RemoteBusy(True)): _end(EndReason.REMOTE_BUSY, CloseLeg(), StopTimer()),
    (State.CALLING, RemoteOutOfTime()): _end(EndReason.FAILED, CloseLeg(), StopTimer()),
    (State.CALLING, Glare(ours_wins=False)): _to(State.CALLING, AnswerTheirs()),
    (State.CALLING, Replaced()): _end(EndReason.REPLACED, CloseLeg(), StopTimer()),
    (State.CALLING, Expired()): _end(EndReason.NO_ANSWER, SayBye(), CloseLeg(), StopTimer()),
    (State.CALLING, HangUp()): _end(EndReason.CANCELLED, SayBye(), CloseLeg(), StopTimer(), _CANCEL),
    (State.CALLING, Stop()): _end(EndReason.STOPPED, SayBye(), CloseLeg(), StopTimer(), _CANCEL),
    (State.CALLING, Failed()): _end(EndReason.FAILED, SayBye(), CloseLeg(), StopTimer(), _CANCEL),
    #
    # The callee's owner is asked
    (State.RINGING, Answer()): _to(State.CONNECTING, StopRinging(), OpenLeg(), _ANSWER, StartTimer(Timer.CONNECT)),
    (State.RINGING, Unanswered()): _to(
        State.CONNECTING, StopRinging(), TakeMessage(), OpenLeg(), _ANSWER, StartTimer(Timer.CONNECT)
    ),
    (State.RINGING, Decline()): _end(EndReason.DECLINED, StopRinging(), PostDecline(), StopTimer()),
    (State.RINGING, Ignore()): _end(EndReason.DECLINED, StopRinging(), StopTimer()),
    (State.RINGING, AnsweredElsewhere()): _end(EndReason.ANSWERED_ELSEWHERE, StopRinging(), StopTimer()),
    (State.RINGING, HangUp()): _end(EndReason.DECLINED, StopRinging(), PostDecline(), StopTimer()),
    (State.RINGING, Busy()): _end(EndReason.BUSY, StopRinging(), PostBusy(), StopTimer()),
    (State.RINGING, RemoteCancelled()): _end(EndReason.REMOTE_CANCELLED, StopRinging(), StopTimer()),
    (State.RINGING, Expired()): _end(EndReason.MISSED, StopRinging(), StopTimer()),
    (State.RINGING, Stop()): _end(EndReason.STOPPED, StopRinging(), PostBusy(), StopTimer()),
    (State.RINGING, Failed()): _end(EndReason.FAILED, StopRinging(), PostBusy(), StopTimer()),
    #
    # The callee dials. If that fails the chat says so, because the caller still waits.
    (State.CONNECTING, LegUp()): _to(State.ACTIVE, StopTimer()),
    (State.CONNECTING, ConnectFailed()): _end(EndReason.FAILED, CloseLeg(), StopTimer(), PostBusy()),
    (State.CONNECTING, ConnectTimeout()): _end(EndReason.UNREACHABLE, SayBye(), CloseLeg(), StopTimer(), PostBusy()),
    (State.CONNECTING, RemoteCancelled()): _end(EndReason.REMOTE_CANCELLED, CloseLeg(), StopTimer()),
    (State.CONNECTING, Replaced()): _end(EndReason.REPLACED, CloseLeg(), StopTimer()),
    (State.CONNECTING, Busy()): _end(EndReason.BUSY, SayBye(), CloseLeg(), StopTimer(), PostBusy()),
    (State.CONNECTING, HangUp()): _end(EndReason.HUNG_UP, SayBye(), CloseLeg(), StopTimer(), PostDecline()),
    (State.CONNECTING, Stop()): _end(EndReason.STOPPED, SayBye(), CloseLeg(), StopTimer(), PostBusy()),
    (State.CONNECTING, Failed()): _end(EndReason.FAILED, SayBye(), CloseLeg(), StopTimer(), PostBusy()),
    #
    # Both talk. A proven refusal or cancellation is what the other side did just before its leg came up.
    (State.ACTIVE, RemoteBye()): _end(EndReason.REMOTE_HUNG_UP, CloseLeg()),
    (State.ACTIVE, RemoteFlooded()): _end(EndReason.FLOODED, SayBye(), CloseLeg()),
    (State.ACTIVE, RemoteDeclined(True)): _end(EndReason.REMOTE_HUNG_UP, CloseLeg()),
    (State.ACTIVE, RemoteBusy(True)): _end(EndReason.REMOTE_HUNG_UP, CloseLeg()),
    (State.ACTIVE, RemoteCancelled()): _end(EndReason.REMOTE_HUNG_UP, CloseLeg()),
    (State.ACTIVE, ConnectFailed()): _to(State.ACTIVE),
    (State.ACTIVE, PathLost()): _to(State.RECONNECTING, Redial(), StartTimer(Timer.REDIAL)),
    (State.ACTIVE, Replaced()): _end(EndReason.REPLACED, SayBye(), CloseLeg()),
    (State.ACTIVE, Busy()): _end(EndReason.BUSY, SayBye(), CloseLeg()),
    (State.ACTIVE, HangUp()): _end(EndReason.HUNG_UP, SayBye(), CloseLeg()),
    (State.ACTIVE, Stop()): _end(EndReason.STOPPED, SayBye(), CloseLeg()),
    (State.ACTIVE, Failed()): _end(EndReason.FAILED, SayBye(), CloseLeg()),
    #
    # Either side may hold a call that was connected, also while the path is lost: it is dialled again as it was.
    # A call that joins a conversation is on hold with it from the beginning.
    **{(state, Hold()): Rule(state, None, (PauseMedia(),), on_hold=True) for state in (*CONNECTED, *CONNECTS)},
    **{(state, Resume()): Rule(state, None, (ResumeMedia(),), on_hold=False) for state in (*CONNECTED, *CONNECTS)},
    **{(state, RemoteHeld()): Rule(state, None, (ShowHeld(),), remote_on_hold=True) for state in CONNECTED},
    **{(state, RemoteResumed()): Rule(state, None, (ShowResumed(),), remote_on_hold=False) for state in CONNECTED},
    #
    # Both dial again. There is no leg to say goodbye on, so the chat says it, if both have agreed on a key.
    (State.RECONNECTING, PathRestored()): _to(State.ACTIVE, StopTimer()),
    (State.RECONNECTING, ConnectFailed()): _to(State.RECONNECTING, Redial()),
    (State.RECONNECTING, GaveUp()): _end(EndReason.LOST, CloseLeg(), StopTimer()),
    (State.RECONNECTING, RemoteBye()): _end(EndReason.REMOTE_HUNG_UP, CloseLeg(), StopTimer()),
    (State.RECONNECTING, RemoteDeclined(True)): _end(EndReason.REMOTE_HUNG_UP, CloseLeg(), StopTimer()),
    (State.RECONNECTING, RemoteBusy(True)): _end(EndReason.REMOTE_HUNG_UP, CloseLeg(), StopTimer()),
    (State.RECONNECTING, RemoteCancelled()): _end(EndReason.REMOTE_HUNG_UP, CloseLeg(), StopTimer()),
    (State.RECONNECTING, Replaced()): _end(EndReason.REPLACED, CloseLeg(), StopTimer()),
    (State.RECONNECTING, HangUp()): _end(EndReason.HUNG_UP, CloseLeg(), StopTimer(), PostCancel()),
    (State.RECONNECTING, Stop()): _end(EndReason.STOPPED, CloseLeg(), StopTimer(), PostCancel()),
    (State.RECONNECTING, Failed()): _end(EndReason.FAILED, CloseLeg(), StopTimer(), PostCancel()),
}


def outgoing(*, paired: bool) -> tuple[Call, tuple[Effect, ...]]:
    """Begin a call that the owner places. Returns it with the effects to be carried out, in this order."""
    return _begin(Role.CALLER, PlaceCall(), paired)


def incoming(first: Offered | Answer | Busy, *, paired: bool) -> tuple[Call, tuple[Effect, ...]]:
    """Begin an incoming call: it rings, is answered at once, or meets a busy owner. Returns as `outgoing`."""
    return _begin(Role.CALLEE, first, paired)


def rejoined(role: Role, *, paired: bool) -> tuple[Call, tuple[Effect, ...]]:
    """Take up a call that was up when the program was killed. Returns as `outgoing`."""
    return _begin(role, Rejoin(), paired)


def step(call: Call, event: Event) -> tuple[Call, tuple[Effect, ...]]:
    """Let an event happen to a call. Returns the call as it is then, and the effects to be carried out, in this order.

    Raises LocalProtocolError for an event that isn't possible now; the call stays what it is.
    """
    rule = TABLE.get((call.state, event))
    if rule is None:
        raise LocalProtocolError(f"{type(event).__name__} isn't possible while a call is {call.state}.")
    return _apply(rule, event, call)


def ends(call: Call, event: Event) -> bool:
    """Whether an event would end a call."""
    rule = TABLE.get((call.state, event))
    return rule is not None and rule.reason is not None


def glare(our_link: bytes, their_link: bytes) -> bool:
    """When two nodes call each other: whether our call is the one that both take. The other side finds the opposite.

    Both links are given as bytes, not as text. The smaller one wins, but any request wins over a paired link: the
    writer of a request may have lost the pair secret, and couldn't read a paired link.
    """
    return _precedence(our_link) < _precedence(their_link)


def _precedence(link: bytes) -> tuple[bool, bytes]:
    return link[0] == LinkKind.PAIRED.first_byte, link


def _begin(role: Role, event: Event, paired: bool) -> tuple[Call, tuple[Effect, ...]]:
    rule = TABLE[role, event]
    return _apply(rule, event, Call(role, paired, rule.state))


def _apply(rule: Rule, event: Event, before: Call) -> tuple[Call, tuple[Effect, ...]]:
    detail = hint = ""
    if rule.reason is not None and isinstance(event, Failed | ConnectFailed | RemoteOutOfTime):
        detail, hint = event.detail, event.hint
    effects = []
    for effect in rule.effects:
        if not isinstance(effect, Only):
            effects.append(effect)
        elif effect.paired == before.paired:
            effects.append(effect.effect)
    lives = rule.reason is None
    call = Call(
        before.role,
        before.paired,
        rule.state,
        rule.reason,
        detail,
        hint,
        on_hold=lives and (before.on_hold if rule.on_hold is None else rule.on_hold),
        remote_on_hold=lives and (before.remote_on_hold if rule.remote_on_hold is None else rule.remote_on_hold),
    )
    said_before = rule.holds and call == before
    return call, () if said_before else tuple(effects)
