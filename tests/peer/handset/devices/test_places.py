"""Where devices are served in the home's network: only at an address of this machine."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from peer.handset.devices.places import is_private, local_interface
from peer.overlay.interfaces import Interface
from shared.errors import NoLocalAddress


def interface(name: str, *addresses: str, loopback: bool = False) -> Interface:
    return Interface(name, tuple(map(ip_interface, addresses)), loopback=loopback)


MACHINE = (
    interface("lo", "127.0.0.1/8", "10.9.9.9/32", loopback=True),
    interface("eth0", "192.168.1.5/24", "fd00::5/64", "2001:db8::5/64"),
    interface("wan", "203.0.113.5/24"),
    interface("mcc0", "10.83.0.1/16"),
)


@pytest.mark.parametrize("address", ["192.168.1.5", "fd00::5"])
def test_an_own_address_in_a_local_network_is_taken(address: str) -> None:
    assert local_interface(ip_address(address), MACHINE, "mcc0").name == "eth0"


@pytest.mark.parametrize("address", ["192.168.1.6", "203.0.113.5", "2001:db8::5", "127.0.0.1", "10.9.9.9", "0.0.0.0"])
def test_a_foreign_a_public_and_a_loopback_address_are_refused_with_those_that_would_do(address: str) -> None:
    with pytest.raises(NoLocalAddress) as refused:
        local_interface(ip_address(address), MACHINE, "mcc0")
    assert "192.168.1.5, fd00::5." in refused.value.hint


def test_the_overlays_own_device_is_refused() -> None:
    with pytest.raises(NoLocalAddress, match="overlay's network device mcc0"):
        local_interface(ip_address("10.83.0.1"), MACHINE, "mcc0")


@pytest.mark.parametrize(
    ("address", "private"),
    [("10.0.0.1", True), ("172.31.0.1", True), ("172.32.0.1", False), ("200::1", False), ("fe80::1", False)],
)
def test_private_are_the_ranges_that_homes_have(address: str, private: bool) -> None:
    assert is_private(ip_address(address)) is private
