"""Programs and tasks of an endpoint, which end before anything that they use is closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Any


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Kill a program if it still runs, and wait until it has ended."""
    if process.returncode is None:
        # Not process.kill(): it would collect one that has just ended, which asyncio then looks for in vain.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it has ended. What it ended with is its task group's to notice."""
    if task is not None:
        task.cancel()
        await asyncio.wait([task])
