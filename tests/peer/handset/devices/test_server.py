"""Which connections the server for devices accepts. It decides before any handshake."""

from __future__ import annotations

import socket
import ssl
from ipaddress import IPv6Address, ip_address

import pytest

from peer.handset.devices.authority import Authority
from peer.handset.devices.pairing import DevicePairing, Visitor
from peer.handset.devices.server import STRANGERS, DeviceServer
from peer.handset.page import Pages
from peer.overlay import Address
from shared.errors import StoreError
from shared.paired_device import PairedDevice
from tests.peer.handset.devices.test_authority import HOME, NOW
from tests.peer.handset.serving import Notes

PHONE = ip_address("200:1::1")


class Devices:
    """One known device, and one that is being added from any address."""

    def __init__(self) -> None:
        self.pairing: DevicePairing | None = DevicePairing("tablet", None)

    def device_at(self, address: Address) -> PairedDevice | None:
        if address != PHONE:
            return None
        return PairedDevice(name="phone", address=str(PHONE), key=bytes(32), cookie=bytes(32), added=0, seen=0)

    def visits(self, pairing: DevicePairing, visitor: Visitor) -> None: ...
    def left(self, pairing: DevicePairing) -> None: ...
    async def seen(self, device: PairedDevice) -> None: ...


class FullDisk(Devices):
    """Devices of which nothing can be written down."""

    async def seen(self, device: PairedDevice) -> None:
        raise StoreError("The disk is full.")


@pytest.fixture
def server() -> DeviceServer:
    return serving(Devices())


def serving(book: Devices) -> DeviceServer:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = Authority.made(HOME, NOW)
        return DeviceServer(Pages(), Notes(), listening, context, book, own=HOME, interface=None, authority=authority)


async def test_strangers_share_one_limit_whatever_addresses_they_have_and_a_device_has_its_own(
    server: DeviceServer,
) -> None:
    strangers = [(str(IPv6Address(f"300::{number:x}")), 1) for number in range(1, 1000)]
    assert sum(map(server._admits, strangers)) <= STRANGERS.at_once + STRANGERS.per_second * 10
    assert server._admits((str(PHONE), 1))


async def test_a_device_that_comes_while_the_disk_is_full_is_logged_and_not_turned_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book = FullDisk()
    device = book.device_at(PHONE)
    assert device is not None
    await serving(book)._note_seen(device)
    assert "The disk is full." in caplog.text
