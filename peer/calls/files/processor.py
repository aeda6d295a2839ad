"""How much of a processor files may take, so that a call's sound has its turn at once.

A program carries sound and files in one thread. Sound that has come waits while that thread works at a file, and while
another program has the processor that it needs.
"""

from __future__ import annotations

import contextlib
import os
import time

SCHEDULER = "/proc/thread-self/schedstat"
"Linux's: nanoseconds in which this thread ran, and in which it could have, while something else did."

SHARE = 0.7
"Of the time, in which a program that carries files may run or wait for a processor."

AT_ONCE = 0.005
"Seconds of that."

LONGEST_REST = 0.05
"Seconds: where other programs leave no time at all, a file still goes on."


def wanted() -> float:
    """Seconds in which this thread has run, or could have while something else did; those aren't known off Linux."""
    return time.thread_time() + _waited()


def _waited() -> float:
    with contextlib.suppress(OSError):
        descriptor = os.open(SCHEDULER, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return int(os.read(descriptor, 100).split()[1]) / 1e9
        finally:
            os.close(descriptor)
    return 0.0


class Restraint:
    """Says how long files have to rest. Pure."""

    def __init__(self) -> None:
        self._wanted: float | None = None
        self._looked = 0.0
        self._left = 0.0
        "Seconds that the program may still want; below 0 it has wanted too many."

    def rest(self, wanted: float, now: float) -> float:
        """Seconds until the next piece; `wanted` is how many of a processor the program has wanted so far."""
        if self._wanted is not None:
            self._left += SHARE * (now - self._looked) - (wanted - self._wanted)
        self._wanted, self._looked = wanted, now
        self._left = max(-SHARE * LONGEST_REST, min(AT_ONCE, self._left))
        return max(0.0, -self._left / SHARE)
