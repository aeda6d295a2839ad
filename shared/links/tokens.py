"""The common parts of all links: the first byte, and base64url as the only text form."""

from __future__ import annotations

import base64
import enum
from abc import ABC, abstractmethod

from shared.errors import LinkError
from shared.reasons import Reason

VERSION = 1
"The high nibble of every link's first byte."

MAX_TOKEN_LENGTH = 256
"The most characters of a token: as many as Telegram's copy button takes (Bot API, CopyTextButton)."


class LinkKind(enum.IntEnum):
    """The low nibble of the first byte: what the other bytes are."""

    REQUEST = 1
    RESPONSE = 2
    PAIRED = 3
    SEALED = 4
    CARD = 5
    MOVED = 6

    @property
    def first_byte(self) -> int:
        """The first byte of a link of version 1 and this kind."""
        return VERSION << 4 | self


SIZES = {
    LinkKind.REQUEST: range(96, 97),
    LinkKind.RESPONSE: range(48, 49),
    LinkKind.PAIRED: range(48, 49),
    LinkKind.SEALED: range(145, 146),
    LinkKind.CARD: range(73, 193),
    LinkKind.MOVED: range(65, 66),
}
"The possible sizes of each kind of link in bytes, with its first byte."


class BadLink(LinkError):
    """That link can't be read.

    Ask for a new one, and copy it as a whole.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason = reason


class Token(ABC):
    """A link that is written into a chat."""

    __slots__ = ()

    @abstractmethod
    def encode(self) -> bytes:
        """The link's bytes, with its first byte."""

    @property
    def token(self) -> str:
        """The link's text: base64url without padding (RFC 4648, section 5)."""
        return to_text(self.encode())


def to_text(raw: bytes) -> str:
    """Write bytes as base64url without padding (RFC 4648, sections 5 and 3.2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def to_bytes(token: str) -> bytes:
    """Read base64url without padding.

    The same bytes have exactly one text. Padding, another alphabet, spaces, spare bits that aren't zero (RFC 4648,
    section 3.5) and more than MAX_TOKEN_LENGTH characters raise BadLink(MALFORMED).
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise BadLink(Reason.MALFORMED)
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise BadLink(Reason.MALFORMED) from None
    # The standard library skips foreign characters and ignores spare bits. Encoding the bytes again reveals both.
    if to_text(raw) != token:
        raise BadLink(Reason.MALFORMED)
    return raw


def kind_of(raw: bytes) -> LinkKind:
    """The kind in the first byte.

    Raises BadLink(WRONG_VERSION) for another version, BadLink(MALFORMED) for no bytes or an unknown kind.
    """
    if not raw:
        raise BadLink(Reason.MALFORMED)
    if raw[0] >> 4 != VERSION:
        raise BadLink(Reason.WRONG_VERSION)
    try:
        return LinkKind(raw[0] & 15)
    except ValueError:
        raise BadLink(Reason.MALFORMED) from None


def check_frame(raw: bytes, kind: LinkKind) -> None:
    """Raise BadLink unless the bytes begin as `kind` of version 1 and have a size of that kind."""
    if kind_of(raw) is not kind or len(raw) not in SIZES[kind]:
        raise BadLink(Reason.MALFORMED)
