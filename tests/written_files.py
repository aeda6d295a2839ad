"""Waiting for what programs write into a folder: the kernel tells of each change (inotify(7))."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from asyncinotify import Inotify, Mask

SECONDS = 60.0


async def until_written(folder: Path, wanted: Callable[[], bool]) -> None:
    """Wait until something holds of the files in a folder: asked now, and whenever one comes, goes or is written to.

    The folder may come later.
    """
    async with asyncio.timeout(SECONDS):
        await _until(folder, wanted)


async def until_quiet(file: Path, seconds: float) -> None:
    """Wait until nothing has been written to a file for so long."""
    with Inotify() as writes:
        writes.add_watch(file, Mask.MODIFY)
        async with asyncio.timeout(SECONDS):
            while await _comes(writes, seconds):
                pass


async def _comes(writes: Inotify, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await writes.get()
    except TimeoutError:
        return False
    return True


async def _until(folder: Path, wanted: Callable[[], bool]) -> None:
    if not await asyncio.to_thread(folder.is_dir):
        await _until(folder.parent, folder.is_dir)
    with Inotify() as changes:
        changes.add_watch(folder, Mask.CREATE | Mask.MODIFY | Mask.MOVE | Mask.DELETE)
        while not wanted():
            await changes.get()
