"""The epochs of one call, after the first: which were used, and which one a check of the other side belongs to. Pure.

Two sides that dial each other again need the same epoch, and one may have counted more losses than the other, or have
been killed in between. Each dials the one after its last; a side that hears an authenticated check of a later one moves
on to that. An epoch is used by one connection only, on each side.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from shared.errors import LocalProtocolError
from shared.secrets.handshake import Handshake, IceCredentials, Role, epoch, epoch_credentials

REACH = 64
"How far the two may be apart: each restart of a program within a minute of dialling counts one."


class HeardEpoch(enum.Enum):
    """Where the other side is, as a check of it shows."""

    AHEAD = enum.auto()
    "At an epoch that was never used here."

    BEHIND = enum.auto()
    "At an earlier one, or the same: it will follow as soon as it hears where we are."


class Epochs:
    """What a side knows of them."""

    def __init__(self, secret: bytes, role: Role, last: int = 0) -> None:
        """`secret` is the redial secret (32 bytes), `last` the last epoch that may have been used here."""
        self.secret = secret
        self.last = last
        self._role = role
        self._newest_heard = 0
        self._known_at: int | None = None
        self._known: dict[str, tuple[int, IceCredentials]] = {}

    @property
    def next(self) -> int:
        """The one to dial: the one after the last, or the later one that the other side is at."""
        return max(self.last + 1, self._newest_heard)

    def take(self, number: int) -> Handshake:
        """The handshake of an epoch that was never used, which it is from now on. Raises LocalProtocolError."""
        if number <= self.last:
            raise LocalProtocolError("Every epoch of a call is used once.")
        handshake = epoch(self.secret, number, self._role)
        self.last = number
        return handshake

    def heard(self, username: str, made_with: Callable[[str], bool]) -> HeardEpoch | None:
        """Note a check that belongs to none of our connections; None if it isn't this call's.

        `username` is the fragment in it, `made_with` tells whether it was made with a password.
        """
        known = self.of(username)
        if known is None or not made_with(known[1].password):
            return None
        number = known[0]
        if number <= self.last:
            return HeardEpoch.BEHIND
        self._newest_heard = max(self._newest_heard, number)
        return HeardEpoch.AHEAD

    def of(self, username: str) -> tuple[int, IceCredentials] | None:
        """The epoch near the last one in which the other side's checks carry that username fragment."""
        if self._known_at != self.last:
            self._known_at = self.last
            self._known = {
                credentials.username: (number, credentials)
                for number in range(max(1, self.last - REACH), self.last + REACH + 1)
                for credentials in (epoch_credentials(self.secret, number, self._role),)
            }
        return self._known.get(username)
