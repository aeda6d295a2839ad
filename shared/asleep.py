"""What was waited for is over when the machine wakes: while it sleeps, the kernel's monotonic clock stands still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

LOOK_SECONDS = 5.0
"Between two looks whether the machine has slept."

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_Result = TypeVar("_Result")


def uptime() -> float:
    """Seconds since the machine was started, also those in which it slept, where the system counts them."""
    return time.clock_gettime(CLOCK)


def asleep() -> float:
    """For how many seconds the machine has slept; only the difference of two means anything."""
    return uptime() - time.monotonic()


async def until_slept() -> None:
    """Return soon after the machine has slept."""
    before = asleep()
    while asleep() - before < LOOK_SECONDS:  # noqa: ASYNC110 -- it has no event
        await asyncio.sleep(LOOK_SECONDS)


class SleepCounts(asyncio.SelectorEventLoop):
    """An event loop whose timers count the time in which the machine slept: who called meanwhile has long given up,
    and servers have closed their connections.
    """

    def time(self) -> float:
        """See asyncio.AbstractEventLoop."""
        return time.clock_gettime(CLOCK)


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """As asyncio.run."""
    with asyncio.Runner(loop_factory=SleepCounts) as runner:
        return runner.run(main)
