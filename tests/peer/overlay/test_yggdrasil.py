"""The Yggdrasil node: the real one, and programs that pretend to be one."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from peer.overlay import Address, Overlay
from peer.overlay.interfaces import Machine, ThisMachine
from peer.overlay.yggdrasil import YggdrasilOverlay
from peer.overlay.yggdrasil_address import MOST_ONES, NODES, yggdrasil_address
from peer.overlay.yggdrasil_admin import ADMIN_PORT, MOST_BYTES, USUAL_PLACES, AdminSocket, YggdrasilAdmin
from shared.config.schema import Yggdrasil
from shared.errors import BadAddress, ConfigError, NodeUnreachable, OverlayDown, OverlayError
from shared.node_id import NodeId
from tests.peer.media.fixed_machine import LO, MACHINE, FixedMachine, device
from tests.peer.overlay.yggdrasil_node import YggdrasilNode
from tests.peer.overlay.yggdrasil_service import OUR_ADDRESS, US, myself, pretending, response
from tests.peer.own_namespace import hide, in_own_namespace, need
from tests.shared.store.ordinary_user import ordinary_user, reachable_folder

PATIENCE = 60.0
"Seconds that an answer or a packet of a node may take on a busy machine."

keys = st.binary(min_size=32, max_size=32)


def overlay(admin: str, machine: Machine = MACHINE, timeout: float = PATIENCE) -> YggdrasilOverlay:
    return YggdrasilOverlay(Yggdrasil(admin=admin), machine, timeout=timeout)


def test_the_address_is_the_one_that_a_real_node_has() -> None:
    assert yggdrasil_address(US) == OUR_ADDRESS


@pytest.mark.parametrize("zeros", range(0, 24, 3))
def test_the_program_itself_derives_the_same_address(zeros: int, tmp_path: Path) -> None:
    need("yggdrasil")
    key = Ed25519PrivateKey.from_private_bytes(os.urandom(32))
    public = key.public_key().public_bytes_raw()
    # A key with leading zero bits is rare. The program uses the public half as it is written.
    number = int.from_bytes(public, "big") >> zeros | 1 << (255 - zeros)
    node = NodeId((number & ((1 << (256 - zeros)) - 1)).to_bytes(32, "big"))
    file = tmp_path / "yggdrasil.json"
    file.write_text(f'{{"PrivateKey": "{(key.private_bytes_raw() + node.key).hex()}"}}')
    said = subprocess.run(
        ["yggdrasil", "-useconffile", file, "-address"], check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    assert IPv6Address(said.stdout.split()[-1]) == yggdrasil_address(node)


@given(keys)
@example(bytes(31) + b"\1")
@example(b"\xff" * 32)
@example(bytes(32))
def test_an_address_is_a_nodes_or_the_key_is_refused(key: bytes) -> None:
    ones = 256 - int.from_bytes(key, "big").bit_length()
    if ones > MOST_ONES:
        with pytest.raises(BadAddress, match="can't be a Yggdrasil node's key"):
            yggdrasil_address(NodeId(key))
    else:
        address = yggdrasil_address(NodeId(key))
        assert address in NODES
        assert address.packed[1] == ones


@given(keys, st.integers(min_value=0, max_value=111))
def test_every_bit_that_an_address_shows_counts(key: bytes, place: int) -> None:
    number = int.from_bytes(key, "big") | 1 << 255
    shown = yggdrasil_address(NodeId(number.to_bytes(32, "big")))
    other = number ^ 1 << (254 - place)
    assert yggdrasil_address(NodeId(other.to_bytes(32, "big"))) == IPv6Address(int(shown) ^ 1 << (111 - place))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("unix:///run/yggdrasil/yggdrasil.sock", AdminSocket(path="/run/yggdrasil/yggdrasil.sock")),
        ("tcp://127.0.0.1:9001", AdminSocket(host="127.0.0.1", port=9001)),
        ("tcp://localhost:9001", AdminSocket(host="127.0.0.1", port=9001)),
        ("tcp://[::1]:9001", AdminSocket(host="::1", port=9001)),
    ],
)
def test_an_admin_socket_is_written_as_in_the_nodes_configuration(text: str, place: AdminSocket) -> None:
    assert AdminSocket.parse(text) == place


@given(st.text())
@example("none")
@example("")
@example("tcp://192.168.7.2:9001")
@example("tcp://ygg.example:9001")
@example("tcp://127.0.0.1")
@example("tcp://127.0.0.1:99999")
@example("unix://relative")
@example("unix:///a\0b")
@example("http://127.0.0.1:9001")
def test_anything_else_is_no_admin_socket(text: str) -> None:
    with pytest.raises(ConfigError, match="must look like"):
        AdminSocket.parse(text)


def test_the_usual_places_are_those_of_the_packages() -> None:
    assert [str(place) for place in USUAL_PLACES] == [
        "unix:///run/yggdrasil/yggdrasil.sock",
        "unix:///run/yggdrasil.sock",
        "unix:///var/run/yggdrasil/yggdrasil.sock",
        "unix:///var/run/yggdrasil.sock",
        "tcp://127.0.0.1:9001",
    ]


def test_a_real_node_tells_its_key_and_address_and_whose_an_address_is(tmp_path: Path) -> None:
    need("yggdrasil", "unshare")

    async def work() -> None:
        there = YggdrasilNode(tmp_path / "there", device="ygg0")
        async with there.running("unshare", "--net"):
            here = YggdrasilNode(tmp_path / "here", device="ygg7", peers=(there.listens_at,))
            async with here.running():
                ygg: Overlay = overlay(here.admin, ThisMachine())
                before = ygg.interface
                assert await ygg.node_id() == here.node_id
                own = await ygg.own_address()
                assert own == yggdrasil_address(here.node_id)
                assert (before, ygg.interface) == (None, "ygg7")

                address = await ygg.address_of(there.node_id)
                assert await ygg.node_of(address) is None
                await asyncio.to_thread(exchange_packets, address)
                assert await ygg.node_of(address) == there.node_id
                assert await ygg.node_of(own) is None

                with pytest.raises(BadAddress, match="this machine's own address"):
                    await ygg.address_of(here.node_id)

            with pytest.raises(OverlayDown, match="No Yggdrasil node"):
                await ygg.address_of(there.node_id)
            async with here.running():
                assert await ygg.address_of(there.node_id) == address

    in_own_namespace(work)


def exchange_packets(address: Address) -> None:
    """Return when a packet has come back. The other side's kernel answers for a closed port."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0.1)
        sender.connect((str(address), 9))
        for _ in range(int(PATIENCE * 10)):
            try:
                sender.send(b"anybody there?")
                sender.recv(1)
            except ConnectionRefusedError:
                return
            except TimeoutError:
                continue
    raise AssertionError("nothing came back")


def test_a_real_node_answers_over_tcp_and_is_found_by_itself(tmp_path: Path) -> None:
    need("yggdrasil")

    async def work() -> None:
        hide("/run")  # a node of the machine itself would be found first
        node = YggdrasilNode(tmp_path, device="ygg0", admin="tcp://127.0.0.1:9001")
        async with node.running():
            assert await overlay("", ThisMachine()).node_id() == node.node_id
            assert await overlay("tcp://localhost:9001", ThisMachine()).own_address() == yggdrasil_address(node.node_id)

    in_own_namespace(work, own_mounts=True)


def test_a_real_node_without_its_device_means_that_the_overlay_is_down(tmp_path: Path) -> None:
    need("yggdrasil")

    async def work() -> None:
        node = YggdrasilNode(tmp_path)
        async with node.running():
            ygg = overlay(node.admin, ThisMachine())
            assert await ygg.node_id() == node.node_id
            with pytest.raises(OverlayDown, match="no network device of this machine carries"):
                await ygg.own_address()

    in_own_namespace(work)


def test_a_real_nodes_refusal_is_said_plainly(tmp_path: Path) -> None:
    need("yggdrasil")

    async def work() -> None:
        node = YggdrasilNode(tmp_path)
        async with node.running():
            with pytest.raises(OverlayDown, match="refuses the request nonsense"):
                await YggdrasilAdmin(node.admin, timeout=PATIENCE)._ask("nonsense", dict)

    in_own_namespace(work)


async def test_what_0_5_answers_is_understood_too(tmp_path: Path) -> None:
    answer = response(
        '{"build_name": "yggdrasil", "build_version": "0.5.12", '
        f'"key": "{US.key.hex()}", "address": "{OUR_ADDRESS}", "routing_entries": 12, "subnet": "300::/64"}}'
    )
    async with pretending(tmp_path / "sock", answer) as admin:
        assert await overlay(admin).node_id() == US
        assert await overlay(admin).own_address() == OUR_ADDRESS


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (b"", OverlayDown, "broke off"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", OverlayDown, "doesn't answer like a Yggdrasil node"),
        (b"{}", OverlayDown, "doesn't answer like a Yggdrasil node"),
        (b"[" * 100_000, OverlayDown, "doesn't answer like a Yggdrasil node"),
        (b"\xff\xfe", OverlayDown, "doesn't answer like a Yggdrasil node"),
        (b'{"a":' * 10_000, OverlayDown, "doesn't answer like a Yggdrasil node"),
        (response("null"), OverlayDown, "doesn't answer like a Yggdrasil node"),
        (response('{"self": {"200::1": {"key": "00"}}}'), OverlayDown, "of version 0.4.5 or newer"),
        (b'{"status": "error", "error": "no"}', OverlayDown, "refuses the request getself"),
        (b" " * (MOST_BYTES + 1), OverlayDown, "answered with more than"),
        (myself(key="00"), OverlayDown, "a key that isn't one"),
        (myself(key="zz" * 32), OverlayDown, "a key that isn't one"),
        (myself(key=" ".join(["00"] * 32)), OverlayDown, "a key that isn't one"),
        (myself(key="00" * 32), BadAddress, "can't be a Yggdrasil node's key"),
        (myself(address="copybara"), BadAddress, "isn't an address"),
        (myself(address="200::1"), BadAddress, "doesn't belong to its key"),
        (myself(address="127.0.0.1"), BadAddress, "doesn't belong to its key"),
        (myself(address="192.168.7.2"), BadAddress, "doesn't belong to its key"),
    ],
)
async def test_a_node_that_lies_or_is_none_is_refused(
    tmp_path: Path, answer: bytes, error: type[OverlayError], reason: str
) -> None:
    async with pretending(tmp_path / "sock", answer) as admin:
        with pytest.raises(error, match=reason):
            await overlay(admin).own_address()


async def test_a_node_with_a_key_of_its_own_but_no_device_here_is_refused(tmp_path: Path) -> None:
    other = NodeId(b"\x80" * 32)
    answer = myself(other.key.hex(), str(yggdrasil_address(other)))
    async with pretending(tmp_path / "sock", answer) as admin:
        with pytest.raises(OverlayDown, match="no network device of this machine carries"):
            await overlay(admin).own_address()


async def test_a_node_that_hangs_is_given_up(tmp_path: Path) -> None:
    async with pretending(tmp_path / "sock", b"", close=False) as admin:
        with pytest.raises(OverlayDown, match=r"didn't answer within 0.2 seconds"):
            await overlay(admin, timeout=0.2).node_id()


async def test_whose_an_address_is_comes_from_the_keys_and_not_from_what_is_said(tmp_path: Path) -> None:
    other = NodeId(b"\x81" * 32)
    address = yggdrasil_address(other)
    sessions = f'{{"sessions": [{{"key": "{US.key.hex()}", "address": "{address}"}}, {{"key": "nonsense"}}]}}'
    async with pretending(tmp_path / "sock", response(sessions)) as admin:
        assert await overlay(admin).node_of(address) is None
        assert await overlay(admin).node_of(OUR_ADDRESS) == US


async def test_an_address_that_two_nodes_have_is_refused(tmp_path: Path) -> None:
    twin = NodeId((int.from_bytes(US.key, "big") ^ 1).to_bytes(32, "big"))
    sessions = f'{{"sessions": [{{"key": "{US.key.hex()}"}}, {{"key": "{twin.key.hex()}"}}]}}'
    async with pretending(tmp_path / "sock", response(sessions)) as admin:
        with pytest.raises(BadAddress, match="more than one node for an address"):
            await overlay(admin).node_of(OUR_ADDRESS)


async def test_a_key_that_no_node_has_is_never_called(tmp_path: Path) -> None:
    async with pretending(tmp_path / "sock", myself()) as admin:
        with pytest.raises(BadAddress, match="can't be a Yggdrasil node's key"):
            await overlay(admin).address_of(NodeId(bytes(32)))


async def test_without_a_route_into_the_network_a_node_is_unreachable(tmp_path: Path) -> None:
    machine = FixedMachine((LO, device("ygg0", f"{OUR_ADDRESS}/128")))
    async with pretending(tmp_path / "sock", myself()) as admin:
        with pytest.raises(NodeUnreachable, match="no route"):
            await overlay(admin, machine).address_of(NodeId(b"\x81" * 32))


async def test_a_socket_that_belongs_to_another_group_is_said_plainly() -> None:
    with reachable_folder() as folder:
        async with pretending(folder / "sock", myself()) as admin:
            (folder / "sock").chmod(0o600)
            with ordinary_user():
                if os.geteuid() == (folder / "sock").stat().st_uid:
                    (folder / "sock").chmod(0o000)
                with pytest.raises(OverlayDown, match=r"may not open Yggdrasil's admin socket") as refused:
                    await overlay(admin).node_id()
            assert "adduser $USER yggdrasil" in refused.value.hint


def leave_behind(path: Path) -> None:
    """Leave the socket of a killed node behind. Since Python 3.13, asyncio's servers remove theirs."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()


async def test_a_socket_that_nobody_listens_at_any_more_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    leave_behind(path)
    with pytest.raises(OverlayDown, match=r"listens at unix://.*/sock any more"):
        await overlay(f"unix://{path}").node_id()


async def test_no_socket_at_the_configured_place_names_the_place(tmp_path: Path) -> None:
    with pytest.raises(OverlayDown, match=f"No Yggdrasil node at unix://{tmp_path}/sock"):
        await overlay(f"unix://{tmp_path}/sock").node_id()


def test_the_usual_places_are_tried_in_order_and_the_most_telling_problem_is_told() -> None:
    async def work() -> None:
        hide("/run")
        with pytest.raises(OverlayDown, match=r"No Yggdrasil node runs here|it doesn't run") as nothing:
            await overlay("").node_id()
        assert "copybara setup overlay" in nothing.value.hint
        first, second = Path("/run/yggdrasil/yggdrasil.sock"), Path("/run/yggdrasil.sock")
        first.parent.mkdir()
        leave_behind(first)
        async with pretending(second, b"220 mail.example ESMTP\r\n"):
            with pytest.raises(OverlayDown, match=f"{first} any more"):
                await overlay("").node_id()
            async with pretending(ADMIN_PORT, myself()):
                assert await overlay("").node_id() == US

    in_own_namespace(work, own_mounts=True)


@given(st.binary(max_size=300))
def test_whatever_the_node_says_ends_in_one_known_error(answer: bytes) -> None:
    async def work(folder: Path) -> None:
        async with pretending(folder / "sock", answer) as admin:
            with suppress(OverlayError):
                await overlay(admin).own_address()
            with suppress(OverlayError):
                await overlay(admin).node_of(OUR_ADDRESS)

    with TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder)))
