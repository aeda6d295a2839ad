"""Parsers of what the overlay's node on this machine answers, and of what the kernel says about it.

The node is another program of any version, and another program may be in its place. Only the kernel can write the
kernel's answers.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import cast

from peer.overlay import Address
from peer.overlay.addresses import parse_address
from peer.overlay.device_kind import IFLA_INFO_KIND, _attribute
from peer.overlay.routes import _device_index
from peer.overlay.staex import StaexOverlay
from peer.overlay.staex_api import StaexApi, read_string
from peer.overlay.yggdrasil import YggdrasilOverlay
from peer.overlay.yggdrasil_admin import (
    AdminSocket,
    Myself,
    Peer,
    Peers,
    PeerSession,
    PeerSessions,
    YggdrasilAdmin,
    read_response,
)
from shared.errors import OverlayError
from shared.node_id import NodeId
from tests.bot.matrix.devices import done
from tests.fuzz.target import Target

PLACE = AdminSocket(path="/run/yggdrasil.sock")
ADDRESS = ip_address("200::1")


class _Node:
    """A node that answers every question with the same bytes."""

    where = "The node"

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def myself(self) -> Myself:
        return read_response(self._answer, Myself, "getself", PLACE)

    async def sessions(self) -> list[PeerSession]:
        return read_response(self._answer, PeerSessions, "getsessions", PLACE).sessions

    async def own_id(self) -> str:
        return read_string(self._answer, self.where)

    async def peers(self) -> list[Peer]:
        return read_response(self._answer, Peers, "getpeers", PLACE).peers

    async def address(self) -> Address:
        return parse_address(read_string(self._answer, self.where))


def _yggdrasil(data: bytes) -> None:
    overlay = YggdrasilOverlay()
    overlay._admin = cast(YggdrasilAdmin, _Node(data))
    for ask in (overlay.node_id, lambda: overlay.node_of(ADDRESS), overlay._admin.peers):
        try:
            done(ask())
        except OverlayError:
            continue


def _staex(data: bytes) -> None:
    overlay, node = StaexOverlay(), _Node(data)
    overlay._node = cast(StaexApi, node)
    for ask in (overlay.node_id, node.address):
        try:
            done(ask())
        except OverlayError:
            continue


def _kernel(data: bytes) -> None:
    """Attributes and routes of netlink."""
    _attribute(data, IFLA_INFO_KIND)
    _device_index(data)


NODES = {
    "an answer of Yggdrasil": Target(
        _yggdrasil,
        (),
        (
            b'{"status":"success","response":{"key":"%s","address":"200::1"}}' % (b"ab" * 32),
            b'{"status":"success","response":{"sessions":[{"key":"%s","address":"200::1"}]}}' % (b"ab" * 32),
            b'{"status":"success","response":{"peers":[{"up":true}]}}',
            b'{"status":"error","error":"unknown"}',
        ),
    ),
    "an answer of Staex": Target(_staex, (), (b'"%s"' % str(NodeId(bytes(range(32)))).encode(), b'"10.83.0.1"', b'""')),
    "an answer of the kernel": Target(
        _kernel, (struct.error,), (bytes.fromhex("0a80000000000001 00000000 0800040002000000 0800010074756e00"),)
    ),
}
