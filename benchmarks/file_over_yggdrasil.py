"""A file over Yggdrasil: in a call, by aiortc's data channel, and by scp, over the same nodes.

A call without picture between programs on two hosts of tests/network; the data channel between two processes on the
same hosts that do nothing else; OpenSSH's scp with a server of its own. Needs root, and the programs `yggdrasil` and
`sshd`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.middle import asked, reply
from benchmarks.plain_channel import READ_LIMIT
from benchmarks.programs import ENVIRONMENT
from benchmarks.sent_file import MEGABYTE, PATIENCE, fill, is_done, is_running, megabytes, sha256
from bot.kinds import Kind
from tests.bot.console import Chat, ring
from tests.network.calls import Caller, ended, first_contact, save, settings
from tests.network.namespaces import three_hosts
from tests.network.yggdrasil import YggdrasilNode, yggdrasil_network

NAME = "file-over-yggdrasil"
ROUNDS = 3
MEGABYTES = 100
"Of the file: in `COPYBARA_BENCH_FILE_MB` for another size."

SSHD = "/usr/sbin/sshd"
PORT = 2222

SSHD_CONFIG = """\
ListenAddress [{address}]:{port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
"""


def why_not() -> str:
    """Why this can't be measured here; empty if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    needed = ("ip", "setpriv", "ping", "yggdrasil", "scp", "ssh-keygen", SSHD)
    missing = [program for program in needed if not shutil.which(program)]
    return f"needs {', '.join(missing)}" if missing else ""


def measure(rounds: int = ROUNDS, usual: int = MEGABYTES) -> Figure:
    """From the first byte to the last, written and checked; scp's handshake counts, and a call's doesn't."""
    return asyncio.run(_measure(rounds, megabytes(usual)))


async def _measure(rounds: int, size: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="copybara-bench-") as name:
        folder = Path(name)
        path = folder / "file.bin"
        fill(path, size * MEGABYTE)
        async with (
            three_hosts() as hosts,
            yggdrasil_network(hosts, folder / "overlay") as overlay,
            a_call(folder, overlay.a, overlay.b) as (anna, bob),
            plain_ends(overlay.a, overlay.b) as (sender, receiver),
            ssh_server(overlay.b, folder / "ssh"),
        ):
            ours, plain, scp = await interleaved_tasks(
                rounds,
                lambda: _in_the_call(anna, bob, path),
                lambda: _by_channel(sender, receiver, size * MEGABYTE),
                lambda: _by_scp(overlay.a, overlay.b, folder / "ssh", path),
            )
    what, seconds = f"{size} MB in a call", Samples.of(ours)
    return Figure(
        NAME,
        "A file over Yggdrasil",
        (
            Row(what, seconds, "aiortc's data channel, without a call", Samples.of(plain), "s"),
            Row(what, seconds, "scp", Samples.of(scp), "s"),
        ),
    )


@contextlib.asynccontextmanager
async def a_call(folder: Path, a: YggdrasilNode, b: YggdrasilNode) -> AsyncIterator[tuple[Caller, Caller]]:
    """Two contacts in a call without picture, of whom the second always accepts the first's files."""
    chat = Chat()
    anna, bob = (Caller(name, folder, chat, node, settings(node)) for name, node in (("anna", a), ("bob", b)))
    try:
        await asyncio.gather(anna.begin(), bob.begin())
        await first_contact(anna, bob)
        await save(anna, bob)
        await ended(anna, bob)
        await bob.asked("/contact files anna always", kind=Kind.CONTACT_FILES)
        await ring(anna, bob, "audio")
        bob.write("/answer")
        await asyncio.gather(*(person.media(("audio",)) for person in (anna, bob)))
        yield anna, bob
    finally:
        for person in (anna, bob):
            if person.started:
                await person.stop()


@contextlib.asynccontextmanager
async def plain_ends(a: YggdrasilNode, b: YggdrasilNode) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes of plain_channel.py that are connected, beside the two nodes."""
    async with contextlib.AsyncExitStack() as stack:
        ends = []
        for node in (a, b):
            command = node.host.command(sys.executable, "-m", "benchmarks.plain_channel", str(node.address))
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, limit=READ_LIMIT, env=ENVIRONMENT
            )
            stack.push_async_callback(_ended, process)
            await reply(process)
            ends.append(process)
        sender, receiver = ends
        offer = await asked(sender, do="offer")
        answer = await asked(receiver, do="answer", **offer)
        await asked(sender, do="accept", **answer)
        yield sender, receiver


async def _ended(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


@contextlib.asynccontextmanager
async def ssh_server(node: YggdrasilNode, folder: Path) -> AsyncIterator[None]:
    """OpenSSH's server beside a node, at the node's address only, with keys of its own."""
    for each in (folder, Path("/run/sshd")):
        os.makedirs(each, exist_ok=True)
    for key in ("host", "key"):
        await node.host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key)
    config = folder / "sshd_config"
    config.write_text(SSHD_CONFIG.format(address=node.address, port=PORT, folder=folder))
    async with node.host.process(SSHD, "-D", "-e", "-f", config, stderr=PIPE) as server:
        assert server.stderr is not None
        while b"Server listening" not in (line := await server.stderr.readline()):
            if not line:
                raise RuntimeError("sshd didn't start.")
        yield  # what it writes for each connection is far less than a pipe holds


async def _in_the_call(anna: Caller, bob: Caller, path: Path) -> float:
    anna.write(f"/send {path}")
    await anna.until(is_running, PATIENCE)
    began = time.monotonic()
    arrived = Path(str((await bob.until(is_done, PATIENCE))["path"]))
    lasted = time.monotonic() - began
    await anna.until(is_done, PATIENCE)
    await _check(path, arrived)
    return lasted


async def _by_channel(sender: Process, receiver: Process, size: int) -> float:
    began = time.monotonic()
    await asyncio.gather(asked(receiver, do="receive", size=size), asked(sender, do="send", size=size))
    return time.monotonic() - began


async def _by_scp(a: YggdrasilNode, b: YggdrasilNode, folder: Path, path: Path) -> float:
    arrived = folder / path.name
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", f"UserKnownHostsFile={folder}/known", "IdentitiesOnly=yes")
    began = time.monotonic()
    await a.host.run(
        *("scp", "-q", "-F", "none", "-P", str(PORT), "-i", folder / "key"),
        *(word for option in options for word in ("-o", option)),
        *(path, f"root@[{b.address}]:{arrived}"),
    )
    lasted = time.monotonic() - began
    await _check(path, arrived)
    return lasted


async def _check(sent: Path, arrived: Path) -> None:
    if await asyncio.to_thread(sha256, sent) != await asyncio.to_thread(sha256, arrived):
        raise RuntimeError(f"{arrived} isn't what was sent.")
    os.unlink(arrived)
