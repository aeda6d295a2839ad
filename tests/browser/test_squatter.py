"""Another user of the machine takes the handset's port while the program is stopped and the page is still open."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.console import people
from tests.browser import squatter as script
from tests.browser.chromium import PATIENCE
from tests.browser.people import somebody

pytestmark = pytest.mark.slow

NOBODY = 65_534

CLOSING = 8
"The opcode of a closing frame (RFC 6455, section 5.5.1)."

USED = """
(() => {
  window.used = [];
  for (const name of ["getUserMedia", "getDisplayMedia"]) {
    const native = navigator.mediaDevices[name].bind(navigator.mediaDevices);
    navigator.mediaDevices[name] = (...all) => { window.used.push(name); return native(...all); };
  }
})()
"""
"Notes each use of camera and microphone."


class Squatter:
    """The program of the other user."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []

    async def until(self, key: str, least: int = 0) -> dict[str, Any]:
        """Wait until the program prints this key, with at least this number."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE * 3):
            while True:
                said = json.loads(await self._process.stdout.readline())
                self.heard.append(said)
                if key in said and (not least or said[key] >= least):
                    return dict(said)


@contextlib.asynccontextmanager
async def squatting(port: int) -> AsyncIterator[Squatter]:
    """Run another user's program at that port until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, script.__file__, str(port), str(NOBODY), stdout=asyncio.subprocess.PIPE
    )
    try:
        squatter = Squatter(process)
        assert (await squatter.until("listens"))["user"] == NOBODY
        yield squatter
    finally:
        process.kill()
        await process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; .ci/run is root and runs it")
async def test_who_takes_the_port_of_a_stopped_program_gets_nothing_from_an_open_page(tmp_path: Path) -> None:
    port = free_port()
    config = f'[answer]\nendpoint = "handset"\n[handset]\nport = {port}\n'
    async with people(tmp_path, "anna", config=config) as (anna,), somebody(anna, open_page=False) as person:
        await person.browser.context.add_init_script(USED)
        page = (await person.open()).page
        assert anna.handset is not None
        key = anna.handset.partition("=")[2]
        await anna.signalled(signal.SIGKILL)
        async with squatting(port) as squatter:
            # The page tries everything that it knows, each time on a new connection.
            await squatter.until("tries", 5)
            await page.wait_for_selector("body[data-gate=impostor]")
            assert await page.evaluate("used") == []
            assert await page.evaluate("watched.connections.length") == 0
            asked = [said["headers"] for said in squatter.heard if "request" in said]
            assert [headers.get("cookie") for headers in asked] == [None] * len(asked)
            assert {said["request"] for said in squatter.heard if "request" in said} == {"GET /socket HTTP/1.1"}
            openings = [json.loads(said["message"]) for said in squatter.heard if "message" in said]
            assert {(each["type"], each["key"], each["name"]) for each in openings} == {("prove", "home", "")}
            assert len({each["nonce"] for each in openings}) == len(openings)
            assert {opcode for said in squatter.heard for opcode in said.get("opcodes", [])} <= {CLOSING}
            secret = (anna.home / "handset.key").read_bytes()
            assert key not in repr(squatter.heard)
            assert secret.hex() not in repr(squatter.heard)

            # Copybara, started meanwhile, prints another address. The squatter can't reach that address.
            await anna.begin()
            assert anna.handset is not None
            assert f":{port}/" not in anna.handset
            await anna.signalled(signal.SIGTERM)
        # The port is free again. The page has waited, and gets in with the key that the browser keeps.
        await anna.begin()
        await page.wait_for_selector("body[data-view=home]")
        person.browser.problems.clear()
