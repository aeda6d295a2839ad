"""Accounts of Substrate chains as text: SS58 (Polkadot documentation, "Address Format")."""

from __future__ import annotations

import hashlib

from shared.errors import InputError

ACCOUNT_BYTES = 32

GENERIC_PREFIX = 42
"The prefix for any Substrate chain. Aleph Zero uses it."

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_PREFIX_BYTES = 1
_CHECKSUM_BYTES = 2
_LONGEST = 48
"The most characters of prefix, account and checksum: 35 bytes."


def encode(account: bytes) -> str:
    """Encode an account of 32 bytes with the generic prefix, as 47 or 48 characters."""
    content = bytes([GENERIC_PREFIX]) + account
    number = int.from_bytes(content + _checksum(content), "big")
    text = ""
    while number:
        number, value = divmod(number, 58)
        text = _ALPHABET[value] + text
    return text


def decode(text: str) -> bytes:
    """Decode the 32 bytes of an account with the generic prefix. Raises InputError for anything else."""
    number = 0
    for character in text[: _LONGEST + 1]:
        if character not in _VALUES:
            raise _refusal()
        number = number * 58 + _VALUES[character]
    size = _PREFIX_BYTES + ACCOUNT_BYTES + _CHECKSUM_BYTES
    if number >= 1 << 8 * size:
        raise _refusal()
    content, checksum = (raw := number.to_bytes(size, "big"))[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    if content[0] != GENERIC_PREFIX or checksum != _checksum(content) or encode(content[1:]) != text:
        raise _refusal()
    return content[1:]


def is_account(text: str) -> bool:
    """Whether a text is an account with the generic prefix."""
    try:
        decode(text)
    except InputError:
        return False
    return True


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(b"SS58PRE" + content).digest()[:_CHECKSUM_BYTES]


def _refusal() -> InputError:
    return InputError("That isn't an account of Aleph Zero.", "It has 47 or 48 characters and begins with 5.")
