"""Calls of the ENS contracts: names as hashes, and arguments and return values as bytes. Pure.

ERC-137 (registry, namehash), ERC-165 (supportsInterface), ERC-634 (text), ENSIP-10 (resolve), ERC-3668
(OffchainLookup). The import takes 0.2 s, because of eth-abi and Keccak.
"""

from __future__ import annotations

from typing import Any

from Crypto.Hash import keccak
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from shared.errors import BadAnswer, BadRecord

LONGEST_TEXT = 2048
"The most characters of a record's value. A node id has 52, a contact card at most 256."

WILDCARD = bytes.fromhex("9061b923")
"The interface id of a resolver that also answers for the names below its own (ENSIP-10)."

OFFCHAIN = "556f1830"
"The selector of the error OffchainLookup, hexadecimal."


def namehash(name: str) -> bytes:
    """The 32-byte hash of a name in its normal form (ERC-137)."""
    node = bytes(32)
    for label in reversed(name.split(".")):
        node = _keccak(node + _keccak(label.encode()))
    return node


def dns_name(name: str) -> bytes | None:
    """The name in the format of DNS messages (RFC 1035, 3.1). None if a label has more than 255 bytes."""
    labels = [label.encode() for label in name.split(".")]
    if any(len(label) > 255 for label in labels):
        return None
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def label_number(label: str) -> int:
    """The registrar's number for a name directly below `.eth`."""
    return int.from_bytes(_keccak(label.encode()), "big")


# Calls: the first four bytes of the signature's hash, and the arguments.


def owner(node: bytes) -> bytes:
    """A call of the registry: owner(bytes32) returns address."""
    return bytes.fromhex("02571be3") + node


def resolver(node: bytes) -> bytes:
    """A call of the registry: resolver(bytes32) returns address."""
    return bytes.fromhex("0178b8bf") + node


def text(node: bytes, key: str) -> bytes:
    """A call of a resolver: text(bytes32,string) returns string."""
    return bytes.fromhex("59d1d43c") + encode(["bytes32", "string"], [node, key])


def address(node: bytes) -> bytes:
    """A call of a resolver: addr(bytes32) returns address."""
    return bytes.fromhex("3b3b57de") + node


def supports(interface: bytes) -> bytes:
    """A call of a resolver: supportsInterface(bytes4) returns bool."""
    return bytes.fromhex("01ffc9a7") + encode(["bytes4"], [interface])


def resolve(dns: bytes, call: bytes) -> bytes:
    """A call of a wildcard resolver: resolve(bytes,bytes) returns bytes."""
    return WILDCARD + encode(["bytes", "bytes"], [dns, call])


def name_expires(number: int) -> bytes:
    """A call of the registrar of `.eth`: nameExpires(uint256) returns uint256, in Unix seconds."""
    return bytes.fromhex("d6e4fa86") + number.to_bytes(32, "big")


# Return values. Each function raises BadAnswer for invalid bytes, and BadRecord for a text that is too long.


def as_address(value: bytes) -> str:
    """An address, hexadecimal after 0x. Empty if there is none, or for the zero address."""
    found = str(_decoded("address", value)) if value else ""
    return "" if not found.strip("0x") else found


def as_text(value: bytes) -> str:
    """A text of at most LONGEST_TEXT characters. Empty if there is none."""
    found = str(_decoded("string", value)) if value else ""
    if len(found) > LONGEST_TEXT:
        raise BadRecord("A record under that name is far too long.")
    return found


def as_bytes(value: bytes) -> bytes:
    """The return value of the inner call, which a wildcard resolver wraps."""
    return bytes(_decoded("bytes", value)) if value else b""


def as_number(value: bytes) -> int:
    """An unsigned number; 0 if there is none."""
    return int(_decoded("uint256", value)) if value else 0


def as_truth(value: bytes) -> bool:
    """A bool. False if the contract doesn't know the question."""
    return len(value) == 32 and int.from_bytes(value, "big") == 1


def _decoded(kind: str, value: bytes) -> Any:
    try:
        return decode([kind], value)[0]
    except (DecodingError, ValueError, OverflowError) as error:
        raise BadAnswer("A contract returned something that it can't.") from error


def _keccak(content: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=content).digest()
