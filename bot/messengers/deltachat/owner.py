"""The owner: the first key that added the bot by the QR code. Only the owner's terminal shows that code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from bot.messengers.deltachat.account import SELF

_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
# The core's contact numbers have 32 bits.

ADDRESS = "address"
"The fact that holds the bot's address."


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner's key."""

    contact: int
    """The contact's number in the bot's account, or SELF if the bot is another device of the owner's account. A
    contact's key never changes: another key is another contact."""

    fingerprint: str
    "40 hexadecimal digits. An empty fingerprint matches nobody."

    @property
    def has_this_account(self) -> bool:
        """Whether the account is the owner's, and the bot is another device of it."""
        return self.contact == SELF

    def kept(self) -> bytes:
        """Encode the owner for the journal."""
        return f"{self.contact} {self.fingerprint}".encode()

    @classmethod
    def read(cls, kept: bytes | None) -> Self | None:
        """Decode the owner. None if nobody has claimed the bot."""
        number, _, fingerprint = (kept or b"").decode("ascii", "replace").partition(" ")
        return cls(int(number), fingerprint) if _NUMBER.fullmatch(number) and fingerprint else None
