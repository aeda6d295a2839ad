"""Priority for tests of live sound and pictures. On a busy machine, these would otherwise measure how busy it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

FIRST = -15
"A niceness."


@contextlib.contextmanager
def before_others() -> Iterator[None]:
    """Give this thread, and all that it starts in the block, a higher priority, as sound has on a desktop.

    Only root may do that. For other users it does nothing.
    """
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)
