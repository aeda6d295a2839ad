"""A real Yggdrasil network on the hosts: A, B and the other leaves peer with R only."""

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
from tests.programs import ProgramEnded, end_of, unless_it_ends

DEVICE = "ygg0"
PORT = 9001
"The port at which R listens."

SECONDS_TO_START = 60
SECONDS_BETWEEN_QUESTIONS = 0.01


class YggdrasilError(Exception):
    """A node refused a request on its admin socket, or didn't start."""


class YggdrasilEnded(YggdrasilError):
    """A node ended before it had its device."""


@dataclass(slots=True)
class YggdrasilNode:
    """One node: a process, its device `ygg0` and its admin socket."""

    host: Namespace
    key: Ed25519PrivateKey = field(repr=False)
    folder: Path
    "Holds the configuration, the log and the admin socket. At most about 80 characters, because sockets allow 107."
    listens_on: tuple[IPv4Address, ...] = ()
    peers_with: tuple[IPv4Address, ...] = ()
    device: str = DEVICE
    address: IPv6Address = field(init=False, repr=False)
    "The address in 200::/7 that the node itself reports. Known after the first start."
    peering: Conversation = field(init=False, repr=False)
    "On a leaf, the TCP connection to R. It changes with each start, and is known once the network is reachable."
    _stopped: float = field(default=0, init=False, repr=False)
    "The Unix time of the last stop."
    _running: AsyncExitStack = field(default_factory=AsyncExitStack, init=False, repr=False)
    _process: Process = field(init=False, repr=False)

    @property
    def node_id(self) -> NodeId:
        """The public key."""
        return NodeId(_public_bytes(self.key))

    @property
    def admin(self) -> Path:
        """The admin socket. Like each socket with a path, it can be reached from every network namespace."""
        return self.folder / "admin.sock"

    @property
    def log(self) -> Path:
        """What the process has printed since its last start."""
        return self.folder / "yggdrasil.log"

    async def start(self) -> None:
        """Start, and return when the node has its device. By then it listens. Raises YggdrasilError.

        Version 0.4 panics if the kernel refuses a step while its device is made, and often ends before it has said so.
        So a node that ends while it starts is started once more.
        """
        try:
            await self._start()
        except YggdrasilEnded as ended:
            print(ended)  # noqa: T201 -- shown by pytest only if the test fails
            await self.stop()
            await self._start()

    async def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # A node numbers its announcements by the Unix second. Others ignore a node that restarts within one second.
        await asyncio.sleep(math.floor(self._stopped) + 1 - time.time())
        configuration = self.folder / "yggdrasil.json"
        configuration.touch(mode=0o600)
        configuration.write_text(json.dumps(self._configuration()))
        with self.log.open("wb") as log:
            running = self.host.process("yggdrasil", "-useconffile", configuration, stdout=log.fileno(), stderr=STDOUT)
            self._process = await self._running.enter_async_context(running)
        try:
            async with asyncio.timeout(SECONDS_TO_START):
                await unless_it_ends(self._process, self.host.name, self.log, self._has_device())
                found = await self.ask("getSelf")
        except ProgramEnded as ended:
            raise YggdrasilEnded(str(ended)) from None
        except TimeoutError:
            raise YggdrasilError(f"{self.host.name} doesn't answer; {end_of(self.log)}") from None
        self.address = IPv6Address(found["address"])

    async def stop(self) -> None:
        """End the process, and with it its device and all peerings."""
        await self._running.aclose()
        self.admin.unlink(missing_ok=True)
        self._stopped = time.time()

    def signalled(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self._process.send_signal(number)

    async def ask(self, request: str, **arguments: str) -> dict[str, Any]:
        """Send a request and return the `response` of the admin socket. Raises YggdrasilError if the node refuses."""
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
        """The address of another node. It is the same on every node."""
        return other.address

    async def dial_again(self) -> None:
        """Dial the peers now. After a refused connection, version 0.4 tries again only once a minute."""
        for uri in _uris(self.peers_with):
            with suppress(YggdrasilError):  # the node is connected already
                await self.ask("removePeer", uri=uri)
                await self.ask("addPeer", uri=uri)

    async def reach(self, other: YggdrasilNode) -> None:
        """Return when another node has answered a ping. Raises CommandFailed after SECONDS_TO_START."""
        await self.host.run("ping", "-c", "1", "-i", "0.05", "-w", str(SECONDS_TO_START), str(other.address))

    async def connection_of(self, leaf: YggdrasilNode) -> Conversation:
        """The TCP connection of a leaf that has dialled this node."""
        peers = (await self.ask("getPeers"))["peers"]
        newest = min((peer for peer in peers if peer["key"] == leaf.node_id.key.hex()), key=lambda peer: peer["uptime"])
        port = urlsplit(newest["remote"]).port
        assert port
        return Conversation(Kind.TCP, (leaf.host.wire.address, port), (leaf.host.wire.far_address, PORT))

    async def _has_device(self) -> None:
        """Wait until the node has made its device. It listens on its admin socket before that."""
        while True:
            try:
                await self.ask("getTun")
            except (FileNotFoundError, ConnectionError, json.JSONDecodeError, YggdrasilError):
                # A node that has only just begun to listen may close a connection without an answer.
                await asyncio.sleep(SECONDS_BETWEEN_QUESTIONS)
            else:
                return

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
    """The nodes. R carries the packets between the leaves, and is itself a node that others can talk to."""

    hosts: Hosts
    a: YggdrasilNode
    r: YggdrasilNode
    b: YggdrasilNode
    others: tuple[YggdrasilNode, ...] = ()
    "The other leaves, in their order."

    @property
    def leaves(self) -> tuple[YggdrasilNode, ...]:
        """All but R."""
        return (self.a, self.b, *self.others)

    async def until_reachable(self) -> None:
        """Return when all nodes have exchanged a packet with each other. Call it after a node has started again."""
        await asyncio.gather(*(one.reach(other) for one, other in itertools.combinations((*self.leaves, self.r), 2)))
        for leaf in self.leaves:
            leaf.peering = await self.r.connection_of(leaf)


@asynccontextmanager
async def yggdrasil_network(hosts: Hosts, folder: Path) -> AsyncIterator[YggdrasilNetwork]:
    """Run nodes that reach each other during the block. Needs the program `yggdrasil` (tested with 0.4.7)."""
    # With R's key between the others, version 0.4 connects at once. In other orders it may need its next tick, a
    # second.
    keys = sorted((Ed25519PrivateKey.generate() for _ in range(len(hosts.leaves) + 1)), key=_public_bytes)
    key_r = keys.pop(len(keys) // 2)
    r = YggdrasilNode(hosts.r, key_r, folder / "r", listens_on=tuple(wire.address for wire in hosts.r.wires))
    a, b, *others = leaves = [
        YggdrasilNode(host, key, folder / host.name[-1], peers_with=(host.wire.far_address,))
        for host, key in zip(hosts.leaves, keys, strict=True)
    ]
    network = YggdrasilNetwork(hosts, a, r, b, tuple(others))
    try:
        # R listens before the leaves dial: after a refused connection, version 0.4 tries again only once a minute.
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
