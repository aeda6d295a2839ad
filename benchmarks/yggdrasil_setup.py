"""From reading the link to sound or picture: over Yggdrasil, beside the same call over a bare veth pair.

Two programs on each, on hosts of tests/network. Those on the veth pair are set up for Yggdrasil too, and ask an admin
socket for a node that isn't there: the veth devices have the addresses. So the programs do the same on both, and the
difference is what the overlay costs. Needs root, and the program `yggdrasil`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from bot.kinds import Kind
from peer.overlay.yggdrasil_address import yggdrasil_address
from tests.bot.console import Chat
from tests.network.calls import Caller, arrived, ended, first_contact, save, settings
from tests.network.namespaces import Hosts, three_hosts
from tests.network.yggdrasil import YggdrasilNode, yggdrasil_network

NAME = "yggdrasil-setup"
ROUNDS = 9

MOST_MS = 20.0
"By how much the overlay may be slower."

DEVICE = "direct"


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [program for program in ("ip", "setpriv", "ping", "yggdrasil") if not shutil.which(program)]
    return f"needs {', '.join(missing)}" if missing else ""


def measure(rounds: int = ROUNDS) -> Figure:
    """One-link calls to a contact that answers automatically; the later of the two sides counts."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="copybara-bench-") as name:
        folder = Path(name)
        async with (
            three_hosts() as hosts,
            three_hosts() as plain_hosts,
            yggdrasil_network(hosts, folder / "overlay") as overlay,
            veth_pair(plain_hosts, folder / "veth") as pair,
            friends(folder, ("anna", overlay.a), ("bob", overlay.b)) as over_yggdrasil,
            friends(folder, ("carol", pair[0]), ("dave", pair[1])) as over_veth,
        ):
            ours, bare = await interleaved_tasks(rounds, over_yggdrasil.call_ms, over_veth.call_ms)
    theirs = Samples.of(bare)
    row = Row("over Yggdrasil", Samples.of(ours), "over a bare veth pair", theirs, "ms", theirs.median + MOST_MS)
    return Figure(NAME, "From reading the link to sound or picture on both sides, over an overlay", (row,))


@asynccontextmanager
async def veth_pair(hosts: Hosts, folder: Path) -> AsyncIterator[tuple[YggdrasilNode, YggdrasilNode]]:
    """A and B with a wire between them that has the addresses of two Yggdrasil nodes. No node runs."""
    a, b = (
        YggdrasilNode(host, Ed25519PrivateKey.generate(), folder / name, device=DEVICE)
        for name, host in (("a", hosts.a), ("b", hosts.b))
    )
    await hosts.a.run("ip", "link", "add", DEVICE, "type", "veth", "peer", "name", DEVICE, "netns", hosts.b.name)
    async with AsyncExitStack() as sockets:
        for node in (a, b):
            node.address = yggdrasil_address(node.node_id)
            await node.host.run("ip", "address", "add", f"{node.address}/7", "dev", DEVICE, "nodad")
            await node.host.run("ip", "link", "set", DEVICE, "up")
            await sockets.enter_async_context(await admin_socket(node))
        yield a, b


async def admin_socket(node: YggdrasilNode) -> asyncio.Server:
    """What a program asks a node: who it is, and with whom it exchanges packets."""
    responses = {
        "getself": {"key": node.node_id.key.hex(), "address": str(node.address)},
        "getsessions": {"sessions": []},
    }

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        request = json.loads(await reader.readline())["request"]
        writer.write(json.dumps({"status": "success", "response": responses[request]}).encode())
        writer.close()

    os.makedirs(node.folder)
    return await asyncio.start_unix_server(answer, node.admin)


class Friends:
    """Two contacts, of whom the second answers the first automatically."""

    def __init__(self, caller: Caller, callee: Caller) -> None:
        self._caller = caller
        self._callee = callee

    async def call_ms(self) -> float:
        """One call. Milliseconds from when the callee read the link until both had the first packet of media."""
        self._caller.write(f"/call {self._callee.name}")
        await arrived(self._caller, self._callee)
        reports = await ended(self._caller, self._callee)
        return 1000 * float(max(report["first_media_at"] for report in reports) - reports[1]["dialled_at"])


@asynccontextmanager
async def friends(folder: Path, *people: tuple[str, YggdrasilNode]) -> AsyncIterator[Friends]:
    """Two programs, one beside each node, whose people have talked before."""
    chat = Chat()
    caller, callee = (Caller(name, folder, chat, node, settings(node)) for name, node in people)
    try:
        await asyncio.gather(caller.begin(), callee.begin())
        await first_contact(caller, callee)
        await save(caller, callee)
        await ended(caller, callee)
        await callee.asked(f"/contact trust {caller.name}", kind=Kind.CONTACT_TRUSTED)
        yield Friends(caller, callee)
    finally:
        for person in (caller, callee):
            if person.started:
                await person.stop()
