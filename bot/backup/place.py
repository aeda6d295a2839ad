"""Putting a restored home where it belongs, beside the person's own files that lie there already.

Each step is a rename, so a process may be killed at any of them: what was put aside is then put back by the next
restore, or by the next program that uses the home. All raise OSError.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from shared.store.files import FOLDER_MODE


def put_in_place(restored: Path, folder: Path, kept: Path) -> None:
    """Let `restored` be the folder. What lies in there is in `kept` meanwhile, and in the folder again at the end."""
    if folder.exists():
        kept.mkdir(FOLDER_MODE, exist_ok=True)
        try:
            for path in list(folder.iterdir()):
                path.rename(kept / path.name)
            folder.rmdir()
        except OSError:
            put_back(kept, folder)
            raise
    restored.rename(folder)
    put_back(kept, folder)


def put_back(kept: Path, folder: Path) -> None:
    """Move what is in `kept` into the folder. Nothing there is replaced: what has the name of another file stays."""
    if not kept.exists():
        return
    for path in list(kept.iterdir()):
        there = folder / path.name
        if not os.path.lexists(there):
            path.rename(there)
        elif _is_folder(path) and _is_folder(there):
            put_back(path, there)
    with contextlib.suppress(OSError):  # something stays
        kept.rmdir()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
