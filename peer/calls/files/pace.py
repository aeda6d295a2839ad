"""How much of a file may be on its way, so that sound and picture on the same path don't wait behind it. Pure.

LEDBAT (RFC 6817) over the receiver's acknowledgements: more while they come back as fast as on an empty path, less as
soon as a queue builds up somewhere: in a router, on the receiver's disk, or in a program that is busy with a call.
"""

from __future__ import annotations

from collections import deque

KIB = 1024

SMALLEST = 64 * KIB
LARGEST = 4 * KIB * KIB
"Bytes on their way."

FIRST = 128 * KIB

TARGET_SECONDS = 0.06
"The queue that is aimed at: RFC 6817 allows 100 ms."

PIECE = 16 * KIB
"What the window grows by in one round trip without a queue."

FILTER_SECONDS = 0.5
"""The shortest round trip of this time says how long the queue is: a queue in the network stays, and a program that was
busy for a moment doesn't.
"""

BASE_SECONDS = 600.0
"For how long the shortest round trip counts as that of an empty path, at least: routes change."


class FilePace:
    """What is on its way over one leg, of all files together."""

    def __init__(self) -> None:
        self.window = float(FIRST)
        "Bytes that may be on their way."

        self._sent: dict[bytes, deque[tuple[int, float, int]]] = {}
        "By file: the end of each piece, when it was sent, and its size."

        self._on_their_way = 0
        self._starting = True
        self._base: float | None = None
        self._next_base: float | None = None
        self._base_since = 0.0
        self._latest: deque[tuple[float, float]] = deque()
        "When, and how long a round trip took then, of those within FILTER_SECONDS."

        self._cut_at = float("-inf")

    def has_room(self, size: int) -> bool:
        """Whether that many bytes more may be sent now."""
        return self._on_their_way == 0 or self._on_their_way + size <= self.window

    def sent(self, file: bytes, end: int, size: int, now: float) -> None:
        """A piece of that size, which ends before that offset, is being sent; `now` in monotonic seconds."""
        self._sent.setdefault(file, deque()).append((end, now, size))
        self._on_their_way += size

    def taken(self, file: bytes, offset: int, now: float) -> None:
        """The receiver has that file up to `offset`."""
        pieces = self._sent.get(file, deque())
        acknowledged, sent_at = 0, None
        while pieces and pieces[0][0] <= offset:
            _, sent_at, size = pieces.popleft()
            acknowledged += size
        self._on_their_way -= acknowledged
        if sent_at is not None:
            self._adapt(acknowledged, now - sent_at, now)

    def forget(self, file: bytes) -> None:
        """What is on its way of that file will not be acknowledged any more."""
        self._on_their_way -= sum(size for _, _, size in self._sent.pop(file, ()))

    def _adapt(self, acknowledged: int, seconds: float, now: float) -> None:
        if self._base is None or self._next_base is None or now - self._base_since > BASE_SECONDS:
            self._base = seconds if self._next_base is None else min(seconds, self._next_base)
            self._next_base, self._base_since = seconds, now
        self._base = min(self._base, seconds)
        self._next_base = min(self._next_base, seconds)
        latest = self._shortest_lately(seconds, now)
        if self._starting and seconds - self._base < TARGET_SECONDS / 2:
            self.window = min(float(LARGEST), self.window + acknowledged)
            return
        self._starting = False
        queue = latest - self._base
        if queue > 2 * TARGET_SECONDS:
            # Far too much: half of it, once for each time that it can have had an effect.
            if now - self._cut_at > seconds:
                self.window, self._cut_at = max(float(SMALLEST), self.window / 2), now
            return
        off_target = max(-1.0, 1 - max(0.0, queue) / TARGET_SECONDS)
        self.window += off_target * acknowledged * PIECE / self.window
        self.window = max(float(SMALLEST), min(float(LARGEST), self.window))

    def _shortest_lately(self, seconds: float, now: float) -> float:
        """The shortest round trip lately."""
        self._latest.append((now, seconds))
        while self._latest[0][0] < now - FILTER_SECONDS:
            self._latest.popleft()
        return min(each for _, each in self._latest)
