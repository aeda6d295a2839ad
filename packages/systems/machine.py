"""One fresh Debian machine: booted with its own systemd, on a host of tests/network, with the internet behind it.

Its wire leads to R alone, as in tests/network/namespaces.py. Besides, slirp4netns gives it what a home's router would:
a way out, for apt and pip, and nothing that comes in.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from packages.systems.debian import USER, copy_of
from packages.systems.terminal import Terminal
from tests.network.namespaces import NAMESPACE_FILES, Namespace

TAP = "internet"
ROUTER = "10.0.2.2"
OWN_ADDRESS = "10.0.2.100/24"

SECONDS_TO_BOOT = 120


class MachineFailed(Exception):
    """A machine doesn't boot, or a command on it failed; the text is what was said."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A booted machine."""

    host: Namespace
    root: Path
    "Its disk."

    leader: int
    "The process id of its init, as seen from here."

    def command(self, *command: str) -> list[str]:
        """The command line that runs a command on it as root."""
        inside = f"/proc/{self.leader}/root"
        spaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        return ["nsenter", f"--target={self.leader}", *spaces, f"--root={inside}", f"--wd={inside}", "--", *command]

    async def run(self, *command: str, check: bool = True) -> str:
        """What a command of root's says, error output included. Raises MachineFailed."""
        return await _output_of(*self.command(*command), check=check)

    async def as_user(self, line: str, *, check: bool = True) -> str:
        """The same for a line in the user's shell, logged in. Raises MachineFailed."""
        return await self.run("runuser", "--login", USER, "--command", line, check=check)

    def log_in(self) -> Terminal:
        """A terminal in which the user has just logged in. Its owner closes it."""
        return Terminal(self.command("runuser", "--login", USER))


@asynccontextmanager
async def machine(release: str, host: Namespace, folder: Path) -> AsyncIterator[Machine]:
    """A machine like any that is fresh from its installer, while the block runs. `folder` is for its disk."""
    async with AsyncExitStack() as stack:
        root = stack.enter_context(copy_of(release, folder))
        await stack.enter_async_context(internet(host))
        yield await stack.enter_async_context(_booted(root, host))


@asynccontextmanager
async def internet(host: Namespace) -> AsyncIterator[None]:
    """A way out for a host, for names and what it begins itself, while the block runs. Raises MachineFailed."""
    ready, told = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "slirp4netns", "--netns-type=path", f"--ready-fd={told}"),
        *(str(NAMESPACE_FILES / host.name), TAP),
        pass_fds=(told,),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    os.close(told)
    try:
        if not await asyncio.to_thread(os.read, ready, 1):
            raise MachineFailed("slirp4netns doesn't start")
        await host.run("ip", "address", "add", OWN_ADDRESS, "dev", TAP)
        await host.run("ip", "link", "set", TAP, "up")
        await host.run("ip", "route", "replace", "default", "via", ROUTER)
        await host.run("ip", "-6", "route", "del", "default")
        yield
    finally:
        os.close(ready)
        with suppress(ProcessLookupError):  # it ends with the namespace, or with Ctrl-C
            process.terminate()
        await process.wait()


@asynccontextmanager
async def _booted(root: Path, host: Namespace) -> AsyncIterator[Machine]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as news:
        news.setblocking(False)
        news.bind(f"{folder}/news")
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "TERM", "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot"),
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe", "--notify-ready=yes"),
            *(f"--machine={host.name}", f"--directory={root}"),
            f"--network-namespace-path={NAMESPACE_FILES / host.name}",
            "--capability=CAP_NET_ADMIN",
            # Debian 13's systemd knows no other.
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "NOTIFY_SOCKET": f"{folder}/news"},
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        leader = process.pid
        reading: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(SECONDS_TO_BOOT):
                leader = await _leader(process, news)
                reading = asyncio.create_task(_read_on(news))
                booted = Machine(host, root, leader)
                # It ends with 1 if the machine is "degraded", as by a unit that wants a device which no container has.
                await booted.run("systemctl", "is-system-running", "--wait", check=False)
            # As udev makes it where there is one.
            await booted.run(
                "sh",
                "-c",
                "mkdir -p /dev/net; test -e /dev/net/tun || mknod /dev/net/tun c 10 200; chmod 666 /dev/net/tun",
            )
            yield booted
        finally:
            # As if somebody pulled the plug: with its init, the kernel ends every process on it.
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(leader, signal.SIGKILL)
            await process.wait()
            if reading is not None:
                reading.cancel()


async def _read_on(news: socket.socket) -> None:
    """Read what else systemd-nspawn tells, such as each reload: if nobody did, it would wait for a reader for good."""
    while True:
        await asyncio.get_running_loop().sock_recv(news, 4096)


async def _leader(process: asyncio.subprocess.Process, news: socket.socket) -> int:
    """The process id of its init, once that has begun its work: systemd-nspawn tells both. Raises MachineFailed."""
    loop = asyncio.get_running_loop()
    ended = asyncio.create_task(process.wait())
    said = b""
    try:
        while not (b"READY=1" in said and (found := re.search(rb"X_NSPAWN_LEADER_PID=(\d+)", said))):
            more = asyncio.ensure_future(loop.sock_recv(news, 4096))
            try:
                await asyncio.wait((ended, more), return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not more.done():
                    more.cancel()
            if ended.done():
                assert process.stderr is not None
                raise MachineFailed((await process.stderr.read()).decode(errors="replace"))
            said += more.result() + b"\n"
        return int(found[1])
    finally:
        ended.cancel()


async def _output_of(*command: str, check: bool) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        output = (await process.communicate())[0].decode(errors="replace")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if check and process.returncode:
        raise MachineFailed(f"{' '.join(command)} ended with {process.returncode}:\n{output[-4000:]}")
    return output
