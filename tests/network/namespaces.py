"""Three hosts in network namespaces, A - R - B, with nothing on the wires that a program did not send.

    A [wire] 192.168.71.2 ---- 192.168.71.1 [wire-a] R [wire-b] 192.168.72.1 ---- 192.168.72.2 [wire] B
        2001:db8:71::2         2001:db8:71::1              2001:db8:72::1         2001:db8:72::2

`hosts_around_r("c", "d")` has more leaves, like A and B: C at wire-c with 192.168.74.2, D at wire-d with 192.168.75.2.

R forwards nothing, so the only way from A to B is through a program on R. A and B have default routes to R in
both IP versions and R as their name server, so whatever a program on them sends by mistake goes out on
`wire`, where a capture sees it.

The kernel itself has no reason to send anything on the wires: neighbours are entered by hand and the devices
have ARP off, which also turns off neighbour discovery, duplicate address detection and the multicast groups
that come with it; no router is solicited and no link-local address is generated.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import shutil
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

RUN_PREFIX = "copybara-"
NAMESPACE_FILES = Path("/run/netns")
"Where `ip netns` keeps a file for each namespace."
FILES_OVER_ETC = Path("/etc/netns")
"`ip netns exec` mounts what is in /etc/netns/NAME over /etc."

CLONE_NEWNET = 0x40000000
SECONDS_TO_END = 5
"Time for a process between SIGTERM and SIGKILL."

QUIET_KERNEL = {
    "net/ipv4/ip_forward": "0",
    "net/ipv6/conf/all/forwarding": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/addr_gen_mode": "1",
    "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
}
"Set before any device is made, so that it holds for the overlays' devices too. addr_gen_mode 1: no link-local address."

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)


class CommandFailed(Exception):
    """A command ended with another exit code than 0. The text is the command and its output."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One end of a veth pair."""

    device: str
    address: IPv4Address
    address6: IPv6Address
    far_address: IPv4Address
    "The address of the other end. On a leaf this is R, its default route and its name server."
    far_address6: IPv6Address

    def far_end(self, device: str) -> Wire:
        """The same wire seen from the other end."""
        return Wire(device, self.far_address, self.far_address6, self.address, self.address6)


@dataclass(frozen=True, slots=True)
class Namespace:
    """One host."""

    name: str
    "The name for `ip netns`, unique for each run."
    wires: tuple[Wire, ...]
    "A leaf has one wire. R has one to each leaf, in their order."

    @property
    def wire(self) -> Wire:
        """The only wire of a leaf."""
        (wire,) = self.wires
        return wire

    def command(self, *command: str | Path) -> list[str]:
        """The command line that runs a command on this host, and kills it when the test run dies in any way."""
        return ["ip", "netns", "exec", self.name, "setpriv", "--pdeathsig", "KILL", *map(str, command)]

    async def run(self, *command: str | Path) -> str:
        """Run a command on this host and return its output. Raises CommandFailed."""
        return await _output_of(self.command(*command))

    @asynccontextmanager
    async def process(
        self,
        *command: str | Path,
        stdin: int = DEVNULL,
        stdout: int | None = None,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> AsyncIterator[Process]:
        """Run a process on this host during the block. Streams as in asyncio.create_subprocess_exec.

        SIGTERM ends it, or SIGKILL after SECONDS_TO_END.
        """
        process = await asyncio.create_subprocess_exec(
            *self.command(*command), stdin=stdin, stdout=stdout, stderr=stderr, env=env, cwd=cwd
        )
        try:
            yield process
        finally:
            await _end(process)

    def inside(self, function: Callable[[], T]) -> T:
        """Call a function in a thread on this host. The sockets that it opens stay on this host for good."""

        def called() -> T:
            self._enter()
            return function()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(called).result()

    def open_socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A non-blocking socket on this host, for use in the test's own event loop."""
        opened = self.inside(lambda: socket.socket(family, kind, protocol))
        opened.setblocking(False)
        return opened

    def _enter(self) -> None:
        descriptor = os.open(NAMESPACE_FILES / self.name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(descriptor, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"can't enter the network namespace {self.name}")
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts. Only R can reach all others."""

    a: Namespace
    r: Namespace
    b: Namespace
    others: tuple[Namespace, ...] = ()
    "More leaves, if there are any."

    @property
    def leaves(self) -> tuple[Namespace, ...]:
        """All but R."""
        return (self.a, self.b, *self.others)


NETS = {"a": 71, "b": 72, "c": 74, "d": 75}
"The third byte of each leaf's network. 73 is free for a second path out in a test."


@asynccontextmanager
async def three_hosts() -> AsyncIterator[Hosts]:
    """Make A, R and B for the block. After it they are gone, with every process on them. Needs root."""
    async with hosts_around_r() as hosts:
        yield hosts


@asynccontextmanager
async def hosts_around_r(*others: str) -> AsyncIterator[Hosts]:
    """Make the three hosts and more leaves, named by the letters of NETS."""
    for name in _left_by_dead_runs():
        await _remove(name)
    run = f"{RUN_PREFIX}{os.getpid()}-{token_hex(3)}"
    letters = ("a", "b", *others)
    leaves = [Namespace(f"{run}-{letter}", (_leaf_wire(NETS[letter]),)) for letter in letters]
    wires = [leaf.wire.far_end(f"wire-{letter}") for leaf, letter in zip(leaves, letters, strict=True)]
    r = Namespace(f"{run}-r", tuple(wires))
    hosts = (r, *leaves)
    try:
        await _ip(f"netns add {host.name}" for host in hosts)
        for host in hosts:
            host.inside(_keep_the_kernel_quiet)
        await _ip(
            f"link add {near.device} netns {leaf.name} address {_mac(near)} type veth "
            f"peer name {far.device} netns {r.name} address {_mac(far)}"
            for leaf, near, far in zip(leaves, (leaf.wire for leaf in leaves), r.wires, strict=True)
        )
        await asyncio.gather(*(_ip(_configuration(host), on=host) for host in hosts))
        await asyncio.gather(*(_ip(_default_routes(leaf), on=leaf) for leaf in leaves))
        for leaf in leaves:
            _ask_names_of_r(leaf)
        a, b, *more = leaves
        yield Hosts(a, r, b, tuple(more))
    finally:
        for host in hosts:
            await _remove(host.name)


def _leaf_wire(net: int) -> Wire:
    return Wire(
        "wire",
        IPv4Address(f"192.168.{net}.2"),
        IPv6Address(f"2001:db8:{net}::2"),
        IPv4Address(f"192.168.{net}.1"),
        IPv6Address(f"2001:db8:{net}::1"),
    )


def _mac(wire: Wire) -> str:
    return ":".join(f"{byte:02x}" for byte in b"\x02\x00" + wire.address.packed)


def _keep_the_kernel_quiet() -> None:
    for name, value in QUIET_KERNEL.items():
        Path("/proc/sys", name).write_text(value)


def _configuration(host: Namespace) -> list[str]:
    # ARP goes off before the addresses are added. They then join no multicast group that would have to be reported.
    lines = ["link set lo up"]
    for wire in host.wires:
        mac = _mac(wire.far_end(""))
        lines += [
            f"link set {wire.device} arp off",
            f"addr add {wire.address}/24 dev {wire.device}",
            f"addr add {wire.address6}/64 dev {wire.device} nodad",
            f"link set {wire.device} up",
            f"neigh add {wire.far_address} lladdr {mac} dev {wire.device} nud permanent",
            f"neigh add {wire.far_address6} lladdr {mac} dev {wire.device} nud permanent",
        ]
    return lines


def _default_routes(leaf: Namespace) -> list[str]:
    return [f"route add default via {leaf.wire.far_address}", f"route add default via {leaf.wire.far_address6}"]


def _ask_names_of_r(leaf: Namespace) -> None:
    """Let the leaf send look-ups out on the wire, not to this machine's resolver, which no capture sees."""
    folder = FILES_OVER_ETC / leaf.name
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text(f"nameserver {leaf.wire.far_address}\noptions timeout:1 attempts:1\n")
    switch = Path("/etc/nsswitch.conf")
    if switch.exists():
        (folder / switch.name).write_text(re.sub(r"(?m)^hosts:.*$", "hosts: files dns", switch.read_text()))


def _left_by_dead_runs() -> list[str]:
    names = [file.name for file in NAMESPACE_FILES.glob(f"{RUN_PREFIX}*-*-[a-z]")]
    return [name for name in names if not Path("/proc", name.removeprefix(RUN_PREFIX).partition("-")[0]).exists()]


async def _remove(name: str) -> None:
    shutil.rmtree(FILES_OVER_ETC / name, ignore_errors=True)
    if name not in os.listdir(NAMESPACE_FILES):
        return  # It wasn't made, because an earlier step failed.
    try:
        for pid in (await _output_of(["ip", "netns", "pids", name])).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        await _output_of(["ip", "netns", "delete", name])
    except CommandFailed:
        if name in os.listdir(NAMESPACE_FILES):  # otherwise another worker has removed the remains of a dead run
            raise


async def _ip(lines: Iterable[str], on: Namespace | None = None) -> None:
    where = ["-n", on.name] if on else []
    await _output_of(["ip", *where, "-batch", "-"], "\n".join(lines))


async def _output_of(command: list[str], text: str = "") -> str:
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        output, complaint = await process.communicate(text.encode())
    finally:
        await _end(process)
    if process.returncode:
        raise CommandFailed(f"{' '.join(command)}: {(complaint or output).decode(errors='replace').strip()}")
    return output.decode()


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(SECONDS_TO_END):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
