"""Programs of the system that some tests need."""

from __future__ import annotations

import os
import shutil

import pytest


def need(*programs: str, packages: str) -> None:
    """Skip a test, with Debian's packages to install, where a program is missing; fail it where CI=true."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        lack(f"needs {', '.join(missing)} (Debian: {packages})")


def lack(reason: str) -> None:
    """Skip a test for something that isn't here; fail it where CI=true, for it has proven nothing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"may not be skipped in CI: {reason}", pytrace=False)
    pytest.skip(reason)
