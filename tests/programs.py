"""Programs of the system that some tests need."""

from __future__ import annotations

import shutil

import pytest


def need(*programs: str, packages: str) -> None:
    """Skip a test if a program is missing, and name Debian's packages to install."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)} (Debian: {packages})")
