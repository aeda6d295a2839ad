"""The form of a target."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One parser."""

    read: Callable[[bytes], object]
    "The function under test. It takes any bytes."

    known: tuple[type[Exception], ...]
    "The errors that it may raise."

    seeds: tuple[bytes, ...]
    "Valid inputs to start from."

    def meet(self, data: bytes) -> None:
        """Let the parser read one input. Raises every error that isn't in `known`."""
        with contextlib.suppress(*self.known):
            self.read(data)


def text(data: bytes) -> str:
    """Any text. It may contain lone surrogates, as JSON may bring them."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")
