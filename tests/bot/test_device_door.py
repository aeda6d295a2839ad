"""Whether devices can be served, for the person who adds one."""

from __future__ import annotations

import asyncio

import pytest

from bot.devices.door import PATIENCE_SECONDS, Door, Served
from peer.handset.devices.pairing import DevicePairing
from peer.handset.devices.places import OverlayPlaces
from peer.overlay.watch import OverlayWatch
from shared.errors import HandsetError, NoPairing, OverlayDown
from shared.node_id import NodeId
from shared.paired_device import PairedDevice
from tests.peer.calls.memory import MemoryOverlay

HERE = Served("https://[200::1]:8766", "AB:CD", "EF:01", lambda address: None)


def made(patience_seconds: float = PATIENCE_SECONDS) -> Door:
    async def seen(device: PairedDevice) -> None: ...

    places = OverlayPlaces(OverlayWatch(MemoryOverlay(NodeId(bytes(32)))))
    return Door(places, dict, lambda: None, seen, patience_seconds=patience_seconds)


@pytest.fixture
def door() -> Door:
    return made()


async def test_a_second_device_ends_the_wait_for_the_first(door: Door) -> None:
    """One is added in the chat and one at the page, before devices are served."""
    first = asyncio.create_task(door.open(DevicePairing("phone", None)))
    await asyncio.sleep(0)
    second = asyncio.create_task(door.open(DevicePairing("tablet", None)))
    with pytest.raises(NoPairing):
        await first
    door.served_at(HERE)
    await second
    assert door.pairing is not None
    assert door.pairing.name == "tablet"


async def test_taking_it_back_ends_the_wait(door: Door) -> None:
    waiting = asyncio.create_task(door.open(DevicePairing("phone", None)))
    await asyncio.sleep(0)
    assert door.close()
    with pytest.raises(NoPairing):
        await waiting


async def test_who_adds_a_device_hears_why_it_cant_be_served(door: Door) -> None:
    waiting = asyncio.create_task(door.open(DevicePairing("phone", None)))
    await asyncio.sleep(0)
    door.not_served(OverlayDown())
    with pytest.raises(OverlayDown):
        await waiting
    assert door.pairing is None


async def test_no_command_waits_for_ever_for_it() -> None:
    door = made(patience_seconds=0.01)
    with pytest.raises(HandsetError, match="can't be served yet"):
        await door.open(DevicePairing("phone", None))
    assert door.pairing is None
