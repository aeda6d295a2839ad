"""A mail server, the people's apps, and two people with their bots: made once for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from deltachat_rpc_client import Rpc

from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import apps


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """The mail server."""
    server = MailServer()
    with server.running():
        yield server


@pytest.fixture(scope="module")
def rpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rpc]:
    """The core of the people's apps."""
    folder: Path = tmp_path_factory.mktemp("apps")
    with apps(folder) as rpc:
        yield rpc
