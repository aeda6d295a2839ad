"""A bad path as a rule: when each packet that goes in comes out, if it does. Pure; hop.py carries packets by it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Path:
    """What one direction of a path does to packets. Parts are 0 to 1, times are milliseconds."""

    loss: float = 0.0
    "The part of all packets that is lost."

    delay: float = 0.0
    jitter: float = 0.0
    "Up to this much more than `delay`, another amount for each packet. They stay in order."

    reordered: float = 0.0
    "The part of all packets that overtakes those before it: it isn't held up by jitter."

    duplicated: float = 0.0
    "The part of all packets that comes twice."

    kbps: float = 0.0
    "Thousand bits a second that fit through, 0 for any number."

    queue: float = 300.0
    "How long packets wait for their turn at most; those that would wait longer are lost."

    dark: bool = False
    "Nothing comes through."


class Direction:
    """One direction of a path: its queue and its chances."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._free = 0.0
        "When the packet before is through the narrow part."
        self._last = 0.0
        "When the last packet in order comes out."

    def times(self, path: Path, now: float, size: int) -> list[float]:
        """When a packet of `size` bytes that goes in at `now`, in seconds, comes out: once, twice or never."""
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
