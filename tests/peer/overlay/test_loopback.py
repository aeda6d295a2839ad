"""The overlay that needs no node: ids kept in homes, addresses computed from ids."""

from __future__ import annotations

import stat
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.overlay import Overlay
from peer.overlay.loopback import LoopbackOverlay, loopback_address
from shared.errors import NodeUnreachable, StoreError
from shared.node_id import NodeId

KEYS = st.binary(min_size=32, max_size=32)


def overlay_of(home: Path) -> Overlay:
    return LoopbackOverlay(home)


async def test_a_home_has_one_id_for_ever(tmp_path: Path) -> None:
    first = await overlay_of(tmp_path / "home").node_id()
    assert await overlay_of(tmp_path / "home").node_id() == first
    assert await overlay_of(tmp_path / "other").node_id() != first


async def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    node = await overlay_of(tmp_path / "home").node_id()
    key_file = tmp_path / "home" / "node.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert key_file.read_text() == node.key.hex() + "\n"


async def test_two_nodes_reach_each_other_without_being_registered(tmp_path: Path) -> None:
    anna, ben = overlay_of(tmp_path / "anna"), overlay_of(tmp_path / "ben")
    assert await anna.address_of(await ben.node_id()) == await ben.own_address()
    assert await ben.address_of(await anna.node_id()) == await anna.own_address()
    assert await anna.own_address() != await ben.own_address()
    assert (anna.name, anna.interface) == ("loopback", "lo")


async def test_an_address_does_not_tell_the_node(tmp_path: Path) -> None:
    overlay = overlay_of(tmp_path)
    assert await overlay.node_of(await overlay.own_address()) is None


@given(KEYS)
def test_an_address_is_never_one_that_other_programs_use(key: bytes) -> None:
    address = loopback_address(NodeId(key))
    assert address in IPv4Network("127.0.0.0/8")
    assert address not in IPv4Network("127.0.0.0/16")
    assert address.packed[3] not in (0, 255)


def test_the_address_of_a_known_id_stays_what_it_was() -> None:
    assert str(loopback_address(NodeId(bytes(32)))) == "127.103.104.123"


async def test_another_node_with_our_address_cannot_be_reached(tmp_path: Path) -> None:
    ours, theirs = (NodeId(number.to_bytes(32, "big")) for number in (2634, 5915))
    assert loopback_address(ours) == loopback_address(theirs)
    (tmp_path / "node.key").write_text(ours.key.hex())
    with pytest.raises(NodeUnreachable):
        await overlay_of(tmp_path).address_of(theirs)


@pytest.mark.parametrize("damage", ["", "00", "zz" * 32, "00" * 33, "\N{BLACK SQUARE}"])
async def test_a_damaged_key_is_named_and_left_alone(tmp_path: Path, damage: str) -> None:
    key_file = tmp_path / "node.key"
    key_file.write_text(damage)
    with pytest.raises(StoreError, match="damaged"):
        await overlay_of(tmp_path).node_id()
    assert key_file.read_text() == damage


async def test_a_home_that_cannot_be_made_is_a_known_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError):
        await overlay_of(tmp_path / "file" / "home").node_id()
