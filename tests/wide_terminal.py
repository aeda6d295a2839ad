"""A terminal that wraps no sentence, so that a test finds each sentence on one line."""

from __future__ import annotations

import fcntl
import os
import struct
import termios

COLUMNS, LINES = 2000, 50


def wide_terminal(columns: int = COLUMNS, lines: int = LINES) -> tuple[int, int]:
    """Both descriptors: ours, and the one for the program in the terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    return ours, theirs
