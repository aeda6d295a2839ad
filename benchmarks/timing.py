"""When a call got where, for both kinds of call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SideTimes:
    """Of one side, monotonic seconds."""

    connected: float
    "When it could send."

    first_media: float
    "When its first RTP packet had been decrypted."


@dataclass(frozen=True, slots=True)
class CallTimes:
    """Of a call, monotonic seconds."""

    read: float
    "When the callee began to read the first link or the offer."

    last_read: float
    "When the last link began to be read: the only one; else the caller's response or answer."

    connected: float
    first_media: float
    "When the later of both sides was as far."

    @classmethod
    def of(cls, read: float, last_read: float, *sides: SideTimes) -> CallTimes:
        """From what the two sides say."""
        return cls(read, last_read, max(side.connected for side in sides), max(side.first_media for side in sides))
