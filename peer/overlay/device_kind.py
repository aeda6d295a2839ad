"""The kind of a network device: RTM_GETLINK of rtnetlink(7), attribute IFLA_LINKINFO."""

from __future__ import annotations

import socket
import struct

from shared.netlink import asked, attributes

LINK = struct.Struct("=BxHiII")
"struct ifinfomsg: family, type, index, flags, change."

RTM_NEWLINK = 16
RTM_GETLINK = 18
IFLA_LINKINFO = 18
IFLA_INFO_KIND = 1

HARDWARE = "hardware"
"A device without a kind: a network card, or the loopback device."

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
"Kinds of device that lead to a network of machines or containers, and so are never an overlay's; with their words."


def device_kind(index: int) -> str | None:
    """The kernel's name for the kind, such as `tun` or `bridge`.

    HARDWARE for no kind, None if the kernel can't be asked.
    """
    try:
        kind, answer = asked(socket.NETLINK_ROUTE, RTM_GETLINK, LINK.pack(0, 0, index, 0, 0))
    except OSError:
        return None
    if kind != RTM_NEWLINK:
        return None
    info = _attribute(answer[LINK.size :], IFLA_LINKINFO)
    name = _attribute(info, IFLA_INFO_KIND) if info else None
    return name.rstrip(b"\0").decode("ascii", "replace") if name else HARDWARE


def _attribute(raw: bytes, wanted: int) -> bytes | None:
    # Ignore the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
    return next((value for kind, value in attributes(raw) if kind & 0x3FFF == wanted), None)
