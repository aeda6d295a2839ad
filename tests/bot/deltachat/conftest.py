"""A mail server, the people's apps, and two people with their bots, made once per module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltachat_rpc_client import Rpc

from tests.bot.deltachat.mail import PATH, MailServer
from tests.bot.deltachat.world import apps


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    """The mail server."""
    if shutil.which("dovecot", path=PATH) is None:
        pytest.skip("needs dovecot (Debian: dovecot-core, dovecot-imapd)")
    server = MailServer()
    with server.running():
        yield server


@pytest.fixture(scope="module")
def rpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rpc]:
    """The core of the people's apps."""
    folder: Path = tmp_path_factory.mktemp("apps")
    with apps(folder) as rpc:
        yield rpc
