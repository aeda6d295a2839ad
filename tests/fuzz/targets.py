"""All targets by name, and where inputs that once did harm are kept."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.messengers import MESSENGERS
from tests.fuzz.nodes import NODES
from tests.fuzz.packets import PACKETS
from tests.fuzz.pages import PAGES
from tests.fuzz.sealed import SEALED
from tests.fuzz.texts import TEXTS

TARGETS = TEXTS | SEALED | MESSENGERS | NODES | PAGES | PACKETS

FOUND = Path(__file__).parent / "found"


def found(name: str) -> list[Path]:
    """The inputs that are kept for a target."""
    return sorted((FOUND / name.replace(" ", "-")).glob("*"))
