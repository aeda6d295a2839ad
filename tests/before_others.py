"""For tests of sound and pictures as they come: on a busy machine these would test how busy it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

FIRST = -15
"A niceness."


@contextlib.contextmanager
def before_others() -> Iterator[None]:
    """This thread, and all that it starts in the block, get the processor before others, as sound does on a desktop.

    Only root may do that; for others it does nothing.
    """
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)
