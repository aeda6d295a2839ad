"""A separate sound server for each test that wants one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peer.media.pulse_server import PipeWire, PulseServer, need_pipewire, need_pulseaudio


@pytest.fixture(params=[PulseServer, PipeWire], ids=["pulseaudio", "pipewire"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PulseServer:
    """A server that the calls of this process use. The test starts it."""
    if request.param is PipeWire:
        need_pipewire()
    else:
        need_pulseaudio()
    server: PulseServer = request.param(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server
