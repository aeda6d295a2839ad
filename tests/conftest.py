"""For all tests: nothing is skipped in CI, and programs that tests start can be interrupted."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import settings

# How long one example takes says how busy the machine is. In CI Hypothesis does so by itself.
settings.register_profile("any machine", settings.default, deadline=None)
settings.load_profile("any machine")

# A shell starts what it puts into the background with SIGINT ignored, and children inherit that (POSIX, 2.11).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI=true, a test that was skipped has proven nothing and is an error."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} may not be skipped in CI: {report.longrepr}"
    return report
