"""Settings for all tests: CI skips nothing, what tests start can be interrupted, and workers share the files."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from hypothesis import settings

from bot.process.uncollected import keep_for_good, uncollected

# The time of one example depends on the load of the machine. In CI Hypothesis has no deadline anyway.
settings.register_profile("any machine", settings.default, deadline=None)
settings.load_profile("any machine")

# A shell starts a background job with SIGINT ignored (POSIX, 2.11), and nohup starts a command with SIGHUP ignored.
# Child processes inherit both.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


# The calls of the tests must not appear on the desktop of the user who runs the tests.
if os.environ.pop("DBUS_SESSION_BUS_ADDRESS", "") or Path(os.environ.get("XDG_RUNTIME_DIR", "/"), "bus").exists():
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"

TESTS = Path(__file__).parent

LONGEST_FIRST = ("network", "browser", "shared/names", "bot/telegram", "bot", "peer")
SHORTEST_LAST = "shared"
"Folders by the time that their files take, so that no worker begins a long one when the other worker is done."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest. pytest-xdist (`--dist loadfile`) gives each file to one worker."""

    def rank(item: pytest.Item) -> int:
        file = item.path.relative_to(TESTS).as_posix()
        others = len(LONGEST_FIRST) + file.startswith(f"{SHORTEST_LAST}/")
        return next((rank for rank, folder in enumerate(LONGEST_FIRST) if file.startswith(f"{folder}/")), others)

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector thousands of tests, which stay: a full look takes half a second with them."""
    with uncollected():
        result = yield
    keep_for_good()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into an error where CI=true, because it has proven nothing."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} may not be skipped in CI: {report.longrepr}"
    return report


class FilesAsTheyBegin:
    """Makes `make test` print the file that runs now. Without workers pytest does that itself."""

    def __init__(self, reporter: TerminalReporter) -> None:
        self._reporter = reporter
        self._began = time.monotonic()
        self._seen: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Print a line for the first test of each file."""
        file = nodeid.partition("::")[0]
        if file not in self._seen:
            self._seen.add(file)
            minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
            self._reporter.write_line(f"{minutes:3}:{seconds:02}  {file}")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Register the report of files in the process that the workers of pytest-xdist report to."""
    plugins = session.config.pluginmanager
    reporter = plugins.get_plugin("terminalreporter")
    if reporter is not None and plugins.has_plugin("dsession"):
        plugins.register(FilesAsTheyBegin(reporter))
