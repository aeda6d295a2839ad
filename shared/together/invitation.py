"""Being asked into a conversation: what the owner and the one who asks can do with an invitation, as a table.

Everything that changes an invitation's state is in TABLE. What isn't there changes nothing: what the other side sends
may come late, twice or out of order. Nobody is called before the owner has agreed. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class InvitationState(enum.StrEnum):
    """Where an invitation stands."""

    ASKED = "asked"
    "The owner is to say yes or no."

    AGREED = "agreed"
    "The owner wants to. The others may not have answered yet."

    MEETING = "meeting"
    "All have agreed: the others are called, or call."

    OVER = "over"


class Event(enum.Enum):
    """What happens to one."""

    AGREE = enum.auto()
    "The owner wants to."

    REFUSE = enum.auto()
    "The owner doesn't."

    NODE = enum.auto()
    "The one who asked says who one of the others is."

    LINK = enum.auto()
    "They bring a link of one of the others."

    ALL_MET = enum.auto()
    "We are connected with all the others, or can't be."

    CALLED_OFF = enum.auto()
    "They say that nothing comes of it."

    TIMED_OUT = enum.auto()
    GONE = enum.auto()
    "The call with them is over."


class Effect(enum.Enum):
    """What has to be done."""

    SAY_YES = enum.auto()
    SAY_NO = enum.auto()
    MEET = enum.auto()
    "Call that node, or wait for its link."

    READ = enum.auto()
    "Read that link."

    TELL_OVER = enum.auto()
    "Tell the owner that nothing comes of it."

    TELL_MISSED = enum.auto()
    "Tell the owner who of the others hasn't come."


_ENDS: Final = {
    Event.CALLED_OFF: (InvitationState.OVER, (Effect.TELL_OVER,)),
    Event.TIMED_OUT: (InvitationState.OVER, (Effect.TELL_OVER,)),
    Event.GONE: (InvitationState.OVER, (Effect.TELL_OVER,)),
}

TABLE: Final[Mapping[InvitationState, Mapping[Event, tuple[InvitationState, tuple[Effect, ...]]]]] = {
    InvitationState.ASKED: {
        Event.AGREE: (InvitationState.AGREED, (Effect.SAY_YES,)),
        Event.REFUSE: (InvitationState.OVER, (Effect.SAY_NO,)),
        **_ENDS,
    },
    InvitationState.AGREED: {
        Event.NODE: (InvitationState.MEETING, (Effect.MEET,)),
        **_ENDS,
    },
    InvitationState.MEETING: {
        Event.NODE: (InvitationState.MEETING, (Effect.MEET,)),
        Event.LINK: (InvitationState.MEETING, (Effect.READ,)),
        # Who has met the others by then stays with them.
        Event.ALL_MET: (InvitationState.OVER, ()),
        Event.TIMED_OUT: (InvitationState.OVER, (Effect.TELL_MISSED,)),
        Event.GONE: (InvitationState.OVER, (Effect.TELL_MISSED,)),
    },
    InvitationState.OVER: {},
}


def step(state: InvitationState, event: Event) -> tuple[InvitationState, tuple[Effect, ...]]:
    """The state after an event, and what has to be done."""
    return TABLE[state].get(event, (state, ()))
