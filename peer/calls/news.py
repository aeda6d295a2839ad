"""What the switchboard tells whoever shows calls to people: the bot, and later the handset page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from peer.calls.session_events import FirstMedia, MediaAgreed, RemoteAnsweredAlone
from shared.call.effects import Noted
from shared.call.reasons import Reason
from shared.messages import MediaState, Text


@dataclass(frozen=True, slots=True)
class Posted:
    """A link is to be put into the line's chat."""

    token: str


@dataclass(frozen=True, slots=True)
class Rings:
    """The owner is to be asked."""

    reason: Reason
    "Why it rings: a new caller, or a contact that is to be asked about."


@dataclass(frozen=True, slots=True)
class AnsweredAlone:
    """The call was answered without asking; the owner has to notice."""


@dataclass(frozen=True, slots=True)
class TakesMessage:
    """Nobody has answered, and the answering machine does."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the other side sent is in a file, which is finished."""

    path: Path


@dataclass(frozen=True, slots=True)
class Changed:
    """The line has another state than before."""


@dataclass(frozen=True, slots=True)
class Said:
    """A link says something that changes nothing by itself: it rings there, or somebody unproven declines."""

    noted: Noted


@dataclass(frozen=True, slots=True)
class PhraseKnown:
    """Both sides have the four words now."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Both sides have stored a new pair secret."""


News: TypeAlias = (
    Posted
    | Rings
    | AnsweredAlone
    | TakesMessage
    | Recorded
    | Changed
    | Said
    | PhraseKnown
    | Paired
    | Text
    | MediaState
    | MediaAgreed
    | RemoteAnsweredAlone
    | FirstMedia
)
