"""The handset's port when systemd holds it, another program has it, or it is forbidden; and floods by another user."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from bot.cli.doctor.system import handset_port
from bot.cli.service import units
from bot.demo.node import READ_LIMIT
from bot.page.service import listening_at
from bot.process.systemd_sockets import SystemdSockets, handed_over
from peer.handset.access import HOST
from tests.bot.console import Chat, Person, environment_of_a_person, people
from tests.peer.handset.test_server_attacks import NOBODY
from tests.peer.handset.wire import AT_THE_PAGE, wire_page
from tests.programs import need

UNITS = Path(__file__).parents[3] / "config"

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; .ci/run is root and runs it")

HELD = 'exec 3<&"$1"; shift; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=handset; exec "$@"'
"What systemd does: the socket is descriptor 3, and the variables name this process."

SILENT = """
import encodings.idna, os, socket, sys
os.setgroups([]); os.setgid({user}); os.setuid({user})
held = []
for number in range({count}):
    try:
        held.append(socket.create_connection(("127.0.0.1", {port}), timeout=20))
    except OSError:
        pass
print(len(held), flush=True)
sys.stdin.read()
"""


class Held(Person):
    """A program that is started as systemd starts it, with an open socket."""

    held: socket.socket

    async def _launched(self, arguments: list[str], errors: BinaryIO | None) -> asyncio.subprocess.Process:
        descriptor = self.held.fileno()
        return await asyncio.create_subprocess_exec(
            *("bash", "-c", HELD, "bash", str(descriptor), *self.command(*arguments)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            pass_fds=(descriptor,),
            limit=READ_LIMIT,
            env=environment_of_a_person(),
        )


@pytest.fixture
def held() -> Iterator[socket.socket]:
    """A listening socket that outlives the program."""
    with socket.create_server((HOST, 0)) as sock:
        sock.set_inheritable(True)
        yield sock


def may_bind(port: int) -> bool:
    """Whether another user could bind a port now."""
    script = (
        f"import os, socket; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); "
        f"s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', {port}))"
    )
    return subprocess.run([sys.executable, "-c", script], stderr=subprocess.DEVNULL, check=False).returncode == 0


@root
async def test_nobody_can_take_a_port_that_systemd_holds_while_the_program_is_stopped(
    tmp_path: Path, held: socket.socket
) -> None:
    port = held.getsockname()[1]
    person = Held("anna", tmp_path, Chat(), config=AT_THE_PAGE)
    person.held = held
    await person.begin()
    try:
        assert person.handset is not None
        assert f":{port}/" in person.handset, "the socket's port counts, not the configured one"
        async with wire_page(person):
            pass
        await person.signalled(signal.SIGKILL)
        assert not may_bind(port)
        # A request that arrives meanwhile waits, and is answered once the program is back.
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
        await person.begin()
        async with asyncio.timeout(30):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    finally:
        await person.stop()
        person.check()


def test_a_socket_that_systemd_opened_for_another_process_is_left_alone(held: socket.socket) -> None:
    environment = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "handset", "HOME": "/"}
    assert handed_over(environment) == SystemdSockets()
    assert environment == {"HOME": "/"}, "no child is to believe that it is meant"


@pytest.mark.parametrize("count", ["", "0", "-1", "nothing", "²"])
def test_a_count_that_is_none_gives_no_socket_and_no_error(count: str) -> None:
    assert handed_over({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}) == SystemdSockets()


@pytest.mark.skipif(sys.platform != "linux", reason="netlink and systemd are Linux's, where .ci/run always runs this")
def test_each_socket_is_known_by_what_it_is() -> None:
    script = """
import os, socket
from bot.process.systemd_sockets import handed_over
os.closerange(3, 20)
others = socket.socket(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
users = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)
page = socket.create_server(("127.0.0.1", 0))
found = handed_over({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "4"})
assert found.page.getsockname() == page.getsockname()
assert found.users.getsockname() == users.getsockname()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_units_are_valid(tmp_path: Path) -> None:
    need("systemd-analyze", packages="systemd")
    for name in ("copybara.socket", "copybara.service"):
        text = (UNITS / name).read_text().replace("%h/.local/bin/copybara", sys.executable)
        (tmp_path / name).write_text(text)
    found = subprocess.run(
        ["systemd-analyze", "--user", "verify", *map(str, sorted(tmp_path.glob("copybara.*")))],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_a_port_that_our_own_service_keeps_is_not_said_to_be_another_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with socket.create_server((HOST, 0)) as kept:
        port = kept.getsockname()[1]
        unit = tmp_path / "systemd" / "user" / units.SOCKET
        unit.parent.mkdir(parents=True)
        unit.write_text(units.socket(port))
        sock, (notice,) = listening_at(port)
        sock.close()
        assert "Your own background service" in notice
        assert "copybara service remove" in notice
        check = handset_port(port, enabled=True, running=False)
        assert check is not None
        assert "Your own background service" in check.detail


def test_a_port_that_is_taken_is_given_up_and_said() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        sock, notices = listening_at(port)
        with sock:
            assert sock.getsockname()[1] != port
        assert len(notices) == 1
        assert str(port) in notices[0]
        assert "Another program" in notices[0]


@root
def test_a_port_that_is_forbidden_is_not_said_to_be_taken() -> None:
    script = (
        f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); "
        "from bot.page.service import listening_at; print(listening_at(80)[1][0])"
    )
    imported = script.replace("import os;", "import os; import bot.page.service;", 1)
    said = subprocess.run(
        [sys.executable, "-c", imported], capture_output=True, text=True, check=False, cwd=UNITS.parent
    ).stdout
    if said:  # some systems let every user bind every port
        assert "may not use port 80" in said
    assert "Another program" not in said


@root
async def test_another_users_thousand_connections_cost_the_program_nothing(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", config=AT_THE_PAGE) as (anna,):
        assert anna.handset is not None
        port = int(anna.handset.split("/")[2].partition(":")[2])
        descriptors = f"/proc/{anna.process.pid}/fd"
        before = len(os.listdir(descriptors))
        other = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SILENT.format(user=NOBODY, count=1100, port=port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert other.stdout is not None
        try:
            async with asyncio.timeout(60):
                assert int(await other.stdout.readline()) > 0
            async with wire_page(anna) as (page, _):
                # The page was let in after all of these connections, so the program has checked all of them.
                assert len(os.listdir(descriptors)) < before + 40
                await page.ask("explain", text="nothing")
            await anna.in_order()
        finally:
            other.kill()
            await other.wait()
