"""A file that is sent in a call: how large it is, what is in it, and where its program says that it is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

MEGABYTE = 1_000_000

PATIENCE = 1800.0
"Seconds for a large one on a slow machine."


def megabytes(usual: int) -> int:
    """How large it is: `COPYBARA_BENCH_FILE_MB`, or as usual."""
    return int(os.environ.get("COPYBARA_BENCH_FILE_MB", str(usual)))


def fill(path: Path, size: int) -> None:
    """Write one that no compression makes smaller, and no two megabytes of which are the same."""
    block = os.urandom(MEGABYTE)
    with path.open("wb") as file:
        for at in range(0, size, MEGABYTE):
            file.write(at.to_bytes(8) + block[8 : min(MEGABYTE, size - at)])


def sha256(path: Path) -> bytes:
    """Of what is in it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def is_running(said: Mapping[str, object], least: int = 0) -> bool:
    """Whether a program says that the file is on its way, with at least `least` bytes there."""
    return said["type"] == "file" and said["state"] == "running" and int(str(said["done"])) >= least


def is_done(said: Mapping[str, object]) -> bool:
    """Whether a program says that it has arrived."""
    return said["type"] == "file" and said["state"] == "done"
