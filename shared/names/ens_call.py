"""Calls of the ENS contracts: names as hashes, arguments and return values as bytes. Pure.

ERC-137 (registry, namehash), ERC-165 (supportsInterface), ERC-634 (text), ENSIP-10 (resolve), ERC-3668
(OffchainLookup). Importing it takes 0.2 s: eth-abi and Keccak.
"""

from __future__ import annotations

from typing import Any

from Crypto.Hash import keccak
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from shared.errors import BadAnswer, BadRecord

LONGEST_TEXT = 2048
"Characters of a record's value that are taken; a node id has 52, a contact card at most 256."

WILDCARD = bytes.fromhex("9061b923")
"The interface of a resolver that also answers for the names below its own (ENSIP-10)."

OFFCHAIN = "556f1830"
"Selector of the error OffchainLookup, hexadecimal."


def namehash(name: str) -> bytes:
    """The 32 bytes that stand for a name in its normal form (ERC-137)."""
    node = bytes(32)
    for label in reversed(name.split(".")):
        node = _keccak(node + _keccak(label.encode()))
    return node


def dns_name(name: str) -> bytes | None:
    """The name as in a DNS message (RFC 1035, 3.1); None if a label has more than 255 bytes."""
    labels = [label.encode() for label in name.split(".")]
    if any(len(label) > 255 for label in labels):
        return None
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def label_number(label: str) -> int:
    """What a name directly below `.eth` is called in its registrar."""
    return int.from_bytes(_keccak(label.encode()), "big")


# Calls: the first four bytes of the hash of the signature, and the arguments.


def owner(node: bytes) -> bytes:
    """Of the registry: owner(bytes32) returns address."""
    return bytes.fromhex("02571be3") + node


def resolver(node: bytes) -> bytes:
    """Of the registry: resolver(bytes32) returns address."""
    return bytes.fromhex("0178b8bf") + node


def text(node: bytes, key: str) -> bytes:
    """Of a resolver: text(bytes32,string) returns string."""
    return bytes.fromhex("59d1d43c") + encode(["bytes32", "string"], [node, key])


def address(node: bytes) -> bytes:
    """Of a resolver: addr(bytes32) returns address."""
    return bytes.fromhex("3b3b57de") + node


def supports(interface: bytes) -> bytes:
    """Of a resolver: supportsInterface(bytes4) returns bool."""
    return bytes.fromhex("01ffc9a7") + encode(["bytes4"], [interface])


def resolve(dns: bytes, call: bytes) -> bytes:
    """Of a wildcard resolver: resolve(bytes,bytes) returns bytes."""
    return WILDCARD + encode(["bytes", "bytes"], [dns, call])


def name_expires(number: int) -> bytes:
    """Of the registrar of `.eth`: nameExpires(uint256) returns uint256, Unix seconds."""
    return bytes.fromhex("d6e4fa86") + number.to_bytes(32, "big")


# Return values. Each raises BadAnswer for bytes that it can't be; a text that is too long, BadRecord.


def as_address(value: bytes) -> str:
    """An address, hexadecimal after 0x; empty for none, or the address zero."""
    found = str(_decoded("address", value)) if value else ""
    return "" if not found.strip("0x") else found


def as_text(value: bytes) -> str:
    """A text of at most LONGEST_TEXT characters; empty if there is none."""
    found = str(_decoded("string", value)) if value else ""
    if len(found) > LONGEST_TEXT:
        raise BadRecord("A record under that name is far too long.")
    return found


def as_bytes(value: bytes) -> bytes:
    """The bytes that a wildcard resolver wraps another call's return value in."""
    return bytes(_decoded("bytes", value)) if value else b""


def as_number(value: bytes) -> int:
    """An unsigned number; 0 if there is none."""
    return int(_decoded("uint256", value)) if value else 0


def as_truth(value: bytes) -> bool:
    """A bool; False for a contract that doesn't know the question."""
    return len(value) == 32 and int.from_bytes(value, "big") == 1


def _decoded(kind: str, value: bytes) -> Any:
    try:
        return decode([kind], value)[0]
    except (DecodingError, ValueError, OverflowError) as error:
        raise BadAnswer("A contract returned something that it can't.") from error


def _keccak(content: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=content).digest()
