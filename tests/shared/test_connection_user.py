"""The user at the other end of a connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.connection_user import End, end_of, in_tables, unix_end_of, user_of

ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems don't tell whose a connection is; .ci/run always runs this on Linux"
)

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:223D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 100 0 0 10 0
   1: 0100007F:223D 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 20 4 30 10 -1
   2: 0100007F:C350 0100007F:223D 01 00000000:00000000 00:00000000 00000000  1001        0 13 1 0 20 4 30 10 -1
"""
TCP6 = """\
  sl  local_address remote_address st tx_queue rx_queue tr uid timeout inode
   0: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:223D 01 0:0 0:0 0 1002 0 14
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the table above is a little-endian machine's")
def test_the_user_at_the_other_end_is_read_from_the_kernels_tables() -> None:
    server = ("127.0.0.1", 0x223D)
    assert in_tables([TCP, ""], ("127.0.0.1", 0xC350), server) == End(1001, True)
    assert in_tables([TCP, TCP6], ("127.0.0.1", 0xC351), server) == End(1002, True)
    assert in_tables([TCP, TCP6], ("127.0.0.1", 0xC352), server) is None
    assert in_tables([], ("127.0.0.1", 0xC350), server) is None


@given(st.lists(st.text()))
def test_a_table_of_another_form_names_nobody(tables: list[str]) -> None:
    assert in_tables(tables, ("127.0.0.1", 0xC350), ("127.0.0.1", 0x223D)) is None


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection within this process: the client's end and the server's."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as accepted,
    ):
        yield client, accepted


@ON_LINUX
def test_the_kernel_tells_whose_connection_it_is(pair: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = pair
    assert user_of(client.getsockname(), accepted.getsockname()) == os.geteuid()
    assert user_of(("127.0.0.1", 1), accepted.getsockname()) is None


@ON_LINUX
def test_a_connection_whose_process_has_gone_is_nobodys(pair: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = pair
    address = client.getsockname()
    client.close()
    accepted.recv(1)
    assert user_of(address, accepted.getsockname()) is None


@ON_LINUX
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_that_nobody_has_accepted_is_held_by_nobody_yet(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as server,
        socket.create_connection(server.getsockname()[:2]) as client,
    ):
        here, there = server.getsockname()[:2], client.getsockname()[:2]
        before = end_of(here, there)
        assert before is None or not before.owned
        with server.accept()[0]:
            assert end_of(here, there) == End(os.geteuid(), True)


@ON_LINUX
def test_a_unix_socket_is_held_by_who_has_accepted_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "sock"))
        server.listen()
        client.connect(str(tmp_path / "sock"))
        assert not unix_end_of(client).owned
        with server.accept()[0]:
            assert unix_end_of(client) == End(os.geteuid(), True)


BY_TABLES = """
import os, socket
from shared.connection_user import End, ask_from_outside, end_of, user_of
# Nothing of the kernel's answers in this family (netlink(7)), as where it has no sock_diag.
ask_from_outside(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_USERSOCK))
for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
    with socket.create_server((host, 0), family=family) as server:
        with socket.create_connection(server.getsockname()[:2]) as client:
            here, there = server.getsockname()[:2], client.getsockname()[:2]
            before = end_of(here, there)
            assert before is None or not before.owned
            with server.accept()[0]:
                assert end_of(here, there) == End(os.geteuid(), True)
                assert user_of(there, here) == os.geteuid()
                assert user_of((host, 1), here) is None
"""


@ON_LINUX
def test_where_the_kernel_has_no_such_service_its_tables_tell_it() -> None:
    """Runs in a process of its own, which asks in vain from then on."""
    subprocess.run([sys.executable, "-c", BY_TABLES], check=True, timeout=60)


QUESTIONS = """
import os, socket
from shared import netlink
from shared.connection_user import NETLINK_SOCK_DIAG, ask_from_outside, user_of
kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
ask_from_outside(kernel)
kernel.send(netlink.HEADER.pack(netlink.HEADER.size, 0x7FFF, netlink.NLM_F_REQUEST | 4, 0, 0))
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted = server.accept()[0]
for _ in range(3):
    assert user_of(client.getsockname(), accepted.getsockname()) == os.geteuid()
    assert user_of(("127.0.0.1", 1), accepted.getsockname()) is None
"""


@ON_LINUX
def test_one_socket_answers_one_question_after_the_other_also_after_one_that_came_too_late() -> None:
    """Runs in a process of its own, which asks through that socket from then on."""
    subprocess.run([sys.executable, "-c", QUESTIONS], check=True, timeout=60)
