"""Adds a device: it proves a one-time secret and shows a code, and the owner confirms that home shows the same code.

The address that the device opens has the secret behind `#`. It is proven, never sent (peer/handset/proof.py). The code
depends on the secret and on both sides' random numbers. So somebody else who has got the address can't choose it: their
device shows another code than the owner's own, and the owner doesn't confirm it.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from peer.handset.proof import Meeting, proof_key
from peer.overlay import Address
from peer.overlay.interfaces import Network
from shared.paired_device import PairedDevice

PAIRING_SECONDS = 300.0
"How long a pairing is open."

SECRET_BYTES = 16

MAX_VISITORS = 5
"How many devices may prove the secret, one after the other. The owner's browser may try more than once."

CODE_DIGITS = 6

CODE_LABEL = b"copybara pairing code 1"


@dataclass(eq=False)
class Visitor:
    """A page that has proven the secret and waits for the owner."""

    address: Address
    code: str
    cookie: bytes = field(repr=False)
    "SHA-256 of its cookie."

    decided: asyncio.Future[PairedDevice | None] = field(repr=False)
    "The paired device, once the owner has confirmed the code. None: refused."


class DevicePairing:
    """The pairing of one device. It lasts PAIRING_SECONDS."""

    def __init__(
        self,
        name: str,
        expected: Address | None,
        network: Network | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`expected` is the device's address, if the owner knows it. Then nobody else sees that there is a server.

        Otherwise the device must be in `network`. None: anywhere.
        """
        self.name = name
        self.expected = expected
        self.network = network
        self.secret = secrets.token_urlsafe(SECRET_BYTES)
        "22 characters of base64url."

        self.visitor: Visitor | None = None
        self._visits = 0
        self._clock = clock
        self._ends = clock() + PAIRING_SECONDS

    @property
    def seconds_left(self) -> float:
        """The seconds until it ends; 0 or less: it has ended."""
        return self._ends - self._clock()

    @property
    def exhausted(self) -> bool:
        """Whether MAX_VISITORS devices have proven the secret, so that no other may."""
        return self._visits >= MAX_VISITORS and self.visitor is None

    def admits(self, address: Address) -> bool:
        """Whether a device at that address may try: the expected one, or any device until one has proven the secret."""
        if self.seconds_left <= 0 or self.exhausted:
            return False
        if self.visitor is not None:
            return address == self.visitor.address
        if self.expected is not None:
            return address == self.expected
        return self.network is None or address in self.network

    def welcome(self, address: Address, cookie: bytes, meeting: Meeting) -> Visitor | None:
        """Admit a device that has proven the secret. None: another one has before, or the pairing has ended."""
        if not self.admits(address) or self.visitor is not None:
            return None
        self._visits += 1
        decided: asyncio.Future[PairedDevice | None] = asyncio.get_running_loop().create_future()
        self.visitor = Visitor(address, pairing_code(self.secret, meeting), cookie, decided)
        return self.visitor

    def leave(self, visitor: Visitor) -> None:
        """Note that a waiting device has gone."""
        if self.visitor is visitor:
            self.visitor = None

    def end(self) -> None:
        """End the pairing. A waiting device is refused."""
        self._ends = self._clock()
        if self.visitor is not None and not self.visitor.decided.done():
            self.visitor.decided.set_result(None)


def pairing_code(secret: str, meeting: Meeting) -> str:
    """The six digits that both sides show."""
    said = CODE_LABEL + meeting.page_nonce + meeting.server_nonce
    number = int.from_bytes(hmac.digest(proof_key(secret.encode()), said, sha256), "big")
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
