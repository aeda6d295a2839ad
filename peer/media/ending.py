"""Programs and tasks of an endpoint, which end before anything that they use is closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar
from weakref import WeakSet

_Result = TypeVar("_Result")


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Kill a program if it still runs, and wait until it has ended."""
    if process.returncode is None:
        # Not process.kill(): it would collect one that has just ended, which asyncio then looks for in vain.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()


_ended: WeakSet[asyncio.Task[Any]] = WeakSet()


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has ended. What it ended with is its task group's to notice."""
    if task is not None:
        _ended.add(task)
        task.cancel()
        await asyncio.wait([task])


class EndpointTasks(asyncio.TaskGroup):
    """Tells also of a task that is cancelled by anything but `end`: a task group alone takes no notice of that."""

    def __init__(self, cut_off: Callable[[], None]) -> None:
        super().__init__()
        self._cut_off = cut_off

    def create_task(
        self,
        coro: Generator[Any, None, _Result] | Coroutine[Any, Any, _Result],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[_Result]:
        """As in asyncio.TaskGroup."""
        task = super().create_task(coro, name=name, context=context)
        task.add_done_callback(self._look)
        return task

    def _look(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled() and task not in _ended:
            self._cut_off()
