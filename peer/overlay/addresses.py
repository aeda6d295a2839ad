"""Which addresses a call may use: decided from the address and this machine's devices and routes, which are looked up.

An overlay node is asked, but not trusted: each address that it gives is checked here before a socket is opened. No
error names an address, because errors end up in chats and logs.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

from peer.overlay import Address
from peer.overlay.interfaces import Interface, Machine, Network, carrier_of, default_devices
from shared.errors import BadAddress, NodeUnreachable, OverlayDown

PRIVATE: tuple[Network, ...] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("100.64.0.0/10"),
    IPv6Network("fc00::/7"),
)
"Addresses that no router on the internet forwards (RFC 1918, RFC 6598, RFC 4193)."

BROADCAST = IPv4Address("255.255.255.255")

LONGEST_TEXT = 45
"The longest IPv6 address in characters (RFC 4291)."


def parse_address(text: str) -> Address:
    """Read an address in the overlay node's notation. Raises BadAddress if the text isn't exactly one address."""
    try:
        address = ip_address(text) if len(text) <= LONGEST_TEXT else None
    except ValueError:
        address = None
    if address is None or getattr(address, "scope_id", None) is not None:
        raise BadAddress("The overlay node answered with something that isn't an address.")
    return address


def as_kernel_writes(address: Address) -> str:
    """The address as the kernel writes it, so that comparing strings compares addresses."""
    return socket.inet_ntop(socket.AF_INET if address.version == 4 else socket.AF_INET6, address.packed)


def refuse_kind(address: Address, allowed: Iterable[Network]) -> None:
    """Raise BadAddress if no overlay has addresses of this kind, or if it is outside the allowed ranges."""
    kind = _kind(address)
    if not kind and not any(address in network for network in allowed):
        kind = "a public address" if address.is_global else "an address outside the overlay's range"
    if kind:
        raise BadAddress(f"The overlay node answered with {kind}. Nothing was sent.")


def _kind(address: Address) -> str:
    """The kind of an address that can never be an overlay's. Empty for other addresses."""
    if address.version == 6 and (address.ipv4_mapped or address.sixtofour or address.teredo):
        return "an address that hides another one"
    if address.is_unspecified:
        return "the unspecified address"
    if address.is_loopback:
        return "a loopback address"
    if address.is_multicast:
        return "a multicast address"
    if address.is_link_local:
        return "a link-local address"
    if address == BROADCAST:
        return "the broadcast address"
    return ""


def own_interface(
    address: Address, *, allowed: Iterable[Network], machine: Machine, device: str | None = None
) -> Interface:
    """The device with our own overlay address. A call may be bound to it.

    `device` is the configured device, if any. Without it, a device with a default route is refused: an overlay node
    that claims this machine's own network is lying or broken.

    Raises BadAddress if a call must not bind the address, OverlayDown if no active device has it.
    """
    refuse_kind(address, allowed)
    carrier = carrier_of(address, machine.interfaces())
    if carrier is None:
        raise OverlayDown(
            "The overlay node names an address that no network device of this machine carries.",
            "The node runs without its network device, or in a container with a network of its own.",
        )
    if carrier.loopback:
        raise BadAddress("The overlay node's own address is on the loopback device.")
    if device is not None and carrier.name != device:
        raise BadAddress(f"The overlay node's own address is on the device {carrier.name}, not on {device}.")
    if not carrier.up:
        raise OverlayDown(f"The overlay's device {carrier.name} is down.", "Restart the overlay node.")
    if device is None and carrier.name in default_devices(machine):
        raise BadAddress(
            f"The overlay node's own address is on the device {carrier.name}, which leads to the internet.",
            "An overlay has a device of its own: check which address its node says is this machine's.",
        )
    return carrier


def refuse_remote(
    address: Address, *, own: Address, interface: Interface, allowed: Iterable[Network], machine: Machine
) -> None:
    """Check an address that our own node gave for another node: packets to it must only go into the overlay.

    `own` is our own overlay address, and `interface` its device. Raises BadAddress if packets would go anywhere else,
    NodeUnreachable if they couldn't leave at all.
    """
    refuse_kind(address, allowed)
    if address == own:
        raise BadAddress("The overlay node answered with this machine's own address for another node.")
    if address.version != own.version:
        raise BadAddress("The overlay node answered with an address of another IP version than its own.")
    others = [other for other in machine.interfaces() if other.name != interface.name]
    if carrier_of(address, (interface, *others)):
        raise BadAddress("The overlay node answered with an address of this machine for another node.")
    subnet = interface.subnet_of(address)
    if isinstance(subnet, IPv4Network) and _names_all_of(address, subnet):
        raise BadAddress("The overlay node answered with the address of a whole subnet.")
    reach = subnet.prefixlen if subnet else -1
    for other in others:
        foreign = other.subnet_of(address)
        # Packets go to the more specific subnet, so an office's 10.0.0.0/8 doesn't prevent an overlay within it.
        if foreign is not None and foreign.prefixlen >= reach:
            raise BadAddress(f"The overlay node answered with an address in the subnet of {other.name}.")
    leaves_by = machine.leaves_by(address, own)
    if leaves_by is None:
        raise NodeUnreachable(
            "This machine has no route to the address that the overlay gave.",
            "Restart the overlay node; `copybara doctor` shows its device.",
        )
    if leaves_by != interface.name:
        raise BadAddress(
            f"Packets to the address that the overlay gave would leave by {leaves_by}, not by {interface.name}."
        )


def _names_all_of(address: Address, subnet: IPv4Network) -> bool:
    """Whether it is the subnet's own address or its broadcast address. A /31 and a /32 have neither (RFC 3021)."""
    return subnet.num_addresses > 2 and address in (subnet.network_address, subnet.broadcast_address)
