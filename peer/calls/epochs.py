"""The epochs of one call, after the first: which were used, and which one a check of the other side belongs to.

Two sides that dial each other again need the same epoch, and one may have counted more losses than the other, or have
been killed in between. Each dials the one after its last; who hears an authenticated check of a later one goes on to
that. An epoch is used by one connection only, on each side.
"""

from __future__ import annotations

from shared.errors import LocalProtocolError
from shared.secrets.handshake import Handshake, IceCredentials, Role, epoch, epoch_credentials

REACH = 64
"How far the two may be apart: each restart of a program within a minute of dialling counts one."


class Epochs:
    """What a side knows of them."""

    def __init__(self, secret: bytes, role: Role, last: int = 0) -> None:
        """`secret` is the redial secret (32 bytes), `last` the last epoch that may have been used here."""
        self.secret = secret
        self.last = last
        self._role = role
        self._known_at: int | None = None
        self._known: dict[str, tuple[int, IceCredentials]] = {}

    def take(self, number: int) -> Handshake:
        """The handshake of an epoch that was never used, which it is from now on. Raises LocalProtocolError."""
        if number <= self.last:
            raise LocalProtocolError("Every epoch of a call is used once.")
        handshake = epoch(self.secret, number, self._role)
        self.last = number
        return handshake

    def of(self, username: str) -> tuple[int, IceCredentials] | None:
        """The epoch, not far from the last, in which the other side's checks to us carry that username fragment."""
        if self._known_at != self.last:
            self._known_at = self.last
            self._known = {
                credentials.username: (number, credentials)
                for number in range(max(1, self.last - REACH), self.last + REACH + 1)
                for credentials in (epoch_credentials(self.secret, number, self._role),)
            }
        return self._known.get(username)
