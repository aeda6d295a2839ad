"""The machine that measured, as far as it matters for the figures: no names and no places."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("aiortc", "aioice", "av", "cryptography", "pylibsrtp", "pyOpenSSL", "msgspec", "aiohttp")


def description() -> list[str]:
    """One line each: processor, memory, system, Python, libraries."""
    return [
        f"{_processor()}, {os.cpu_count()} cores, {_memory():.0f} GB of memory",
        f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}, {platform.machine()}",
        f"{platform.python_implementation()} {platform.python_version()}, SQLite {_sqlite()}",
        ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or "unknown processor"


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _sqlite() -> str:
    import sqlite3

    return sqlite3.sqlite_version
