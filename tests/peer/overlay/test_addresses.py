"""Which addresses a call may use, whatever an overlay node says."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from peer.overlay import Address
from peer.overlay.addresses import PRIVATE, own_interface, parse_address, refuse_kind, refuse_remote
from peer.overlay.interfaces import Interface, Network
from peer.overlay.yggdrasil_address import NODES
from shared.errors import BadAddress, NodeUnreachable, OverlayDown
from tests.peer.media.fixed_machine import ETH0, LO, MACHINE, TUN0, YGG0, FixedMachine, device

OWN = IPv4Address("10.83.0.1")
addresses = st.ip_addresses(v=4) | st.ip_addresses(v=6)


def refusal(check: Callable[[], object]) -> str:
    """The error text for an address, empty if the address is accepted. Other errors are raised."""
    try:
        check()
    except (BadAddress, NodeUnreachable) as error:
        return error.sentence
    return ""


def check(address: str, machine: FixedMachine = MACHINE, interface: Interface = TUN0, own: Address = OWN) -> None:
    refuse_remote(ip_address(address), own=own, interface=interface, allowed=PRIVATE, machine=machine)


@given(addresses)
def test_every_written_address_is_read(address: Address) -> None:
    assert parse_address(str(address)) == address


@given(st.text())
@example("010.83.0.1")
@example("10.83.0.1/24")
@example("10.83.0.1 ")
@example("fe80::1%eth0")
@example("9" * 100_000)
@example("\N{ARABIC-INDIC DIGIT ONE}0.83.0.1")
def test_any_other_text_is_refused(text: str) -> None:
    reason = refusal(lambda: parse_address(text))
    if reason:
        assert reason == "The overlay node answered with something that isn't an address."
    else:
        assert parse_address(text) == ip_address(text)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0.0.0.0", "the unspecified address"),
        ("::", "the unspecified address"),
        ("127.0.0.1", "a loopback address"),
        ("127.83.0.1", "a loopback address"),
        ("::1", "a loopback address"),
        ("224.0.0.251", "a multicast address"),
        ("ff02::fb", "a multicast address"),
        ("169.254.0.1", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("255.255.255.255", "the broadcast address"),
        ("8.8.8.8", "a public address"),
        ("2600::1", "a public address"),
        ("::ffff:10.83.0.1", "an address that hides another one"),
        ("2002:a53:1::", "an address that hides another one"),
        ("2001::1", "an address that hides another one"),
        ("192.0.2.1", "an address outside the overlay's range"),
        ("198.18.0.1", "an address outside the overlay's range"),
        ("240.0.0.1", "an address outside the overlay's range"),
    ],
)
def test_an_address_of_a_wrong_kind_is_named_by_its_kind(address: str, kind: str) -> None:
    with pytest.raises(BadAddress, match=f"answered with {kind}\\. Nothing was sent"):
        refuse_kind(ip_address(address), PRIVATE)


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::1", "224.0.0.1", "169.254.0.1", "255.255.255.255"])
def test_no_configured_range_makes_such_an_address_good(address: str) -> None:
    with pytest.raises(BadAddress):
        refuse_kind(ip_address(address), [ip_network("0.0.0.0/0"), ip_network("::/0")])


@given(addresses)
def test_only_addresses_in_the_range_pass(address: Address) -> None:
    reason = refusal(lambda: refuse_kind(address, PRIVATE))
    assert str(address) not in reason
    if not reason:
        assert not address.is_global
        assert any(address in network for network in PRIVATE)


def test_a_configured_range_replaces_the_private_ones() -> None:
    public = ip_network("203.0.113.0/24")
    refuse_kind(IPv4Address("203.0.113.7"), [public])
    with pytest.raises(BadAddress, match="outside the overlay's range"):
        refuse_kind(OWN, [public])


def test_the_own_address_is_bound_to_the_device_that_carries_it() -> None:
    assert own_interface(OWN, allowed=PRIVATE, machine=MACHINE) == TUN0


def test_an_own_address_that_no_device_carries_means_that_the_overlay_is_down() -> None:
    with pytest.raises(OverlayDown, match="no network device of this machine carries"):
        own_interface(OWN, allowed=PRIVATE, machine=MACHINE.without("tun0"))


def test_a_device_that_is_down_means_that_the_overlay_is_down() -> None:
    machine = FixedMachine((LO, ETH0, device("tun0", "10.83.0.1/24", up=False)), default="eth0")
    with pytest.raises(OverlayDown, match="device tun0 is down"):
        own_interface(OWN, allowed=PRIVATE, machine=machine)


def test_the_address_of_this_machines_own_network_is_never_bound() -> None:
    with pytest.raises(BadAddress, match="device eth0, which leads to the internet"):
        own_interface(IPv4Address("192.168.7.2"), allowed=PRIVATE, machine=MACHINE)


def test_a_device_that_the_owner_has_named_may_lead_to_the_internet() -> None:
    assert own_interface(IPv4Address("192.168.7.2"), allowed=PRIVATE, machine=MACHINE, device="eth0") == ETH0


def test_an_own_address_on_another_device_than_the_named_one_is_refused() -> None:
    with pytest.raises(BadAddress, match="on the device tun0, not on staex0"):
        own_interface(OWN, allowed=PRIVATE, machine=MACHINE, device="staex0")


def test_an_own_address_added_to_the_loopback_device_is_refused() -> None:
    machine = FixedMachine((device("lo", "127.0.0.1/8", "10.83.0.1/32", loopback=True),))
    with pytest.raises(BadAddress, match="loopback device"):
        own_interface(OWN, allowed=PRIVATE, machine=machine)


def test_another_address_in_the_overlays_subnet_may_be_called() -> None:
    check("10.83.0.7")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.83.0.1", "this machine's own address"),
        ("10.83.0.0", "the address of a whole subnet"),
        ("10.83.0.255", "the address of a whole subnet"),
        ("192.168.7.2", "an address of this machine"),
        ("192.168.7.9", "an address in the subnet of eth0"),
        ("10.84.0.1", "would leave by eth0, not by tun0"),
        ("fd00::7", "another IP version"),
        ("8.8.8.8", "a public address"),
    ],
)
def test_an_address_outside_the_overlay_is_refused(address: str, reason: str) -> None:
    with pytest.raises(BadAddress, match=reason):
        check(address)


def test_without_a_route_the_node_is_unreachable() -> None:
    with pytest.raises(NodeUnreachable, match="no route"):
        check("10.84.0.1", FixedMachine((LO, TUN0)))


def test_a_wider_subnet_of_another_device_does_not_shut_out_the_overlay() -> None:
    office = device("eth0", "10.1.2.3/8")
    check("10.83.0.7", FixedMachine((LO, office, TUN0), default="eth0"))
    with pytest.raises(BadAddress, match="in the subnet of eth0"):
        check("10.84.0.7", FixedMachine((LO, office, TUN0), default="eth0"))


def test_the_same_subnet_on_another_device_shuts_out_the_overlay() -> None:
    with pytest.raises(BadAddress, match="in the subnet of eth0"):
        check("10.83.0.7", FixedMachine((LO, device("eth0", "10.83.0.2/24"), TUN0)))


@given(addresses, st.sampled_from([(OWN, TUN0, PRIVATE), (YGG0.addresses[0].ip, YGG0, (NODES,))]))
def test_whatever_passes_goes_into_the_overlays_device(
    address: Address, overlay: tuple[Address, Interface, tuple[Network, ...]]
) -> None:
    own, interface, allowed = overlay
    reason = refusal(lambda: refuse_remote(address, own=own, interface=interface, allowed=allowed, machine=MACHINE))
    assert str(address) not in reason
    if not reason:
        assert MACHINE.leaves_by(address) == interface.name
        assert address.version == own.version


def test_an_address_of_another_yggdrasil_node_goes_into_the_yggdrasil_device() -> None:
    own, other = YGG0.addresses[0].ip, IPv6Address("201:83::1")
    refuse_remote(other, own=own, interface=YGG0, allowed=(NODES,), machine=MACHINE)
    with pytest.raises(BadAddress, match="a public address"):
        refuse_remote(IPv6Address("300:83::1"), own=own, interface=YGG0, allowed=(NODES,), machine=MACHINE)
