"""Root may read and write everything, so what is refused to others is tried as one of them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

NOBODY = 65_534


@contextlib.contextmanager
def ordinary_user(*own: Path, uid: int = NOBODY) -> Iterator[None]:
    """Go on as a user without privileges, to whom the paths in `own` belong. Nothing to do for such a user."""
    if os.geteuid() != 0:
        yield
        return
    for path in own:
        os.chown(path, uid, NOBODY)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """A new folder that every user can go into (pytest's own can't be)."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)
