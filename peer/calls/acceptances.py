"""Keeps the acceptances of a first contact that were read, true or forged, until one of them proves itself. Pure.

Anybody in the chat can write any number of acceptances. Only the true callee can make a check with the credentials of
one, so each is kept as plain bytes until such a check arrives. Until then nothing is sent to the port that it names,
and no keys, sockets or tasks are made for it.
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
    """The attempts of one call, by the ICE username fragment that checks of the other side would carry."""

    def __init__(self, *, first: int = KEPT_FIRST, latest: int = KEPT_LATEST) -> None:
        """Keep this many of the `first` that come, and this many of the `latest` after them."""
        self._most_first = first
        self._most_latest = latest
        self._first: dict[str, bytes] = {}
        self._latest: dict[str, bytes] = {}
        "In the order in which they came."

        self._own: tuple[Role, DtlsIdentity] | None = None
        "Our role and identity: the same in all of them."

    def __len__(self) -> int:
        return len(self._first) + len(self._latest)

    def add(self, attempt: Attempt) -> None:
        """Keep an attempt of a first contact. If there is no more room, the oldest of the latest is dropped."""
        handshake = attempt.handshake
        self._own = (handshake.role, handshake.identity)
        attempts = self._first if len(self._first) < self._most_first else self._latest
        attempts[attempt.username] = _KEPT.pack(
            handshake.secret,
            handshake.remote_pin.sha256,
            attempt.transcript,
            attempt.remote_port or 0,
            int(attempt.media),
        )
        if len(self._latest) > self._most_latest:
            del self._latest[next(iter(self._latest))]

    def of(self, username: str) -> Attempt | None:
        """The attempt whose checks carry that username fragment; None if there is none."""
        packed = self._first.get(username) or self._latest.get(username)
        if packed is None or self._own is None:
            return None
        role, identity = self._own
        secret, fingerprint, transcript, port, media = _KEPT.unpack(packed)
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
        """Drop an attempt. Does nothing if it isn't kept."""
        for attempts in (self._first, self._latest):
            attempts.pop(attempt.username, None)

    def clear(self) -> None:
        """Drop all attempts."""
        self._first.clear()
        self._latest.clear()
