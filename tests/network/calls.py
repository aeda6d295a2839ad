"""Two people on the hosts A and B, each with a real `copybara run`, and all that their machines send meanwhile.

The test itself is the chat between them, so the captures see no messenger.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from bot.demo.node import Said
from tests.bot.console import Chat, Person, hang_up, ring
from tests.network.capture import Capture, Conversation, IPAddress, Kind, capture
from tests.network.namespaces import Namespace
from tests.network.overlay import OverlayNetwork, OverlayNode
from tests.network.staex import API, COMMAND, StaexNode
from tests.network.yggdrasil import YggdrasilNode

LITTLE_PICTURE = '[answer]\nendpoint = "pattern"\n[media]\nwidth = 160\nheight = 120\nfps = 10\n'
"Settings for sound and picture as in every call, but with less work for the machine that runs both sides."

SOCKET = re.compile(r"(?P<address>[^%\s]+?)(?:%(?P<device>\S+))?:(?P<port>\d+) ")
"How ss(8) writes a local address; IPv6 in brackets, the device if the socket is bound to one."


class Caller(Person):
    """A person whose copybara runs on a host, beside the overlay node of that host."""

    def __init__(self, name: str, folder: Path, chat: Chat, node: OverlayNode, settings: str) -> None:
        """`settings` is the whole configuration except the name."""
        super().__init__(name, folder, chat)
        self.at = node
        self._settings = settings

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs `copybara` with this home on that host."""
        return self.at.host.command(*super().command(*arguments))

    def configure(self) -> None:
        """Make the home with its configuration."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        (self.home / "copybara.toml").write_text(f'name = "{self.name}"\n{self._settings}')

    async def begin(self, *options: str) -> None:
        """Configure and start the program, and wait until it is ready."""
        self.configure()
        with self._errors.open("ab") as errors:
            await self.start(*options, errors=errors)

    async def udp(self) -> list[UdpSocket]:
        """All UDP sockets of the host. Only calls may have any here."""
        return await udp_sockets(self.at.host)

    async def doctor(self) -> Said:
        """The checks of `copybara doctor --json` on that host by name, and its verdict as `ok`."""
        process = await asyncio.create_subprocess_exec(
            *self.command("doctor", "--json"), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        report = json.loads(output)
        assert process.returncode == (0 if report["ok"] else 1)
        return {"ok": report["ok"], **{check["name"]: check for check in report["checks"]}}


@dataclass(frozen=True, slots=True)
class UdpSocket:
    """A bound UDP socket."""

    address: IPAddress
    port: int
    device: str | None
    "The device of SO_BINDTODEVICE."


async def udp_sockets(host: Namespace) -> list[UdpSocket]:
    """The UDP sockets on a host, of all programs; each connected one must be beside another, and isn't listed."""
    waiting: list[UdpSocket] = []
    connected: list[UdpSocket] = []
    for line in (await host.run("ss", "--no-header", "--udp", "--all", "--numeric")).splitlines():
        if found := SOCKET.search(line):
            sock = UdpSocket(ip_address(found["address"].strip("[]")), int(found["port"]), found["device"])
            (connected if line.startswith("ESTAB") else waiting).append(sock)
    assert set(connected) <= set(waiting), "a connected socket is at the port of a call"
    assert len(connected) == len(set(connected))
    return waiting


def settings(node: OverlayNode, *, command: bool = False) -> str:
    """The configuration of a copybara beside this node. With `command`, it asks a Staex node by its command."""
    match node:
        case YggdrasilNode():
            return f'overlay = "yggdrasil"\n[yggdrasil]\nadmin = "unix://{node.admin}"\n{LITTLE_PICTURE}'
        case StaexNode() if command:
            return f'overlay = "staex"\n[staex]\ncommand = {json.dumps(COMMAND)}\n{LITTLE_PICTURE}'
        case _:
            return f'overlay = "staex"\n[staex]\napi = "{API}"\n{LITTLE_PICTURE}'


@asynccontextmanager
async def two_people(
    network: OverlayNetwork, folder: Path, *, command: bool = False
) -> AsyncIterator[tuple[Caller, Caller]]:
    """Run Anna on A and Bob on B, strangers to each other, during the block. What they wrote is checked at the end."""
    chat = Chat()
    both = tuple(
        Caller(name, folder, chat, node, settings(node, command=command))
        for name, node in (("anna", network.a), ("bob", network.b))
    )
    try:
        await asyncio.gather(*(person.begin() for person in both))
        yield both[0], both[1]
        for person in both:
            if person.running:
                assert await person.signalled(signal.SIGTERM) == 0
            person.check()
    finally:
        for person in both:
            if person.running:
                person.process.kill()
                await person.gone()


@dataclass(frozen=True, slots=True)
class Captures:
    """What both machines send and receive."""

    network: OverlayNetwork
    wire_a: Capture
    wire_b: Capture
    overlay_a: Capture
    overlay_b: Capture

    @property
    def leaks(self) -> list[str]:
        """What the wires carried apart from the one TCP connection of each leaf's overlay to R."""
        return self.wire_a.leaks(self.network.a.peering) + self.wire_b.leaks(self.network.b.peering)


@contextmanager
def captures(network: OverlayNetwork) -> Iterator[Captures]:
    """Capture on both machines' wires and overlay devices while the block runs."""
    with ExitStack() as stack:
        wire_a, wire_b, overlay_a, overlay_b = (
            stack.enter_context(capture(host, device))
            for host, device in (
                (network.a.host, network.a.host.wire.device),
                (network.b.host, network.b.host.wire.device),
                (network.a.host, network.a.device),
                (network.b.host, network.b.device),
            )
        )
        yield Captures(network, wire_a, wire_b, overlay_a, overlay_b)


def flow_of(report: Said) -> Conversation:
    """The one UDP exchange of a call, as its report names it."""
    return Conversation(Kind.UDP, endpoint(report["local"]), endpoint(report["remote"]))


def endpoint(text: str) -> tuple[IPAddress, int]:
    """Read `10.83.0.1:40000` or `[200::1]:40000`."""
    host, _, port = text.rpartition(":")
    return ip_address(host.strip("[]")), int(port)


async def answered(caller: Caller, callee: Caller) -> tuple[Said, Said]:
    """Let the callee answer the call that rings, and wait until sound and picture arrive. Returns both reports."""
    callee.write("/answer")
    return await arrived(caller, callee)


async def arrived(caller: Caller, callee: Caller) -> tuple[Said, Said]:
    """Wait until sound and picture arrive on both sides. Returns both reports."""
    first, second = await asyncio.gather(caller.media(), callee.media())
    return first, second


async def first_contact(caller: Caller, callee: Caller) -> tuple[Said, Said]:
    """Make a call between strangers, until sound and picture arrive on both sides. Returns both reports."""
    await called(caller, callee)
    return await answered(caller, callee)


async def called(caller: Caller, callee: Caller) -> Said:
    """Call a stranger, until the call rings there. Returns the link."""
    caller.write(f"/call {callee.node}")
    link = await caller.posted("chat")
    await callee.told(kind="call.stranger-rings")
    return link


async def save(one: Caller, other: Caller) -> None:
    """Save two people who are in a call as contacts, and wait until one link is enough between them."""
    for person, peer in ((one, other), (other, one)):
        await person.asked(f"/contact add {peer.name}", kind="contact.saved")
        while "one is enough" not in await person.asked(f"/contact show {peer.name}", kind="contact.details"):
            pass


async def one_link(caller: Caller, callee: Caller) -> tuple[Said, Said]:
    """Make a call between contacts, until sound and picture arrive on both sides. Returns both reports."""
    await ring(caller, callee)
    return await answered(caller, callee)


async def ended(first: Caller, second: Caller) -> tuple[Said, Said]:
    """Let the first person hang up. Returns the last reports of both."""
    return await hang_up(first, second)
