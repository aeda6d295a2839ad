"""Contact cards: people give them away so that others can call them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from shared.errors import InputError
from shared.links.tokens import SIZES, BadLink, LinkKind, Token, check_frame
from shared.node_id import NodeId
from shared.printable import is_line
from shared.reasons import Reason

MAX_NAME = 40
"The most characters of a person's name."

MAX_RESOLVES_AS = 64
"The most characters of a name in a name system."

_TELEGRAM_BOT = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}", re.ASCII)
# Telegram's user names. New ones have at least 5 characters, some old ones 4.

_CHECKSUM_BYTES = 4


class _Field(IntEnum):
    NODE = 1
    SEALING_KEY = 2
    NAME = 3
    RESOLVES_AS = 4
    TELEGRAM_BOT = 5
    TELEGRAM_USER = 6


@dataclass(frozen=True, slots=True)
class Card(Token):
    """A contact card: 73 to 192 bytes, 98 to 256 characters.

    The first byte is version 1 and kind 5. Fields follow, each a type (1 byte), a length (1 byte) and a value, in any
    order, no type twice; types that a reader doesn't know are skipped. The last 4 bytes are the beginning of the
    SHA-256 of everything before them: a card is often read from a picture or typed, and has nothing else that would
    show a mistake.

    ==== ============= ==================================================
    type field         value
    ==== ============= ==================================================
    1    node          32 bytes; must be there
    2    sealing key   32 bytes; must be there
    3    name          UTF-8, at most 40 characters
    4    resolves as   UTF-8, at most 64 characters
    5    telegram bot  ASCII, at most 32 characters
    6    telegram user 8 bytes, big-endian, 1 to 2^63 - 1
    ==== ============= ==================================================

    Fields with nothing in them are left out. Creating one with values that don't fit, alone or together, raises
    InputError with a sentence for the card's owner.
    """

    node: NodeId
    "The node to call."

    sealing_key: bytes
    "X25519 public key (RFC 7748), 32 bytes, to which a first request is sealed."

    name: str = ""
    "Its owner's name. It is only a suggestion, and nothing proves it."

    resolves_as: str = ""
    "A name that resolves to the node id, such as `copybara.azero`."

    telegram_bot: str = ""
    "The user name of the owner's bot, without @."

    telegram_user: int | None = None
    "The owner's Telegram user id."

    def __post_init__(self) -> None:
        if len(self.sealing_key) != 32:
            raise InputError("A contact card's key has 32 bytes.", "")
        if len(self.name) > MAX_NAME or not is_line(self.name):
            raise InputError(f"A name on a card has at most {MAX_NAME} visible characters.", "Choose another one.")
        words = self.resolves_as.split()
        if len(self.resolves_as) > MAX_RESOLVES_AS or len(words) > 1 or not is_line(self.resolves_as):
            raise InputError("That isn't a name that can be looked up.", "Write it for example as copybara.azero.")
        if self.telegram_bot and not _TELEGRAM_BOT.fullmatch(self.telegram_bot):
            raise InputError("That isn't a Telegram user name.", "It has 4 to 32 of the characters A-Z a-z 0-9 _.")
        if self.telegram_user is not None and not 0 < self.telegram_user < 1 << 63:
            raise InputError("That isn't a Telegram user id.", "It is a positive number.")
        if len(self.encode()) not in SIZES[LinkKind.CARD]:
            raise InputError("The names on this card are too long together.", "Shorten one of them.")

    def encode(self) -> bytes:
        """The card's bytes. The fields are in the order of their types."""
        values = {
            _Field.NODE: self.node.key,
            _Field.SEALING_KEY: self.sealing_key,
            _Field.NAME: self.name.encode(),
            _Field.RESOLVES_AS: self.resolves_as.encode(),
            _Field.TELEGRAM_BOT: self.telegram_bot.encode(),
            _Field.TELEGRAM_USER: b"" if self.telegram_user is None else self.telegram_user.to_bytes(8, "big"),
        }
        fields = b"".join(bytes([type_, len(value)]) + value for type_, value in values.items() if value)
        content = bytes([LinkKind.CARD.first_byte]) + fields
        return content + _checksum(content)

    @classmethod
    def decode(cls, raw: bytes) -> Self:
        """Read a card's bytes. Raises BadLink(MALFORMED or WRONG_VERSION)."""
        check_frame(raw, LinkKind.CARD)
        content, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
        if checksum != _checksum(content):
            raise BadLink(Reason.MALFORMED)
        values = _fields(content[1:])
        user = values.get(_Field.TELEGRAM_USER)
        if user is not None and len(user) != 8:
            raise BadLink(Reason.MALFORMED)
        try:
            return cls(
                node=NodeId(values.get(_Field.NODE, b"")),
                sealing_key=values.get(_Field.SEALING_KEY, b""),
                name=values.get(_Field.NAME, b"").decode(),
                resolves_as=values.get(_Field.RESOLVES_AS, b"").decode(),
                telegram_bot=values.get(_Field.TELEGRAM_BOT, b"").decode(),
                telegram_user=None if user is None else int.from_bytes(user, "big"),
            )
        except (InputError, UnicodeDecodeError):
            raise BadLink(Reason.MALFORMED) from None


def _fields(data: bytes) -> dict[int, bytes]:
    """Split type, length and value.

    Raises BadLink(MALFORMED) for a wrong length, an empty field, or a type that repeats.
    """
    values: dict[int, bytes] = {}
    while data:
        header, rest = data[:2], data[2:]
        if len(header) < 2 or not 0 < header[1] <= len(rest) or header[0] in values:
            raise BadLink(Reason.MALFORMED)
        values[header[0]], data = rest[: header[1]], rest[header[1] :]
    return values


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_CHECKSUM_BYTES]
