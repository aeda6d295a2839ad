"""Another user of the machine listens in place of an overlay node."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.cli.doctor.overlay import _peers
from peer.overlay.choose import Finding
from peer.overlay.staex import StaexOverlay
from peer.overlay.yggdrasil import YggdrasilOverlay, admin_of
from peer.overlay.yggdrasil_admin import YggdrasilAdmin
from shared.config.schema import Config, Staex, Yggdrasil
from shared.errors import OverlayDown
from tests.peer.media.fixed_machine import MACHINE
from tests.peer.overlay import staex_service, yggdrasil_service
from tests.peer.overlay.staex_service import Respond, answering, node
from tests.peer.overlay.yggdrasil_service import myself, response
from tests.peer.own_namespace import need
from tests.shared.store.ordinary_user import NOBODY, ordinary_user


@contextlib.asynccontextmanager
async def squatter(
    respond: Respond, address: tuple[str, int] | Path, *, uid: int = NOBODY
) -> AsyncIterator[socket.socket]:
    """Run a server whose socket belongs to another user of the machine."""
    need()
    family = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    async def serve(accepted: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=accepted)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await respond(reader, writer)
        writer.close()

    serving: list[asyncio.Task[None]] = []

    def accept(tasks: asyncio.TaskGroup) -> None:
        with ordinary_user(uid=uid):
            accepted, _ = theirs.accept()
        serving.append(tasks.create_task(serve(accepted)))

    with ordinary_user(uid=uid):
        theirs = socket.socket(family)
        theirs.bind(str(address) if isinstance(address, Path) else address)
        theirs.listen()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    with theirs:
        async with asyncio.TaskGroup() as tasks:
            loop.add_reader(theirs, accept, tasks)
            try:
                yield theirs
            finally:
                loop.remove_reader(theirs)
                async with asyncio.timeout(20):  # a refused client has closed the connection
                    await asyncio.gather(*serving)


async def as_yggdrasil(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(myself())
    await writer.drain()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
async def test_another_users_service_is_not_asked_in_a_staex_nodes_place(host: str) -> None:
    asked: list[str] = []

    def answer(target: str) -> bytes:
        asked.append(target)
        return node()(target)

    async with squatter(answering(answer), (host, 0)) as server:
        port = server.getsockname()[1]
        api = f"http://[::1]:{port}" if ":" in host else f"http://127.0.0.1:{port}"
        with pytest.raises(OverlayDown, match="belongs to the user nobody") as refused:
            await StaexOverlay(Staex(api=api), MACHINE).node_id()
        assert "name it: `user`" in refused.value.hint
        assert asked == []
        assert await StaexOverlay(Staex(api=api, user="nobody"), MACHINE).node_id() == staex_service.US


async def test_a_squatter_on_yggdrasils_port_is_not_asked() -> None:
    async with squatter(as_yggdrasil, ("127.0.0.1", 0)) as server:
        admin = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(OverlayDown, match="belongs to the user nobody"):
            await YggdrasilOverlay(Yggdrasil(admin=admin), MACHINE).node_id()
        overlay = YggdrasilOverlay(Yggdrasil(admin=admin, user="nobody"), MACHINE)
        assert await overlay.node_id() == yggdrasil_service.US


async def test_a_node_that_may_run_as_another_user_is_asked_for_its_peers_too(open_folder: Path) -> None:
    async def with_a_peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(response('{"peers": [{"remote": "tls://a", "up": true}]}'))
        await writer.drain()

    async with squatter(with_a_peer, open_folder / "sock"):
        admin = f"unix://{open_folder}/sock"
        with pytest.raises(OverlayDown, match="belongs to the user nobody"):
            await admin_of(Yggdrasil(admin=admin)).peers()
        assert [peer.up for peer in await admin_of(Yggdrasil(admin=admin, user="nobody")).peers()] == [True]
        config = Config(yggdrasil=Yggdrasil(admin=admin, user="nobody"))
        (check,) = await _peers(config, Finding("yggdrasil", node=yggdrasil_service.US))
        assert check.detail.startswith("Yggdrasil has 1 peer. If a private one connects you, a friend needs it too")
        public = Config(yggdrasil=Yggdrasil(admin=admin, user="nobody", public_peers=True))
        assert [each.detail for each in await _peers(public, Finding("yggdrasil", node=yggdrasil_service.US))] == [
            "Yggdrasil has 1 peer"
        ]


async def test_another_users_admin_socket_is_not_asked(open_folder: Path) -> None:
    async with squatter(as_yggdrasil, open_folder / "sock"):
        admin = f"unix://{open_folder}/sock"
        with pytest.raises(OverlayDown, match="belongs to the user nobody"):
            await YggdrasilOverlay(Yggdrasil(admin=admin), MACHINE).node_id()
        overlay = YggdrasilOverlay(Yggdrasil(admin=admin, user="nobody"), MACHINE)
        assert await overlay.node_id() == yggdrasil_service.US


async def test_who_listens_only_while_nobody_looks_is_not_asked_either() -> None:
    """The listener is ours until the connection is made, but another user's process accepts it."""
    need()
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        async def squat() -> None:
            loop = asyncio.get_running_loop()
            waits = asyncio.Event()
            loop.add_reader(server, waits.set)
            await waits.wait()
            loop.remove_reader(server)
            with ordinary_user():
                accepted, _ = server.accept()
            with accepted, contextlib.suppress(OSError):
                accepted.setblocking(False)
                asked.append(await loop.sock_recv(accepted, 100))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(squat())
            with pytest.raises(OverlayDown, match="belongs to the user nobody"):
                await YggdrasilAdmin(f"tcp://127.0.0.1:{server.getsockname()[1]}").myself()
    assert asked == [b""]


IN_A_NAMESPACE = """
import asyncio, ctypes, os, pathlib, socket, sys
from peer.overlay.yggdrasil import admin_of
from shared.config.schema import Yggdrasil
from shared.connection_user import NETLINK_SOCK_DIAG, ask_from_outside
from shared.errors import OverlayDown

address, user, outside = sys.argv[1:]
if outside:
    ask_from_outside(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG))
os.setgroups([])
os.setgid(12345)
os.setuid(12345)
# What systemd does for PrivateUsers: nobody but ourselves has a number inside.
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: the map may be written after setuid
if libc.unshare(0x10000000):
    raise OSError(ctypes.get_errno(), "unshare")
pathlib.Path("/proc/self/uid_map").write_text("12345 12345 1")
try:
    print(asyncio.run(admin_of(Yggdrasil(admin=address, user=user)).myself()).key)
except OverlayDown as refused:
    print(refused.sentence)
"""
"A user's program in a sandbox asks the node. `outside`: it has a socket that was opened before the sandbox."

MAPPED_NOWHERE = "belongs to a user whom Copybara's user namespace hides"


@pytest.mark.parametrize("by_path", [True, False])
@pytest.mark.parametrize(
    ("name", "user", "outside", "said"),
    [
        ("root", "", "outside", yggdrasil_service.US.key.hex()),
        ("daemon", "daemon", "outside", yggdrasil_service.US.key.hex()),
        ("daemon", "", "outside", "belongs to the user daemon, not to root or you"),
        ("root", "", "", MAPPED_NOWHERE),
        ("daemon", "daemon", "", MAPPED_NOWHERE),
        ("daemon", "nobody", "", MAPPED_NOWHERE),  # inside, all of them have the name of this user
    ],
)
async def test_in_a_user_namespace_only_a_socket_from_outside_tells_whose_node_it_is(
    open_folder: Path, name: str, user: str, outside: str, said: str, by_path: bool
) -> None:
    where = open_folder / "sock" if by_path else ("127.0.0.1", 0)
    async with squatter(as_yggdrasil, where, uid=pwd.getpwnam(name).pw_uid) as server:
        if by_path:
            os.chmod(open_folder / "sock", 0o777)
        address = f"unix://{open_folder}/sock" if by_path else f"tcp://127.0.0.1:{server.getsockname()[1]}"
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", IN_A_NAMESPACE, address, user, outside), stdout=asyncio.subprocess.PIPE
        )
        heard, _ = await program.communicate()
    assert said in heard.decode()
