"""What a session reports, one class each. Those that need no decision are passed on to the listeners as they are.

Some come from elsewhere, because they mean the same there: `Text`, `MediaState`, `JoinMessage` are the other side's
messages (shared/messages.py); `PathLost`, `PathRestored`, `RemoteBye`, `RemoteHeld`, `RemoteResumed` and
`RemoteFlooded` are events of the call table (shared/call/events.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct

from peer.media.trouble import MediaTrouble
from shared.call.events import PathLost, PathRestored, RemoteBye, RemoteFlooded, RemoteHeld, RemoteResumed
from shared.errors import CopybaraError
from shared.media import Media
from shared.messages import JoinMessage, MediaState, Text


@dataclass(frozen=True, slots=True)
class Connected:
    """The first leg of the call is up; control and media flow from here on."""

    secret: bytes = field(repr=False)
    "32 bytes: what later epochs of this call are derived from."

    first_heard: float | None
    "When the other side's first check came, monotonic seconds."


class HelloHeard(Struct, frozen=True):
    """The other side's first message on a leg has come."""

    conversations: bool
    "Whether its program can be in a conversation of several people."


class AttemptFailed(Struct, frozen=True):
    """One attempt ended without a connection. Others may still be running."""

    error: CopybaraError


class FirstMedia(Struct, frozen=True):
    """The first packet of a kind arrived in this call."""

    kind: str
    "`audio` or `video`."

    at: float
    "Monotonic seconds."


@dataclass(frozen=True, slots=True)
class Proposed:
    """A new pair secret, to be stored for reading before the other side learns that we have it."""

    secret: bytes = field(repr=False)
    "32 bytes."

    phrase: str
    "Four words that both people can compare."

    shown: tuple[bytes, ...] = field(default=(), repr=False)
    "The secrets of earlier calls, 32 bytes each, that the other side has shown in this one."


@dataclass(frozen=True, slots=True)
class Committed:
    """The other side has stored the new pair secret too."""

    secret: bytes = field(repr=False)
    "32 bytes."


class MediaAgreed(Struct, frozen=True):
    """What both sides send and take: once the first leg is up, and again if it turns out to be less."""

    media: Media


class RemoteAnsweredAlone(Struct, frozen=True):
    """The other side's program answered automatically."""


class Dials(Struct, frozen=True):
    """The credentials of an epoch are used from now on, and never again."""

    epoch: int


class ByeUnheard(Struct, frozen=True):
    """The other side hasn't acknowledged our goodbye: it may be gone for now, and come back."""


class Broke(Struct, frozen=True):
    """The session can't continue."""

    error: CopybaraError


Kept: TypeAlias = Connected | MediaAgreed | RemoteAnsweredAlone | Proposed | Committed | Dials | PathRestored
"What has to be on the disk before the session acts on it, so that a program that is killed can take the call up again."

SessionEvent: TypeAlias = (
    AttemptFailed
    | FirstMedia
    | RemoteBye
    | RemoteHeld
    | RemoteResumed
    | RemoteFlooded
    | Text
    | MediaState
    | HelloHeard
    | JoinMessage
    | MediaTrouble
    | PathLost
    | ByeUnheard
    | Broke
)
"What needs no answer and nothing stored."
