"""Reports that a camera was plugged in or pulled out, by inotify(7) on the folders with the devices."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

from shared.errors import MediaError


async def camera_changes(folders: Iterable[Path]) -> AsyncGenerator[None, None]:
    """Yields once when it starts to watch, and whenever a file in a folder comes, goes or changes its permissions.

    Raises MediaError if the folders can't be watched. The caller then has to look at intervals.
    """
    if sys.platform != "linux":
        raise MediaError("Cameras can't be watched on this system.")
    from asyncinotify import Inotify, Mask

    try:
        with Inotify() as inotify:
            for folder in folders:
                if folder.is_dir():
                    inotify.add_watch(folder, Mask.CREATE | Mask.DELETE | Mask.MOVE | Mask.ATTRIB)
            yield
            async for _ in inotify:
                yield
    except OSError as error:
        raise MediaError(f"Cameras can't be watched: {error.strerror}.") from error
