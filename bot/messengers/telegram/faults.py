"""What can go wrong between us and Telegram, and what is done about it.

===================================== ============================================================
what happened                         what is done
===================================== ============================================================
no network, 5xx, a timeout            the same again, after 0.5 s, then twice as long, up to 30 s
an answer that isn't Telegram's       the same (see http.py): it says nothing of the request
429                                   the same again, after `retry_after` seconds
400, 403                              never again: the message goes its other way, or is set aside
409                                   another program reads our updates: said plainly, tried later
401, 404                              the token may be revoked: getMe is asked until that is sure
===================================== ============================================================

A timeout leaves open whether Telegram has taken a message. Its Bot API has no way to say "the same one again", so it is
sent again: a link that arrives twice is used once, and the buttons of both messages mean the same call.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass

from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError

from bot.messengers.telegram.limits import (
    CONFLICT_SECONDS,
    FIRST_RETRY_SECONDS,
    LAST_RETRY_SECONDS,
    LONGEST_RETRY_AFTER_SECONDS,
)

# This sets the library to the type that `retry_after` will have in its next version. Otherwise the library warns.
os.environ.setdefault("PTB_TIMEDELTA", "1")


class FaultKind(enum.Enum):
    """The kinds of failure."""

    UNREACHABLE = enum.auto()
    TOO_FAST = enum.auto()
    REFUSED = enum.auto()
    CONFLICT = enum.auto()
    TOKEN = enum.auto()
    "Telegram says that it doesn't know the token or the method."


@dataclass(frozen=True, slots=True)
class Remedy:
    """A failure, and how many seconds to wait before trying again. None: never try again."""

    fault: FaultKind
    again_after: float | None = None


def judge(error: TelegramError, failures: int) -> Remedy:
    """What to do about an error. `failures` is the number of failures in a row before it."""
    backoff = min(FIRST_RETRY_SECONDS * 2 ** min(failures, 16), LAST_RETRY_SECONDS)
    match error:
        case RetryAfter():
            wait = error.retry_after
            seconds = wait if isinstance(wait, int) else wait.total_seconds()
            return Remedy(FaultKind.TOO_FAST, min(max(float(seconds), 0.0), LONGEST_RETRY_AFTER_SECONDS))
        case InvalidToken():
            return Remedy(FaultKind.TOKEN, backoff)
        case Conflict():
            return Remedy(FaultKind.CONFLICT, CONFLICT_SECONDS)
        case BadRequest() | Forbidden():  # the library makes BadRequest a NetworkError
            return Remedy(FaultKind.REFUSED)
        case NetworkError():
            return Remedy(FaultKind.UNREACHABLE, backoff)
    return Remedy(FaultKind.REFUSED)
