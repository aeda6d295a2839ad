"""Ends the programs and tasks of an endpoint, before anything that they use is closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Kill a program if it still runs, and wait until it has ended."""
    if process.returncode is None:
        # Not process.kill(): it would reap a process that has just ended, and asyncio would then wait for it in vain.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has ended. The task group that owns the task sees how it ended."""
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
