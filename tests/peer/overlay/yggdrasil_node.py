"""A real Yggdrasil node with a configuration, an admin socket and a log in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from peer.overlay.yggdrasil_admin import AdminSocket
from shared.node_id import NodeId

SECONDS_TO_START = 60


@dataclass
class YggdrasilNode:
    """One node. Its sockets are files, so nodes of different network namespaces can be peers."""

    folder: Path
    device: str = "none"
    peers: tuple[str, ...] = ()
    admin: str = ""
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.admin = self.admin or f"unix://{self.folder / 'admin.sock'}"
        self.listens_at = f"unix://{self.folder / 'peer.sock'}"

    @property
    def node_id(self) -> NodeId:
        return NodeId(self.key.public_key().public_bytes_raw())

    @property
    def configuration(self) -> dict[str, Any]:
        return {
            "PrivateKey": (self.key.private_bytes_raw() + self.node_id.key).hex(),
            "AdminListen": self.admin,
            "Listen": [self.listens_at],
            "Peers": list(self.peers),
            "MulticastInterfaces": [],
            "IfName": self.device,
        }

    @asynccontextmanager
    async def running(self, *before: str) -> AsyncIterator[None]:
        """Run the node during the block, with the words in `before` in front of its command."""
        file = self.folder / "yggdrasil.json"
        file.write_text(json.dumps(self.configuration))
        process = await asyncio.create_subprocess_exec(
            *before, "yggdrasil", "-useconffile", str(file), stdout=PIPE, stderr=STDOUT
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(SECONDS_TO_START):
                waiting_for = ["admin socket listening", "listener started"]
                if self.device != "none":
                    waiting_for.append("interface mtu")
                while waiting_for:
                    line = (await process.stdout.readline()).decode()
                    assert line, "the node ended; see above"
                    print(line, end="")  # noqa: T201 -- shown by pytest only if the test fails
                    waiting_for = [each for each in waiting_for if each.lower() not in line.lower()]
                await self._answers()
            draining = asyncio.create_task(process.stdout.read())
            try:
                yield
            finally:
                process.terminate()
                async with asyncio.timeout(SECONDS_TO_START):
                    await draining
        except BaseException:
            # Not process.kill(): that reaps a process that has just ended, and the event loop doesn't hear of it.
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            raise
        finally:
            await process.wait()

    async def _answers(self) -> None:
        """Wait until it answers. A node that has only just begun to listen may close a connection without an answer."""
        place = AdminSocket.parse(self.admin)
        answer = b""
        while not answer:
            if place.path:
                reader, writer = await asyncio.open_unix_connection(place.path)
            else:
                reader, writer = await asyncio.open_connection(place.host, place.port)
            with suppress(ConnectionError):
                writer.write(b'{"request": "getself", "arguments": {}}')
                answer = await reader.read()
            writer.close()
