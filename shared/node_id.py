"""Node ids: a 32-byte public key written as 52 characters."""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import NodeIdError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"Crockford's base32 in lower case: no i, l, o, u."

KEY_BYTES = 32
TEXT_LENGTH = 52
SPARE_BITS = TEXT_LENGTH * 5 - KEY_BYTES * 8

_VALUES = {character: value for value, character in enumerate(ALPHABET)}


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """The public key that is a node's address in the overlay.

    Written most significant bit first in lower-case Crockford base32, the four spare bits zero. One key has
    exactly one text; anything else is refused, so that no two texts ever name the same node.
    """

    key: bytes
    "32 bytes: Ed25519 for Staex and Yggdrasil, random for the loopback overlay."

    def __post_init__(self) -> None:
        if not isinstance(self.key, bytes) or len(self.key) != KEY_BYTES:
            raise NodeIdError(f"A node id is a key of {KEY_BYTES} bytes.")

    @classmethod
    def parse(cls, text: str) -> NodeId:
        """Read the 52-character text. Raises NodeIdError for another length, alphabet, case or spare bits."""
        if len(text) != TEXT_LENGTH:
            raise NodeIdError(f"A node id has {TEXT_LENGTH} characters; this has {len(text)}.")
        number = 0
        for character in text:
            value = _VALUES.get(character)
            if value is None:
                raise NodeIdError()
            number = number << 5 | value
        if number & ((1 << SPARE_BITS) - 1):
            raise NodeIdError("That node id has a typing error in its last character.")
        return cls((number >> SPARE_BITS).to_bytes(KEY_BYTES, "big"))

    def __str__(self) -> str:
        number = int.from_bytes(self.key, "big") << SPARE_BITS
        return "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (TEXT_LENGTH - 1), -1, -5))

    @property
    def short(self) -> str:
        """The first eight characters, for lists and sentences; never to be parsed."""
        return str(self)[:8]
