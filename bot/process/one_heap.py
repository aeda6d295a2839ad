"""One heap for all threads, so that what one of them has freed is used again by the others.

glibc gives threads heaps of their own (malloc's arenas, mallopt(3), M_ARENA_MAX), which keep what was freed in them. A
new encoder of pictures has 17 MB, is made whenever the bit rate changes, in whichever worker thread is idle, and so
left as much behind in each of them: a call grew by some 80 MB on two cores, and would by 500 MB on thirty.
"""

from __future__ import annotations

import ctypes
import sys

M_ARENA_MAX = -8
"In glibc's malloc.h."


def share_one_heap() -> None:
    """Let no thread that starts from now on have a heap of its own. Does nothing where the C library isn't glibc."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, 1)
