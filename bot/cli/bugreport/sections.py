"""The contents of a report, section by section."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import stat
import sys
from collections import deque
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bot.asked import asked
from bot.cli.bugreport.database import shape
from bot.cli.bugreport.scrubber import Scrubber
from bot.cli.bugreport.settings import changed
from bot.cli.bugreport.vocabulary import OWN_FILES
from bot.cli.doctor import checks_of, summary
from bot.cli.doctor.check import Check
from bot.cli.service.units import SERVICE
from bot.home import Home
from bot.settings import settings
from shared.errors import ConfigError, CopybaraError
from shared.store.files import known_errors

LIBRARIES = (
    *("aiohttp", "aioice", "aiortc", "av", "cryptography", "httpx", "msgspec", "pylibsrtp", "python-telegram-bot"),
    *("deltachat-rpc-server", "sounddevice", "substrate-interface", "vodozemac", "webrtc-noise-gain", "websockets"),
)

LOG_LINES = 100

LOG_BYTES = 256 * 1024
"How many bytes at the end of a log are read."

JOURNAL_SECONDS = 10.0

_LEADING_NUMBERS = re.compile(r"\d+(\.\d+)*")


def report(home: Home, scrubber: Scrubber, log: Path | None) -> str:
    """The whole text. Raises StoreError if the requested log can't be read."""
    told = scrubber.scrubbed
    stored = shape(home)  # before the checks open the database, because that sets a damaged one aside
    checks = list(checks_of(home, None))
    sections = (
        ("Versions", _versions()),
        ("What doctor says", [told(line) for line in (*_lines(checks), summary(checks))]),
        ("Configuration", _configuration(home)),
        ("Home", _files(home)),
        ("Database", [told(line) for line in stored]),
        ("Last lines of the log", [told(line) for line in _log(log)]),
    )
    return "\n\n".join("\n".join((name, *(f"  {line}" for line in lines))) for name, lines in sections) + "\n"


def _versions() -> Iterator[str]:
    yield f"copybara {version('copybara-relay')}"
    yield f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    kernel = _LEADING_NUMBERS.match(platform.release())
    yield f"{platform.system()} {kernel[0] if kernel else ''} {platform.machine()}"
    try:
        release = platform.freedesktop_os_release()
        yield f"{release.get('ID', '')} {release.get('VERSION_ID', '')}".strip()
    except OSError:
        yield "no os-release"
    yield f"encoding {sys.stdout.encoding}, root: {'yes' if os.geteuid() == 0 else 'no'}"
    for library in LIBRARIES:
        try:
            yield f"{library} {version(library)}"
        except PackageNotFoundError:
            yield f"{library} isn't installed"


def _lines(checks: list[Check]) -> Iterator[str]:
    for check in checks:
        mark = "-" if check.note else "ok" if check.ok else "FAIL"
        yield f"{mark} {check.name}: {check.detail}"


def _configuration(home: Home) -> list[str]:
    try:
        return changed(settings(home))
    except ConfigError as error:
        return [f"can't be read: line {error.line}"]
    except CopybaraError as error:
        return [f"can't be read: {type(error).__name__}"]


def _files(home: Home) -> Iterator[str]:
    """The sizes and modes of our own files, and the number of other files."""
    try:
        entries = {entry.name: entry.stat(follow_symlinks=False) for entry in os.scandir(home.folder)}
        yield f"mode {stat.S_IMODE(home.folder.stat().st_mode):04o}"
    except FileNotFoundError:
        yield "none"
        return
    except OSError as error:
        yield f"can't be read: {type(error).__name__}"
        return
    for name in sorted(entries):
        if name in OWN_FILES:
            yield f"{name}: {entries[name].st_size} bytes, mode {stat.S_IMODE(entries[name].st_mode):04o}"
    yield f"others: {len(entries.keys() - set(OWN_FILES))}"


def _log(log: Path | None) -> list[str]:
    if log is None:
        return _journal() or ["none: no service runs. `copybara bugreport --log FILE` takes the lines of a file."]
    with known_errors(log), log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_BYTES))
        return list(deque(file.read(LOG_BYTES).decode(errors="replace").splitlines(), LOG_LINES))


def _journal() -> list[str]:
    """The last lines of the service's log."""
    if shutil.which("journalctl") is None:
        return []
    command = ["journalctl", "--user", "--unit", SERVICE, "--lines", str(LOG_LINES), "--output", "cat", "--quiet"]
    try:
        ended = asked(command, JOURNAL_SECONDS)
    except OSError:
        return []
    return ended.stdout.splitlines() if ended.returncode == 0 else []
