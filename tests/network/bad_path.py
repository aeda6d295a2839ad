"""Rules of a bad path: when each packet comes out, if it does. Pure. hop.py carries packets by these rules."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Path:
    """What one direction of a path does to packets. Probabilities are 0 to 1, times are in milliseconds."""

    loss: float = 0.0
    "The share of all packets that is lost."

    delay: float = 0.0
    jitter: float = 0.0
    "The greatest random time added to `delay` for each packet. The packets stay in order."

    reordered: float = 0.0
    "The share of all packets that overtakes earlier ones. Jitter doesn't delay these."

    duplicated: float = 0.0
    "The share of all packets that arrives twice."

    kbps: float = 0.0
    "Kilobits per second that pass, 0 for no limit."

    queue: float = 300.0
    "The longest time that packets wait for their turn. Packets that would wait longer are lost."

    dark: bool = False
    "Whether all packets are lost."


class Direction:
    """One direction of a path: its queue and its random numbers."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._free = 0.0
        "When the packet before leaves the narrow part."
        self._last = 0.0
        "When the last packet in order comes out."

    def times(self, path: Path, now: float, size: int) -> list[float]:
        """When a packet of `size` bytes comes out that goes in at `now`, in seconds: once, twice or never."""
        chance = self._random.random
        if path.dark or chance() < path.loss:
            return []
        through = now
        if path.kbps:
            begins = max(now, self._free)
            if (begins - now) * 1000 > path.queue:
                return []
            through = self._free = begins + size * 8 / (path.kbps * 1000)
        out = through + path.delay / 1000
        if chance() >= path.reordered:
            out = self._last = max(self._last, out + chance() * path.jitter / 1000)
        return [out, out] if chance() < path.duplicated else [out]
