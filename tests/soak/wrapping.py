"""`python -m tests.soak.wrapping FILE …`: as counted.py, but the numbers of its packets begin just before their end.

A sequence number has 16 bits, a timestamp 32 (RFC 3550, section 5.1). Begun at random as usual, the first wraps after
twenty minutes of sound at the latest, the second within a day.
"""

from __future__ import annotations

import secrets
import sys

from aiortc import rtcrtpsender

from bot.cli.main import main
from tests.soak import counted

BEFORE_WRAP = 100
"Packets: two seconds of sound. SRTP gets its count of wraps wrong only if all of them are lost (RFC 3711, 3.3.1)."

TICKS_BEFORE_WRAP = 2 * 48_000
"At most, of a timestamp: two seconds of sound, one of pictures."


def begin() -> None:
    """Have aiortc's senders begin there. Its SSRCs come from the same function, so they are near the end as well."""
    rtcrtpsender.random_sequence_number = lambda: (1 << 16) - BEFORE_WRAP
    rtcrtpsender.random32 = lambda: (1 << 32) - 1 - secrets.randbelow(TICKS_BEFORE_WRAP)  # type: ignore[attr-defined]


if __name__ == "__main__":
    begin()
    counted.begin()
    sys.exit(main())
