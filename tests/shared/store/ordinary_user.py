"""An ordinary user for tests of refused access, because root may read and write everything."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65_534


@contextlib.contextmanager
def ordinary_user(*own: Path, uid: int = NOBODY) -> Iterator[None]:
    """Continue as a user without privileges who owns the paths in `own`. Does nothing for such a user.

    It is the real user as well, about whom access(2) tells. Root stays the saved one, and can come back.
    """
    if os.geteuid() != 0:
        yield
        return
    for path in own:
        os.chown(path, uid, NOBODY)
    os.setresuid(uid, uid, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Make a new folder that every user can enter. pytest's own folders can't be entered."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)
