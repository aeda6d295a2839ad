"""What a target is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One parser."""

    read: Callable[[bytes], object]
    "Takes anything."

    known: tuple[type[Exception], ...]
    "The errors that it may end in."

    seeds: tuple[bytes, ...]
    "Inputs that it takes, to begin with."

    def meet(self, data: bytes) -> None:
        """Let it read one input. Raises what it raises, unless that is known."""
        with contextlib.suppress(*self.known):
            self.read(data)


def text(data: bytes) -> str:
    """Any text. Lone surrogates are in it, as they are in what JSON brings."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
