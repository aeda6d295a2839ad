"""Finds the device by which the kernel would send a packet: RTM_GETROUTE of rtnetlink(7). Sends no packet.

The request has the source address to which a call is bound. So the answer also follows rules that depend on the source.
"""

from __future__ import annotations

import socket
import struct
import sys

from peer.overlay import Address
from shared.netlink import asked, attribute, attributes

ROUTE = struct.Struct("=BBBBBBBBI")
"struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags."

RTM_NEWROUTE = 24
RTM_GETROUTE = 26

RTA_DST = 1
RTA_SRC = 2
RTA_OIF = 4

RTN_UNICAST = 1
RTN_LOCAL = 2
"Other types of route (blackhole, unreachable, prohibit, broadcast, multicast) can't carry a call."


def outgoing_device(to: Address, source: Address | None = None) -> str | None:
    """The device's name. None if there is no route. Packets to a local address stay on the loopback device.

    Raises OSError if the kernel can't be asked.
    """
    kind, answer = asked(socket.NETLINK_ROUTE, RTM_GETROUTE, _request(to, source))
    index = _device_index(answer) if kind == RTM_NEWROUTE else 0
    try:
        return socket.if_indextoname(index) if index else None
    except OSError:  # the device is gone
        return None


def _request(to: Address, source: Address | None) -> bytes:
    family = socket.AF_INET if to.version == 4 else socket.AF_INET6
    source_bits = 0 if source is None else source.max_prefixlen
    body = ROUTE.pack(family, to.max_prefixlen, source_bits, 0, 0, 0, 0, 0, 0) + attribute(RTA_DST, to.packed)
    if source is not None:
        body += attribute(RTA_SRC, source.packed)
    return body


def _device_index(answer: bytes) -> int:
    """The outgoing device's number in the kernel's answer; 0 if no packet would get out."""
    route = ROUTE.unpack_from(answer)
    if route[7] not in (RTN_UNICAST, RTN_LOCAL):
        return 0
    for kind, value in attributes(answer[ROUTE.size :]):
        if kind == RTA_OIF:
            return int.from_bytes(value, sys.byteorder)
    return 0
