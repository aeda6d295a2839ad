"""What calls report to the chat and the handset page, which show them to people."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from peer.calls.files.transfer import FileChanged
from peer.calls.line import Line
from peer.calls.recording.changed import RecordingChanged
from peer.calls.repeats import GoesOn, Repeated, Telling
from peer.calls.session_events import FirstMedia, HelloHeard, MediaAgreed, RemoteAnsweredAlone
from peer.calls.together_news import LinkForIntroduced, TogetherNews
from peer.media.trouble import MediaTrouble
from shared.call.effects import (
    AnnounceAnswer,
    Effect,
    Noted,
    PauseMedia,
    ResumeMedia,
    Ring,
    ShowHeld,
    ShowResumed,
    TakeMessage,
)
from shared.errors import CopybaraError, StoreError
from shared.messages import JoinMessage, MediaState, Text
from shared.reasons import Reason

logger = logging.getLogger(__name__)


class Posted(Struct, frozen=True):
    """A link has to be put into the line's chat."""

    token: str


class Rings(Struct, frozen=True):
    """The call rings: the owner has to be asked."""

    reason: Reason
    "Why it rings: a new caller, or a contact that is to be asked about."


class AnsweredAlone(Struct, frozen=True):
    """The call was answered automatically; the owner must notice."""


class TakesMessage(Struct, frozen=True):
    """Nobody has answered, so the answering machine takes the call."""


class Recorded(Struct, frozen=True):
    """The file with what the other side has sent is finished."""

    path: Path


class Changed(Struct, frozen=True):
    """The state of the call has changed."""

    telling: Telling = Telling.EACH
    "What the owner hears of it."


class HoldChanged(Struct, frozen=True):
    """The call was put on hold, or taken off. The line says how it stands now."""

    by: Literal["us", "them"]

    on: bool

    telling: Telling = Telling.EACH
    "What the owner hears of it."


class LinkNoted(Struct, frozen=True):
    """A link says something that doesn't change the call: it rings there, or somebody unproven declines."""

    noted: Noted


class NotKept(Struct, frozen=True):
    """Something about the call couldn't be written to the disk. It is tried again."""

    error: StoreError


class PhraseKnown(Struct, frozen=True):
    """People on both sides can compare the four words now."""


class Paired(Struct, frozen=True):
    """Both sides have stored a new pair secret."""


News: TypeAlias = (
    Posted
    | Rings
    | AnsweredAlone
    | TakesMessage
    | Recorded
    | Changed
    | HoldChanged
    | LinkNoted
    | GoesOn
    | NotKept
    | PhraseKnown
    | Paired
    | Text
    | MediaState
    | MediaAgreed
    | RemoteAnsweredAlone
    | FirstMedia
    | HelloHeard
    | JoinMessage
    | LinkForIntroduced
    | TogetherNews
    | MediaTrouble
    | FileChanged
    | RecordingChanged
)


def news_of(effect: Effect, line: Line) -> News | None:
    """What an effect of the call table tells people once it is carried out; None: nothing."""
    match effect:
        case Ring():
            return Rings(line.shown.reason)
        case AnnounceAnswer():
            return AnsweredAlone()
        case TakeMessage():
            return TakesMessage()
        case Noted():
            return _noted(effect, line)
        case PauseMedia() | ResumeMedia():
            return HoldChanged("us", isinstance(effect, PauseMedia))
        case ShowHeld():
            return HoldChanged("them", True, line.repeats.begins(Repeated.HOLD, time.monotonic()))
        case ShowResumed():
            return HoldChanged("them", False, line.repeats.ends(Repeated.HOLD))
        case _:
            return None


def _noted(effect: Noted, line: Line) -> News | None:
    match line.repeats.begins(Repeated.LINK, time.monotonic()):
        case Telling.EACH:
            return LinkNoted(effect)
        case Telling.LAST:
            return GoesOn(Repeated.LINK)
        case Telling.NONE:
            return None


class CallListener(Protocol):
    """Shows calls to people, or brings their links into a chat."""

    def told(self, line: Line, news: News) -> None:
        """Something has happened to a call. Must not block. Raises CopybaraError if the call can't go on without it."""


class CallListeners:
    """All listeners of one node."""

    def __init__(self, listeners: Sequence[CallListener]) -> None:
        self._listeners = tuple(listeners)

    def told(self, line: Line, news: News) -> None:
        """Tell each listener. What one raises is logged, and the call goes on."""
        for listener in self._listeners:
            try:
                listener.told(line, news)
            except CopybaraError as error:
                logger.warning("line %d: %s", line.number, error.sentence)
            except Exception:
                logger.exception("line %d: %s couldn't be told", line.number, type(news).__name__)

    def need(self, line: Line, news: News) -> None:
        """Tell each listener, also if another one fails; then raise the first error."""
        failed: Exception | None = None
        for listener in self._listeners:
            try:
                listener.told(line, news)
            except Exception as error:
                failed = failed or error
        if failed is not None:
            raise failed
