"""The result of one check."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bot.terminal.slow_steps import said_if_slow
from shared.errors import CopybaraError

SECONDS = 1.0
"How long one check may run silently. Several in a row should not add up to a long silence."


@dataclass(frozen=True, slots=True)
class Check:
    """One line of output."""

    name: str
    ok: bool
    "Whether calls can be made anyway."

    detail: str
    hint: str = ""
    note: bool = False
    "Whether it is only information: something is missing and isn't needed."

    @classmethod
    def failed(cls, name: str, error: CopybaraError) -> Check:
        """Turn an error into a failed check."""
        return cls(name, ok=False, detail=error.sentence, hint=error.hint)


def checked(name: str, look: Callable[[], str | Check]) -> Check:
    """Run `look`, which returns a detail or a whole check. An error makes a failed check."""
    try:
        found = look()
    except CopybaraError as error:
        return Check.failed(name, error)
    return found if isinstance(found, Check) else Check(name, ok=True, detail=found)


def looking(where: str) -> AbstractContextManager[None]:
    """Say what is being checked if the block takes long."""
    return said_if_slow(f"Looking {where}", SECONDS)
