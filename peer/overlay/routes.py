"""By which device the kernel would send a packet: RTM_GETROUTE of rtnetlink(7). It sends nothing to find out.

Asking with the source address that a call is bound to gives the answer that the call's packets would get, rules that
depend on the source included.
"""

from __future__ import annotations

import socket
import struct

from peer.overlay import Address

MESSAGE = struct.Struct("=IHHII")
"struct nlmsghdr: length, type, flags, sequence, port."

ROUTE = struct.Struct("=BBBBBBBBI")
"struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags."

ATTRIBUTE = struct.Struct("=HH")
"struct rtattr: length, type; padded to four bytes."

NLM_F_REQUEST = 1
RTM_NEWROUTE = 24
RTM_GETROUTE = 26

RTA_DST = 1
RTA_SRC = 2
RTA_OIF = 4

RTN_UNICAST = 1
RTN_LOCAL = 2
"Other types of route (blackhole, unreachable, prohibit, broadcast, multicast) carry no call."

MOST_BYTES = 4096


def outgoing_device(to: Address, source: Address | None = None) -> str | None:
    """The name of the device, or None if there is no route. A local address's packets stay on the loopback device.

    Raises OSError if the kernel can't be asked.
    """
    request = _request(to, source)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.bind((0, 0))
        kernel.send(request)
        answer = kernel.recv(MOST_BYTES)
    index = _device_index(answer)
    try:
        return socket.if_indextoname(index) if index else None
    except OSError:  # it went away in between
        return None


def _request(to: Address, source: Address | None) -> bytes:
    family = socket.AF_INET if to.version == 4 else socket.AF_INET6
    source_bits = 0 if source is None else source.max_prefixlen
    body = ROUTE.pack(family, to.max_prefixlen, source_bits, 0, 0, 0, 0, 0, 0) + _attribute(RTA_DST, to.packed)
    if source is not None:
        body += _attribute(RTA_SRC, source.packed)
    return MESSAGE.pack(MESSAGE.size + len(body), RTM_GETROUTE, NLM_F_REQUEST, 1, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(value), kind) + value


def _device_index(answer: bytes) -> int:
    """The outgoing device's number in the kernel's answer; 0 if it says that no packet would get out."""
    length, kind, *_ = MESSAGE.unpack_from(answer)
    if kind != RTM_NEWROUTE:
        return 0
    route = ROUTE.unpack_from(answer, MESSAGE.size)
    if route[7] not in (RTN_UNICAST, RTN_LOCAL):
        return 0
    place = MESSAGE.size + ROUTE.size
    while place + ATTRIBUTE.size <= min(length, len(answer)):
        size, kind = ATTRIBUTE.unpack_from(answer, place)
        if kind == RTA_OIF:
            index: int = struct.unpack_from("=I", answer, place + ATTRIBUTE.size)[0]
            return index
        place += max(size + 3 & ~3, ATTRIBUTE.size)
    return 0
