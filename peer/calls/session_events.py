"""The values with which a session reports what has happened.

Those that need no decision reach the listeners as they are.

Some are defined elsewhere, because they mean the same there: `Text`, `MediaState`, `JoinMessage` are the other side's
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
    "32 bytes: the redial secret, from which the keys of later epochs are derived."

    first_heard: float | None
    "When the other side's first check came, monotonic seconds."


class HelloHeard(Struct, frozen=True):
    """The other side has said hello on a leg."""

    conversations: bool
    "Whether its program can be in a conversation of several people."


class AttemptFailed(Struct, frozen=True):
    """One attempt to connect a leg has failed. Others may still be running."""

    error: CopybaraError


class FirstMedia(Struct, frozen=True):
    """The first packet of audio or video in this call has arrived."""

    kind: str
    "`audio` or `video`."

    at: float
    "Monotonic seconds."


@dataclass(frozen=True, slots=True)
class Proposed:
    """Both sides have agreed on a new pair secret. It has to be stored before the other side learns that we have it."""

    secret: bytes = field(repr=False)
    "32 bytes."

    phrase: str
    "Four words that both people can compare."

    shown: tuple[bytes, ...] = field(default=(), repr=False)
    "The secrets of earlier calls, 32 bytes each, that the other side has shown to have."


@dataclass(frozen=True, slots=True)
class Committed:
    """The other side has stored the new pair secret too."""

    secret: bytes = field(repr=False)
    "32 bytes."


class MediaAgreed(Struct, frozen=True):
    """The media that both sides send: reported when the first leg is up, and again if the other side wants less."""

    media: Media


class RemoteAnsweredAlone(Struct, frozen=True):
    """The other side's program answered automatically."""


class Dials(Struct, frozen=True):
    """That epoch is dialled now, and is never used again."""

    epoch: int


class ByeUnheard(Struct, frozen=True):
    """The other side hasn't acknowledged our goodbye. It may be out of reach, and dial again later."""


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
"What a session reports without waiting for anything."
