"""Where a friend gets this program from: what the owner has configured, else where it was installed from."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote

from shared.config.checks import program_address
from shared.config.schema import Config

MOST_CHARACTERS = 65_536
"Of git's configuration that are read."

_ORIGIN = re.compile(r'^\[remote "origin"\]\n(?:[ \t]+(?!url\b).*\n)*[ \t]+url = (\S+)$', re.MULTILINE)
"As git writes it."


def program_source(config: Config) -> str:
    """The address; empty if there is none that a friend can use."""
    return config.invite.source or installed_from()


def installed_from() -> str:
    """The public address that this program came from (PEP 610), without a password; empty if there is none.

    Installed from a folder, it is the address that the folder was cloned from.
    """
    return public_source(_installed_from())


def installed_folder() -> Path | None:
    """The folder that it was installed from, if it is there still."""
    return folder_at(_installed_from())


def folder_at(url: object) -> Path | None:
    """The folder of the program at that address."""
    folder = _folder(url)
    return folder if folder is not None and (folder / "pyproject.toml").is_file() else None


def _installed_from() -> object:
    try:
        told = json.loads(distribution("copybara-relay").read_text("direct_url.json") or "{}")
        return told.get("url", "")
    except (PackageNotFoundError, ValueError, AttributeError):
        return ""


def _folder(url: object) -> Path | None:
    if isinstance(url, str) and url.startswith("file:///"):
        return Path(unquote(url.removeprefix("file://")))
    return None


def public_source(url: object) -> str:
    """An address that a friend can install from too; empty if it is none."""
    if (folder := _folder(url)) is not None:
        url = _cloned_from(folder)
    return url if isinstance(url, str) and url.startswith("https://") and program_address(url) else ""


def _cloned_from(folder: Path) -> str:
    try:
        with (folder / ".git" / "config").open(encoding="utf-8", errors="replace") as file:
            found = _ORIGIN.search(file.read(MOST_CHARACTERS))
    except OSError:
        return ""
    return found[1] if found else ""
