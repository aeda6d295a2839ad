"""The epochs of one call: which were used, and to which one a check of the other side belongs. Pure.

When two sides dial each other again, both need the same epoch. But one may have counted more losses than the other, or
have been killed in between. So each side dials the epoch after its last one, and moves on when it hears an
authenticated check of a later one. Each side uses an epoch for one connection only.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from shared.errors import LocalProtocolError
from shared.secrets.handshake import Handshake, IceCredentials, Role, epoch, epoch_credentials

REACH = 64
"How many epochs the two sides may be apart. They come one apart each time a program restarts while dialling."


class HeardEpoch(enum.Enum):
    """Where the other side is, as a check of it shows."""

    AHEAD = enum.auto()
    "At an epoch that was never used here."

    BEHIND = enum.auto()
    "At our last epoch, or an earlier one: it will follow as soon as it hears our check."


class Epochs:
    """What one side knows of a call's epochs."""

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
        """The epoch to dial next: the one after our last, or a later one that the other side is at."""
        return max(self.last + 1, self._newest_heard)

    def take(self, number: int) -> Handshake:
        """Use an epoch and return its handshake. Raises LocalProtocolError if it was used before."""
        if number <= self.last:
            raise LocalProtocolError("Every epoch of a call is used once.")
        handshake = epoch(self.secret, number, self._role)
        self.last = number
        return handshake

    def heard(self, username: str, made_with: Callable[[str], bool]) -> HeardEpoch | None:
        """Note a check that belongs to none of our connections; returns None if it isn't of this call either.

        `username` is the ICE username fragment in it, `made_with` tells whether it was made with a password.
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
        """The epoch whose checks to us carry that username fragment, and the credentials in them.

        None if there is none within REACH of our last epoch.
        """
        if self._known_at != self.last:
            self._known_at = self.last
            self._known = {
                credentials.username: (number, credentials)
                for number in range(max(1, self.last - REACH), self.last + REACH + 1)
                for credentials in (epoch_credentials(self.secret, number, self._role),)
            }
        return self._known.get(username)
