"""What a network device is made of: RTM_GETLINK of rtnetlink(7), attribute IFLA_LINKINFO."""

from __future__ import annotations

import socket
import struct

from peer.overlay.routes import ATTRIBUTE, MESSAGE, NLM_F_REQUEST

LINK = struct.Struct("=BxHiII")
"struct ifinfomsg: family, type, index, flags, change."

RTM_NEWLINK = 16
RTM_GETLINK = 18
IFLA_LINKINFO = 18
IFLA_INFO_KIND = 1

MOST_BYTES = 1 << 16

HARDWARE = "hardware"
"A device without a kind of its own: a network card, or the loopback device."

LOCAL_NETWORKS = {
    HARDWARE: "a network card",
    "bridge": "a bridge",
    "veth": "the end of a cable to a container",
    "macvlan": "a part of a network card",
    "macvtap": "a part of a network card",
    "ipvlan": "a part of a network card",
    "ipvtap": "a part of a network card",
    "vlan": "a part of a network card",
    "bond": "a bundle of network cards",
    "team": "a bundle of network cards",
    "openvswitch": "a bridge",
    "vxlan": "a network of containers",
}
"Kinds that lead into a network of machines or containers and are never an overlay's device; with words for people."


def device_kind(index: int) -> str | None:
    """What the kernel calls it, such as `tun` or `bridge`; HARDWARE without a kind, None if it can't be asked."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.bind((0, 0))
            body = LINK.pack(0, 0, index, 0, 0)
            kernel.send(MESSAGE.pack(MESSAGE.size + len(body), RTM_GETLINK, NLM_F_REQUEST, 1, 0) + body)
            answer = kernel.recv(MOST_BYTES)
    except OSError:
        return None
    length, kind, *_ = MESSAGE.unpack_from(answer)
    if kind != RTM_NEWLINK:
        return None
    info = _attribute(answer[MESSAGE.size + LINK.size : length], IFLA_LINKINFO)
    name = _attribute(info, IFLA_INFO_KIND) if info else None
    return name.rstrip(b"\0").decode("ascii", "replace") if name else HARDWARE


def _attribute(attributes: bytes, wanted: int) -> bytes | None:
    place = 0
    while place + ATTRIBUTE.size <= len(attributes):
        size, kind = ATTRIBUTE.unpack_from(attributes, place)
        if kind & 0x3FFF == wanted:  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
            return attributes[place + ATTRIBUTE.size : place + size]
        place += max(size + 3 & ~3, ATTRIBUTE.size)
    return None
