"""Programs of the system that some tests need, and what is said of one that ends too early."""

from __future__ import annotations

import asyncio
import shutil
from asyncio.subprocess import Process
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

MOST_OF_LOG = 3000
"How many of a log's last characters are shown."

T = TypeVar("T")


class ProgramEnded(Exception):
    """A program ended while something was still expected of it."""


def need(*programs: str, packages: str) -> None:
    """Skip a test if a program is missing, and name Debian's packages to install."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian: {packages})")


async def unless_it_ends(process: Process, name: str, log: Path | None, wanted: Coroutine[Any, Any, T]) -> T:
    """Wait for something that a running program brings about. Raises ProgramEnded at once if it ends before that.

    `log` is what it writes to. None: our stderr, which is shown with a test that fails.
    """
    waiting, ending = asyncio.create_task(wanted), asyncio.create_task(process.wait())
    try:
        await asyncio.wait((waiting, ending), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise ProgramEnded(f"{name} ended with exit code {ending.result()}; {end_of(log)}")
        return waiting.result()
    finally:
        for each in (waiting, ending):
            each.cancel()
        await asyncio.wait((waiting, ending))


def end_of(log: Path | None) -> str:
    """The end of a program's log, for an error."""
    if log is None:
        return "see its stderr"
    said = log.read_text(errors="replace").strip() if log.exists() else ""
    return f"its log ends with:\n{said[-MOST_OF_LOG:]}" if said else "it has logged nothing"
