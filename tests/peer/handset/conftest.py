"""A server with a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.peer.handset.serving import Served, serving


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """The folder of a server's page. Beside it lies a file that must not be served."""
    static = tmp_path / "static"
    (static / "parts").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html><title>Copybara</title>")
    (static / "parts" / "call.js").write_text("export const call = 1;")
    (static / "notes.txt").write_text("no page")
    (tmp_path / "node.key").write_text("secret")
    return static


@pytest_asyncio.fixture
async def served(static: Path) -> AsyncIterator[Served]:
    """A running server."""
    async with serving(static) as running:
        yield running
