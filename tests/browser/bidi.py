"""Translates between playwright and a Firefox that is older than the one for which playwright is made.

Both use WebDriver BiDi (https://w3c.github.io/webdriver-bidi/). First, playwright sets the colour scheme of its pages
with a command that Firefox 153 doesn't know. Playwright gets the reply that this is done, and the pages have Firefox's
own scheme. All other messages pass unchanged. Run it instead of Firefox: `python bidi.py firefox-esr ARGUMENTS`, or
`python bidi.py --on HOST firefox-esr ARGUMENTS` for a Firefox on a host of tests/network/namespaces.py, whose ports
playwright can't reach.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from collections.abc import AsyncIterable
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from tests.network.namespaces import Namespace

LISTENING = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
"A line of Firefox for which playwright waits."

NOT_KNOWN = "emulation.setMediaFeaturesOverride"


async def main(*arguments: str) -> int:
    """Run Firefox until it ends. Returns its exit code."""
    host, command = None, arguments
    if arguments[0] == "--on":
        host, command = Namespace(arguments[1], ()), arguments[2:]
        command = tuple(host.command(*command))
    firefox = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr is not None
    address = ""

    async def join(player: ServerConnection) -> None:
        """Pass messages between playwright and Firefox until one of them is gone."""
        there = await connected(host, address) if host is not None else None
        async with connect(f"{address}/session", sock=there, max_size=None, compression=None) as browser:
            ways = [asyncio.create_task(way) for way in (commands(player, browser), passed(browser, player))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()

    async with serve(join, "127.0.0.1", 0, max_size=None, compression=None) as server:
        async for line in firefox.stderr:
            if listening := LISTENING.search(line):
                address = listening[1].decode()
                line = line.replace(listening[1], b"ws://127.0.0.1:%d" % server.sockets[0].getsockname()[1])
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
    return await firefox.wait()


async def connected(host: Namespace, address: str) -> socket.socket:
    """A socket on another host, connected to `ws://HOST:PORT` there."""
    parts = urlsplit(address)
    made = host.open_socket(socket.AF_INET, socket.SOCK_STREAM)
    await asyncio.get_running_loop().sock_connect(made, (parts.hostname, parts.port))
    return made


async def commands(player: ServerConnection, browser: ClientConnection) -> None:
    """Pass commands to Firefox, except that one."""
    async for message in player:
        command = json.loads(message)
        if command["method"] == NOT_KNOWN:
            await player.send(json.dumps({"type": "success", "id": command["id"], "result": {}}))
        else:
            await browser.send(message)


async def passed(messages: AsyncIterable[str | bytes], to: ServerConnection) -> None:
    """Pass Firefox's messages."""
    async for message in messages:
        await to.send(message)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
