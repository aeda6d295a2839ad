"""What the switchboard tells whoever shows calls to people: the bot, and later the handset page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from shared.call.effects import Noted
from shared.call.reasons import Reason


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


@dataclass(frozen=True, slots=True)
class Wrote:
    """The other side wrote a line of text beside the call."""

    text: str


@dataclass(frozen=True, slots=True)
class RemoteMediaChanged:
    """The other side mutes, shows its screen, or the like: the line has what it sends now."""


@dataclass(frozen=True, slots=True)
class MediaAgreed:
    """The call carries less than was asked for: the line has what it carries."""


@dataclass(frozen=True, slots=True)
class RemoteAnsweredAlone:
    """The other side's program has answered without asking anybody."""


@dataclass(frozen=True, slots=True)
class MediaArrived:
    """The first packet of a kind has arrived."""

    kind: str


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
    | Wrote
    | RemoteMediaChanged
    | MediaAgreed
    | RemoteAnsweredAlone
    | MediaArrived
)
