"""The optional libraries, and how the installation that runs gets one.

pyproject.toml lists them as extras. No package index has the project, so `pip install copybara-relay[…]` finds nothing:
a library is added to the environment in which the program is installed.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

DISTRIBUTION = "copybara-relay"

PIPX_MARK = "pipx_metadata.json"
"pipx keeps this in each environment that it makes."


def how_to_add(extra: str, prefix: Path | None = None) -> str:
    """The hint that names the command which adds an extra to the installation at `prefix`; None: to this one."""
    prefix = prefix or Path(sys.prefix)
    pip = importlib.util.find_spec("pip") is not None
    return hint(extra, _libraries(extra), pipx=(prefix / PIPX_MARK).exists(), python=sys.executable if pip else None)


def hint(extra: str, libraries: Sequence[str], *, pipx: bool, python: str | None) -> str:
    """The same as a pure function. `python` is the interpreter that has pip, None where the environment has none."""
    wanted = shlex.join(libraries)
    if wanted and pipx:
        return f"Install it: pipx inject {DISTRIBUTION} {wanted}"
    if wanted and python:
        return f"Install it: {shlex.quote(python)} -m pip install {wanted}"
    # Debian's package and the container: root's, and without pip.
    return f"Install Copybara with it, in the folder of its repository: pipx install --force '.[{extra}]'"


def _libraries(extra: str) -> list[str]:
    """What pip is to be given, such as "vodozemac<0.11,>=0.10"."""
    try:
        listed = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return []
    found = (re.fullmatch(r"""([^;]+?)\s*;\s*extra\s*==\s*['"]([\w-]+)['"]""", each) for each in listed)
    return [each[1] for each in found if each is not None and each[2] == extra]
