"""How a service opens a page: outside its sandbox, in which a browser couldn't write anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.browser import open_page

ADDRESS = "http://127.0.0.1:8765/#ticket=x"


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which programs that open pages write their arguments."""
    log = tmp_path / "started"
    for name in ("systemd-run", "xdg-open"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $* [$XDG_ACTIVATION_TOKEN]" >> {log}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("BROWSER", raising=False)
    monkeypatch.delenv("SYSTEMD_EXEC_PID", raising=False)
    monkeypatch.setenv("DISPLAY", ":9")
    return log


def test_a_program_of_the_session_opens_it_itself(started: Path) -> None:
    assert open_page(ADDRESS, "window-1")
    assert started.read_text() == f"xdg-open {ADDRESS} [window-1]\n"


def test_a_service_has_it_opened_outside_of_its_sandbox(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEMD_EXEC_PID", str(os.getpid()))
    monkeypatch.delenv("DISPLAY")
    assert open_page(ADDRESS, "window-1")
    outside = "systemd-run --user --quiet --collect --setenv=XDG_ACTIVATION_TOKEN=window-1"
    assert started.read_text() == f"{outside} -- xdg-open {ADDRESS} []\n"
