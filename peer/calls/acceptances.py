"""What may still become a leg: the acceptances of a first contact that were read, true or forged. Pure.

Anybody in the chat can write an acceptance, and as many as they like. Only the true callee can make a check with the
credentials of one, so each is kept as plain bytes until such a check arrives. Nothing is sent to the ports that they
name, and no keys, sockets or tasks are made for them.
"""

from __future__ import annotations

import struct

from peer.calls.attempts import Attempt
from shared.media import Media
from shared.secrets.handshake import Handshake, Role, epoch_credentials
from shared.secrets.identity import DtlsIdentity, Fingerprint

KEPT_FIRST = 16_384
KEPT_LATEST = 16_384
"""How many are kept, about 300 bytes each: the first that came and never give way, and the latest.

Somebody who wants to crowd out the true one needs as many before it and as many after it, within the life of one link:
with what is read of one message and one sender, dozens of accounts in the same chat."""

_KEPT = struct.Struct(">32s32s32sHB")
"Call secret, fingerprint of the other side, transcript, port, media."


class Acceptances:
    """Attempts of one call, by the username fragment that the other side's checks would carry."""

    def __init__(self, *, first: int = KEPT_FIRST, latest: int = KEPT_LATEST) -> None:
        """Keep the `first` that come, and of those after them the `latest`."""
        self._most_first = first
        self._most_latest = latest
        self._first: dict[str, bytes] = {}
        self._latest: dict[str, bytes] = {}
        "The oldest first."

        self._own: tuple[Role, DtlsIdentity] | None = None
        "Our role and identity: the same in all of them."

    def __len__(self) -> int:
        return len(self._first) + len(self._latest)

    def add(self, attempt: Attempt) -> None:
        """Keep one of a first contact. When there is no more room it replaces the oldest of the latest."""
        handshake = attempt.handshake
        self._own = (handshake.role, handshake.identity)
        kept = self._first if len(self._first) < self._most_first else self._latest
        kept[attempt.username] = _KEPT.pack(
            handshake.secret,
            handshake.remote_pin.sha256,
            attempt.transcript,
            attempt.remote_port or 0,
            int(attempt.media),
        )
        if len(self._latest) > self._most_latest:
            del self._latest[next(iter(self._latest))]

    def of(self, username: str) -> Attempt | None:
        """The one whose checks carry that username fragment."""
        kept = self._first.get(username) or self._latest.get(username)
        if kept is None or self._own is None:
            return None
        role, identity = self._own
        secret, fingerprint, transcript, port, media = _KEPT.unpack(kept)
        handshake = Handshake(
            role=role,
            local_ice=epoch_credentials(secret, 0, role),
            remote_ice=epoch_credentials(secret, 0, role.other),
            identity=identity,
            remote_pin=Fingerprint(fingerprint),
            secret=secret,
        )
        return Attempt(handshake, port or None, Media(media), transcript)

    def remove(self, attempt: Attempt) -> None:
        """Keep it no longer. Does nothing if it isn't here."""
        for kept in (self._first, self._latest):
            kept.pop(attempt.username, None)

    def clear(self) -> None:
        """Keep none any longer."""
        self._first.clear()
        self._latest.clear()
