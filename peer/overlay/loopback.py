"""The built-in overlay: nodes on one machine, each with its own loopback address. For trying out; without privacy."""

from __future__ import annotations

import hashlib
import secrets
from ipaddress import IPv4Address
from pathlib import Path

from peer.overlay import Address
from shared.errors import NodeIdError, NodeUnreachable, StoreError
from shared.node_id import KEY_BYTES, NodeId
from shared.store.files import known_errors, locked_folder, make_folder, make_private, write_new_file

KEY_FILE = "node.key"
"A file in the home: the key as 64 hexadecimal characters and a line end, readable only by the owner."


class LoopbackOverlay:
    """A network without a node and without registration: the address follows from the id.

    The id is random, and no key belongs to it. Anyone who runs programs on the machine can read the packets and send
    from any address. So only ICE and DTLS protect a call.
    """

    name = "loopback"
    interface: str | None = "lo"

    def __init__(self, home: Path) -> None:
        self._key_file = home / KEY_FILE
        self._node: NodeId | None = None

    async def node_id(self) -> NodeId:
        """The id in the home, which is made at its first use. Raises StoreError if it can't be read or written."""
        if self._node is None:
            self._node = _kept_node(self._key_file)
        return self._node

    async def own_address(self) -> Address:
        """The address of our own id."""
        return loopback_address(await self.node_id())

    async def address_of(self, node: NodeId) -> Address:
        """The address of any id. Only dialling shows whether anybody is there.

        Raises NodeUnreachable for the one id in millions that has our own address.
        """
        address = loopback_address(node)
        own = await self.node_id()
        if node != own and address == loopback_address(own):
            raise NodeUnreachable("That node's loopback address is our own.", "Try with another home for one of them.")
        return address

    async def node_of(self, address: Address) -> NodeId | None:
        """Always None: the hash can't be reversed."""
        return None

    async def connected(self) -> bool | None:
        """Always None: nodes of one machine need no connection."""
        return None


def loopback_address(node: NodeId) -> IPv4Address:
    """127.x.y.z from the first three bytes of SHA-256(key), with x and z in 1..254.

    So it is never 127.0.0.1, where other programs listen, and never ends in 0 or 255.
    """
    x, y, z = hashlib.sha256(node.key).digest()[:3]
    return IPv4Address(bytes((127, x % 254 + 1, y, z % 254 + 1)))


def _kept_node(key_file: Path) -> NodeId:
    make_folder(key_file.parent)
    with locked_folder(key_file.parent):  # if two processes find no key, only one makes it
        if not key_file.exists():
            write_new_file(key_file, secrets.token_bytes(KEY_BYTES).hex().encode() + b"\n")
        make_private(key_file)
        with known_errors(key_file):
            written = key_file.read_bytes()
    try:
        return NodeId(bytes.fromhex(written.decode("ascii")))
    except (ValueError, NodeIdError):
        raise StoreError(
            f"The node's key in {key_file} is damaged.",
            "Put a backup in its place. Or move it away: a new one is made, and contacts need your new card.",
        ) from None
