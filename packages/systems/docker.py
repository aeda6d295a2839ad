"""Debian's own Docker, with its daemon and `docker compose`, on a fresh disk beside a Yggdrasil node of that disk.

Nothing is booted: the daemon runs in namespaces of its own, on a host of tests/network. It has no bridge, so what is
built uses that host's network, as compose.yaml's containers do anyway.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from packages.systems.debian import NAME_SERVER, USER, copy_of, disk, install
from packages.systems.machine import internet
from packages.systems.started import started
from packages.systems.terminal import Terminal
from tests.network.namespaces import NAMESPACE_FILES, Namespace

RELEASE = "trixie"
"The first with a `docker compose` of its own."

PACKAGES = ("docker.io", "docker-cli", "docker-compose", "yggdrasil", "curl")

BASE = "debian:trixie-slim"
"""The image that the Dockerfile begins with. No registry is asked: a fresh Debian from debootstrap has its place,
without what only these disks have."""

MAKE_BASE = f"FROM {BASE}\nRUN userdel --remove {USER} && rm -f /usr/bin/systemctl /usr/bin/sudo\n"

ON_THE_HOSTS_NETWORK = "services:\n  copybara:\n    build:\n      network: host\n"

# With pivot_root, and not chroot: what is executed in a container begins at the root of the container's mounts.
DAEMON = """
set -e
mount --bind {data} {root}/var/lib/docker
mount -t proc proc {root}/proc
mount --rbind /sys {root}/sys
mount --rbind /dev {root}/dev
mount -t tmpfs tmpfs {root}/run
cd {root}
pivot_root . mnt
cd /
umount -l /mnt
install -d -g yggdrasil -m 750 /run/yggdrasil
setpriv --regid=yggdrasil --clear-groups yggdrasil -useconffile /etc/node.json > /var/log/yggdrasil.log 2>&1 &
exec dockerd --bridge=none --iptables=false --ip6tables=false
"""


class DockerFailed(Exception):
    """A command failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class DockerHost:
    """Where the daemon runs."""

    root: Path
    first: int
    "The process id of the daemon, as seen from here."

    def command(self, *command: str) -> list[str]:
        """The command line that runs a command there as root."""
        return ["nsenter", f"--target={self.first}", "--mount", "--net", "--pid", "--root", "--wd", "--", *command]

    def log_in(self) -> Terminal:
        """A terminal of a user's who may use Docker. Its owner closes it."""
        return Terminal(self.command("runuser", "--login", USER))

    async def run(self, line: str, given: str = "") -> str:
        """What a line of root's shell there says, error output included. Raises DockerFailed."""
        process = await asyncio.create_subprocess_exec(
            *self.command("sh", "-c", line), stdin=PIPE, stdout=PIPE, stderr=STDOUT
        )
        said = (await process.communicate(given.encode()))[0].decode(errors="replace").strip()
        if process.returncode:
            raise DockerFailed(f"{line} ended with {process.returncode}:\n{said[-4000:]}")
        return said


@asynccontextmanager
async def docker(host: Namespace, folder: Path) -> AsyncIterator[DockerHost]:
    """A running daemon that has the base image, and a node; `folder` is for the disk and for what Docker keeps."""
    async with AsyncExitStack() as stack:
        root = stack.enter_context(copy_of(RELEASE, folder / "disk"))
        shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
        await asyncio.to_thread(install, root, *PACKAGES)
        subprocess.run(["chroot", root, "usermod", "--append", "--groups", "docker", USER], check=True)
        (root / "etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
        made = subprocess.run(
            ["chroot", root, "yggdrasil", "-genconf", "-json"], capture_output=True, text=True, check=True
        )
        alone = {"MulticastInterfaces": [], "AdminListen": "unix:///run/yggdrasil/yggdrasil.sock"}
        (root / "etc/node.json").write_text(json.dumps(json.loads(made.stdout) | alone))
        data = folder / "docker"
        data.mkdir()
        (root / "var/lib/docker").mkdir(exist_ok=True)
        await stack.enter_async_context(internet(host))
        daemon = DAEMON.format(root=root, data=data)
        # Not by `ip netns exec`, which hides the control groups.
        network = ("nsenter", f"--net={NAMESPACE_FILES / host.name}")
        namespaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
        process = await stack.enter_async_context(
            started([*network, *namespaces, "sh", "-c", daemon], ready=b"API listen on")
        )
        (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        running = DockerHost(root, int(first))
        # unshare(1) takes no SIGTERM while its child runs, and with the first process of its namespace all others end.
        stack.callback(os.kill, running.first, signal.SIGKILL)
        await _import(disk(RELEASE), running)
        await running.run(f"docker build --quiet --network=host --tag={BASE} -", MAKE_BASE)
        yield running


async def _import(tree: Path, on: DockerHost) -> None:
    packing = ("tar", "-C", str(tree), "-cf", str(on.root / "base.tar"), ".")
    if await (await asyncio.create_subprocess_exec(*packing, stdin=DEVNULL)).wait():
        raise DockerFailed("tar failed")
    await on.run(f"docker import /base.tar {BASE} && rm /base.tar")
