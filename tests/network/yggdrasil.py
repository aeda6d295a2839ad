"""A real Yggdrasil network on the hosts: A, B and the other leaves peer with R, and with nobody else."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import signal
import time
from asyncio.subprocess import STDOUT, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.node_id import NodeId
from tests.network.capture import Conversation, Kind
from tests.network.namespaces import Hosts, Namespace
from tests.network.overlay import OverlayNode

DEVICE = "ygg0"
PORT = 9001
"Where R listens."

SECONDS_TO_START = 60
SECONDS_BETWEEN_QUESTIONS = 0.01


class YggdrasilError(Exception):
    """A node refused a request on its admin socket, or did not come up."""


@dataclass(slots=True)
class YggdrasilNode:
    """One node: a process, its device `ygg0` and its admin socket."""

    host: Namespace
    key: Ed25519PrivateKey = field(repr=False)
    folder: Path
    "Has the configuration, the log and the admin socket: at most about 80 characters, because sockets allow 107."
    listens_on: tuple[IPv4Address, ...] = ()
    peers_with: tuple[IPv4Address, ...] = ()
    device: str = DEVICE
    address: IPv6Address = field(init=False, repr=False)
    "In 200::/7, as the node itself says; known once it was started."
    peering: Conversation = field(init=False, repr=False)
    "Of a leaf, the TCP connection to R. A new one after each start, known when the network is reachable."
    _stopped: float = field(default=0, init=False, repr=False)
    "Unix seconds."
    _running: AsyncExitStack = field(default_factory=AsyncExitStack, init=False, repr=False)
    _process: Process = field(init=False, repr=False)

    @property
    def node_id(self) -> NodeId:
        """The public key."""
        return NodeId(_public_bytes(self.key))

    @property
    def admin(self) -> Path:
        """The admin socket. Like all sockets with a path it can be reached from every network namespace."""
        return self.folder / "admin.sock"

    @property
    def log(self) -> Path:
        """What the process has printed since its last start."""
        return self.folder / "yggdrasil.log"

    async def start(self) -> None:
        """Start, and return when it answers on its admin socket; by then it listens. Raises YggdrasilError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # Its announcements are numbered by the Unix second: others ignore those of a node that comes back within one.
        await asyncio.sleep(math.floor(self._stopped) + 1 - time.time())
        configuration = self.folder / "yggdrasil.json"
        configuration.touch(mode=0o600)
        configuration.write_text(json.dumps(self._configuration()))
        with self.log.open("wb") as log:
            running = self.host.process("yggdrasil", "-useconffile", configuration, stdout=log.fileno(), stderr=STDOUT)
            self._process = await self._running.enter_async_context(running)
        try:
            async with asyncio.timeout(SECONDS_TO_START):
                self.address = IPv6Address((await self._first_answer("getSelf"))["address"])
        except TimeoutError as error:
            raise YggdrasilError(f"{self.host.name} doesn't answer; its log: {self.log.read_text()}") from error

    async def stop(self) -> None:
        """End the process, and with it the device and all peerings."""
        await self._running.aclose()
        self.admin.unlink(missing_ok=True)
        self._stopped = time.time()

    def signalled(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self._process.send_signal(number)

    async def ask(self, request: str, **arguments: str) -> dict[str, Any]:
        """The `response` of the admin socket. Raises YggdrasilError if the node refuses."""
        reader, writer = await asyncio.open_unix_connection(self.admin)
        try:
            writer.write(json.dumps({"request": request, "arguments": arguments}).encode())
            answer = json.loads(await reader.read())
        finally:
            writer.close()
            await writer.wait_closed()
        if answer["status"] != "success":
            raise YggdrasilError(f"{self.host.name}, {request}: {answer.get('error')}")
        response: dict[str, Any] = answer["response"]
        return response

    def address_of(self, other: OverlayNode) -> IPv4Address | IPv6Address:
        """The same on every node."""
        return other.address

    async def dial_again(self) -> None:
        """Dial its peers now. After a refusal 0.4 tries again only once a minute."""
        for uri in _uris(self.peers_with):
            with suppress(YggdrasilError):  # it is connected already
                await self.ask("removePeer", uri=uri)
                await self.ask("addPeer", uri=uri)

    async def reach(self, other: YggdrasilNode) -> None:
        """Return when a ping came back from another node. Raises CommandFailed after SECONDS_TO_START."""
        await self.host.run("ping", "-c", "1", "-i", "0.05", "-w", str(SECONDS_TO_START), str(other.address))

    async def connection_of(self, leaf: YggdrasilNode) -> Conversation:
        """The TCP connection of a leaf that has dialled this node."""
        peers = (await self.ask("getPeers"))["peers"]
        newest = min((peer for peer in peers if peer["key"] == leaf.node_id.key.hex()), key=lambda peer: peer["uptime"])
        port = urlsplit(newest["remote"]).port
        assert port
        return Conversation(Kind.TCP, (leaf.host.wire.address, port), (leaf.host.wire.far_address, PORT))

    async def _first_answer(self, request: str) -> dict[str, Any]:
        while True:
            try:
                return await self.ask(request)
            except (FileNotFoundError, ConnectionRefusedError, json.JSONDecodeError):
                # One that has only begun to listen may end a connection without a word.
                await asyncio.sleep(SECONDS_BETWEEN_QUESTIONS)

    def _configuration(self) -> dict[str, Any]:
        return {
            "PrivateKey": (self.key.private_bytes_raw() + self.node_id.key).hex(),
            "Listen": _uris(self.listens_on),
            "Peers": _uris(self.peers_with),
            "AdminListen": f"unix://{self.admin}",
            "MulticastInterfaces": [],
            "IfName": self.device,
        }


@dataclass(slots=True)
class YggdrasilNetwork:
    """The nodes. R carries what the leaves say to each other, and is a node that can be talked to itself."""

    hosts: Hosts
    a: YggdrasilNode
    r: YggdrasilNode
    b: YggdrasilNode
    others: tuple[YggdrasilNode, ...] = ()
    "Of the other leaves, in their order."

    @property
    def leaves(self) -> tuple[YggdrasilNode, ...]:
        """All but R."""
        return (self.a, self.b, *self.others)

    async def until_reachable(self) -> None:
        """Return when all have exchanged a packet with each other; to be called after one was started again."""
        await asyncio.gather(*(one.reach(other) for one, other in itertools.combinations((*self.leaves, self.r), 2)))
        for leaf in self.leaves:
            leaf.peering = await self.r.connection_of(leaf)


@asynccontextmanager
async def yggdrasil_network(hosts: Hosts, folder: Path) -> AsyncIterator[YggdrasilNetwork]:
    """Nodes that reach each other while the block runs. Needs the program `yggdrasil` (seen with 0.4.7)."""
    # With R's key between the others 0.4 is up at once; in other orders it can take the next tick of a second.
    keys = sorted((Ed25519PrivateKey.generate() for _ in range(len(hosts.leaves) + 1)), key=_public_bytes)
    key_r = keys.pop(len(keys) // 2)
    r = YggdrasilNode(hosts.r, key_r, folder / "r", listens_on=tuple(wire.address for wire in hosts.r.wires))
    a, b, *others = leaves = [
        YggdrasilNode(host, key, folder / host.name[-1], peers_with=(host.wire.far_address,))
        for host, key in zip(hosts.leaves, keys, strict=True)
    ]
    network = YggdrasilNetwork(hosts, a, r, b, tuple(others))
    try:
        # R listens before the leaves dial: after a refusal 0.4 tries again only once a minute.
        await r.start()
        await asyncio.gather(*(leaf.start() for leaf in leaves))
        await network.until_reachable()
        yield network
    finally:
        await asyncio.gather(*(leaf.stop() for leaf in leaves))
        await r.stop()


def _public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _uris(addresses: Iterable[IPv4Address]) -> list[str]:
    return [f"tcp://{address}:{PORT}" for address in addresses]
