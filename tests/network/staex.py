"""Three stand-ins for Staex nodes on the three hosts, with a different list of addresses on each."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from shared.node_id import NodeId
from tests.network import staex_node
from tests.network.capture import Conversation, Kind
from tests.network.hop import Hop, hop
from tests.network.namespaces import Hosts, Namespace
from tests.network.overlay import OverlayNode

DEVICE = "staex0"
RELAY_PORT = 9002

PROGRAM = Path(staex_node.__file__)
COMMAND = (sys.executable, str(PROGRAM))
"A command in place of `mcc` that works on any of the hosts and takes `id` and `resolve NODE_ID`."
API = f"http://{staex_node.API_HOST}:{staex_node.API_PORT}"
"The address of the API on each of the hosts."

SECONDS_TO_START = 60


class StaexError(Exception):
    """A stand-in ended, or took too long, before it was ready; what it had to say is on standard error."""


@dataclass(slots=True)
class StaexNode:
    """One node: a process, its device `staex0`, its API and its command. Changes take effect at the next start."""

    host: Namespace
    file: Path
    relay: IPv4Address
    address: IPv4Address
    "The node's own address, as it uses it itself."
    node_id: NodeId = field(default_factory=lambda: NodeId(os.urandom(32)))
    addresses: dict[NodeId, IPv4Address] = field(default_factory=dict)
    "The addresses of the other nodes, on this one."
    device: str = DEVICE
    http: bool = True
    "Whether the node has an API besides its command."
    peering: Conversation = field(init=False, repr=False)
    "Its TCP connection to the relay: all that may be on the wire. It changes with each start."
    _claims: dict[str, str] = field(default_factory=dict, init=False)
    _running: AsyncExitStack = field(default_factory=AsyncExitStack, init=False, repr=False)
    _process: Process = field(init=False, repr=False)

    async def start(self) -> None:
        """Start, and return when packets can pass. Raises StaexError."""
        self._write()
        self._process = process = await self._running.enter_async_context(
            self.host.process(*COMMAND, "node", self.file, stdout=PIPE)
        )
        port = int(await _first_line(process))
        client = self.host.wires[0].address
        self.peering = Conversation(Kind.TCP, (client, port), (self.relay, RELAY_PORT))

    async def stop(self) -> None:
        """End the process, and with it its device and its API."""
        await self._running.aclose()

    def signalled(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self._process.send_signal(number)

    def address_of(self, other: OverlayNode) -> IPv4Address:
        """The address of another node on this one. It differs on every node."""
        return self.addresses[other.node_id]

    def claim(self, node: NodeId, answer: str) -> None:
        """Give this answer from now on to a question for a node's address, whether it is true or not."""
        self._claims[str(node)] = answer
        self._write()

    def be_honest(self) -> None:
        """Take all claims back."""
        self._claims.clear()
        self._write()

    def _write(self) -> None:
        setup = staex_node.Setup(
            node_id=str(self.node_id),
            address=str(self.address),
            addresses={str(node): str(address) for node, address in self.addresses.items()},
            claims=self._claims,
            device=self.device,
            relay=(str(self.relay), RELAY_PORT),
            http=self.http,
        )
        written = self.file.with_suffix(".new")
        written.write_text(json.dumps(asdict(setup)))
        written.replace(self.file)


@dataclass(frozen=True, slots=True)
class StaexNetwork:
    """The three nodes. The relay on R isn't a node; a node runs beside it."""

    hosts: Hosts
    a: StaexNode
    r: StaexNode
    b: StaexNode
    path: Hop
    "The path between any two nodes."

    async def until_reachable(self) -> None:
        """Return at once: a node that has started can be reached."""


@asynccontextmanager
async def staex_network(hosts: Hosts, folder: Path) -> AsyncIterator[StaexNetwork]:
    """Run three stand-ins that reach each other during the block."""
    own = IPv4Address("10.83.0.1")
    a = StaexNode(hosts.a, folder / "a.json", hosts.a.wire.far_address, own)
    b = StaexNode(hosts.b, folder / "b.json", hosts.b.wire.far_address, own)
    r = StaexNode(hosts.r, folder / "r.json", hosts.r.wires[0].address, own)
    a.addresses = {b.node_id: IPv4Address("10.83.0.7"), r.node_id: IPv4Address("10.83.0.12")}
    b.addresses = {a.node_id: IPv4Address("10.83.0.9"), r.node_id: IPv4Address("10.83.0.13")}
    r.addresses = {a.node_id: IPv4Address("10.83.0.21"), b.node_id: IPv4Address("10.83.0.22")}
    async with hop(hosts.r, RELAY_PORT) as path:
        try:
            await asyncio.gather(a.start(), b.start(), r.start())
            yield StaexNetwork(hosts, a, r, b, path)
        finally:
            await asyncio.gather(a.stop(), b.stop(), r.stop())


async def _first_line(process: Process) -> str:
    assert process.stdout
    try:
        async with asyncio.timeout(SECONDS_TO_START):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line:
        raise StaexError(StaexError.__doc__)
    return line.decode().strip()
