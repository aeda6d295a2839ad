"""Who the owner is: the key that was the first to add the bot by the QR code, which only the owner's terminal shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from bot.messengers.deltachat.account import SELF

_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)
# The core's contact numbers have 32 bits.

OWNER, ADDRESS = "owner", "address"
"The facts that hold the owner's key and the bot's address."


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner's key."""

    contact: int
    """Its number in the bot's account; SELF, if the bot is another device of the owner's account. A contact's key never
    changes: another key is another contact.
    """

    fingerprint: str
    "40 hexadecimal digits; empty is nobody's."

    @property
    def has_this_account(self) -> bool:
        """Whether the account is the owner's own, and the bot another device of it."""
        return self.contact == SELF

    def kept(self) -> bytes:
        """For the journal."""
        return f"{self.contact} {self.fingerprint}".encode()

    @classmethod
    def read(cls, kept: bytes | None) -> Self | None:
        """Back from there; None if nobody has claimed the bot."""
        number, _, fingerprint = (kept or b"").decode("ascii", "replace").partition(" ")
        return cls(int(number), fingerprint) if _NUMBER.fullmatch(number) and fingerprint else None
