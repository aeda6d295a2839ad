"""`python -m tests.soak.wrapping FILE …`: as counted.py, but the numbers of its packets begin just before their end.

A sequence number has 16 bits, a timestamp 32 (RFC 3550, section 5.1). From a random start, the first wraps after at
most twenty minutes of sound, the second within a day.
"""

from __future__ import annotations

import secrets
import sys

from aiortc import rtcrtpsender

from bot.cli.main import main
from tests.soak import counted

BEFORE_WRAP = 100
"Packets: two seconds of sound. SRTP counts the wraps wrongly only if all of them are lost (RFC 3711, 3.3.1)."

TICKS_BEFORE_WRAP = 2 * 48_000
"The most ticks until a timestamp wraps: two seconds of sound, one of pictures."


def begin() -> None:
    """Make aiortc's senders begin there. Its SSRCs come from the same function, so they are near the end as well."""
    rtcrtpsender.random_sequence_number = lambda: (1 << 16) - BEFORE_WRAP
    rtcrtpsender.random32 = lambda: (1 << 32) - 1 - secrets.randbelow(TICKS_BEFORE_WRAP)  # type: ignore[attr-defined]


if __name__ == "__main__":
    begin()
    counted.begin()
    sys.exit(main())
