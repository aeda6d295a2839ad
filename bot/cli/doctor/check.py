"""One thing that was looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bot.terminal.slow_steps import said_if_slow
from shared.errors import CopybaraError

SECONDS = 1.0
"How long one look may be silent: several in a row are to add up to no long silence."


@dataclass(frozen=True, slots=True)
class Check:
    """One line."""

    name: str
    ok: bool
    "Whether calls can be made all the same."

    detail: str
    hint: str = ""
    note: bool = False
    "Only for information: something that is missing and isn't needed."

    @classmethod
    def failed(cls, name: str, error: CopybaraError) -> Check:
        """An error as a check that failed."""
        return cls(name, ok=False, detail=error.sentence, hint=error.hint)


def checked(name: str, look: Callable[[], str | Check]) -> Check:
    """What `look` finds: a detail, or a whole check; its error is a check that failed."""
    try:
        found = look()
    except CopybaraError as error:
        return Check.failed(name, error)
    return found if isinstance(found, Check) else Check(name, ok=True, detail=found)


def looking(where: str) -> AbstractContextManager[None]:
    """Say where the block looks, if that takes long."""
    return said_if_slow(f"Looking {where}", SECONDS)
