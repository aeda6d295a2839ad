"""A Yggdrasil node's address, computed from its key. Pure; the same in Yggdrasil 0.4 and 0.5.

The key's bits are inverted. The address is the byte 0x02, one byte with the number of leading ones, and then the
bits after those ones and the zero that ends them, cut at 128 bits in all. So a key that was searched for many
leading zeros leaves room for more of its bits, and an address can't be turned back into a key.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from shared.errors import BadAddress
from shared.node_id import KEY_BYTES, NodeId

NODES = IPv6Network("200::/8")
"The addresses of nodes: the lower half of Yggdrasil's 200::/7. The upper half has routed subnets."

KEY_BITS = KEY_BYTES * 8
REST_BITS = 128 - 8 - 8
"How many bits of the key are in an address after the prefix and the count."

MOST_ONES = KEY_BITS - 1 - REST_BITS
"With more leading zeros in a key, the address would run out of bits. Nobody will ever find such a key."


def yggdrasil_address(node: NodeId) -> IPv6Address:
    """The address of the node with this Ed25519 key. Raises BadAddress for a key that no node can have."""
    key = int.from_bytes(node.key, "big")
    ones = KEY_BITS - key.bit_length()
    if ones > MOST_ONES:
        raise BadAddress("That node id can't be a Yggdrasil node's key.")
    after = KEY_BITS - ones - 1
    rest = (~key & ((1 << after) - 1)) >> (after - REST_BITS)
    return IPv6Address((0x02 << 120) | (ones << REST_BITS) | rest)
