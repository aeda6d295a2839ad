"""The page's server before the first visitor: its port is open, but its modules aren't loaded."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from peer.handset.late_server import LateServer, listening_socket
from peer.handset.page import Pages
from tests.peer.handset.serving import HOME_KEY, Notes

ROOT = Path(__file__).parents[3]

SCRIPT = """
import asyncio, sys
from peer.handset.late_server import LateServer, listening_socket
from peer.handset.page import Pages

def loaded():
    return "aiohttp" in sys.modules

async def main():
    server = LateServer(Pages(), None, listening_socket(0), bytes(32))
    async with server.running():
        await asyncio.sleep(0)
        print(loaded())
        reader, writer = await asyncio.open_connection("127.0.0.1", server.session.port)
        writer.write(f"GET / HTTP/1.1\\r\\nHost: {server.session.authority}\\r\\n\\r\\n".encode())
        print((await reader.readline()).decode().strip(), loaded())
        writer.close()

asyncio.run(main())
"""


def test_the_first_connection_loads_the_server_and_is_answered() -> None:
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert (said.stdout.splitlines(), said.stderr) == (["False", "HTTP/1.1 200 OK True"], "")


async def test_a_server_to_which_nobody_came_gives_its_port_back() -> None:
    listening = listening_socket(0)
    port = listening.getsockname()[1]
    async with LateServer(Pages(), Notes(), listening, HOME_KEY).running():
        pass
    listening_socket(port).close()


async def test_a_server_that_ends_closes_the_connections() -> None:
    server = LateServer(Pages(), Notes(), listening_socket(0), HOME_KEY)
    async with server.running():
        reader, writer = await asyncio.open_connection("127.0.0.1", server.session.port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {server.session.authority}\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    async with asyncio.timeout(30):
        await reader.read()  # to its end
    writer.close()
