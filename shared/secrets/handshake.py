"""Derives everything that one leg of a call needs from the secrets in links. Pure: same input, same output.

Each call has one *call secret*. The values for a leg are derived from it, from the side's role, and from the *epoch*: 0
when the call is set up, and one more each time the two sides dial each other again. docs/protocol.md lists every label.
"""

from __future__ import annotations

import base64
import enum
import hashlib
from dataclasses import dataclass, field

from shared.errors import LocalProtocolError
from shared.hkdf import hkdf
from shared.links.kinds import PairedToken, Request, Response, Status
from shared.node_id import NodeId
from shared.secrets.identity import DERIVATION_BYTES, DtlsIdentity, Fingerprint, Pin, PublicKeyPin

LAST_EPOCH = 2**32 - 1


class Role(enum.StrEnum):
    """Our side of a call. The value is part of derivation labels."""

    CALLER = "caller"
    CALLEE = "callee"

    @property
    def other(self) -> Role:
        """The role of the other side."""
        return Role.CALLEE if self is Role.CALLER else Role.CALLER


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """One side's credentials for connectivity checks (RFC 8445, section 5.3).

    They are base64, because ICE allows only letters, digits, `+` and `/`.
    """

    username: str
    "8 characters, 48 bits. It travels unencrypted."

    password: str = field(repr=False)
    "24 characters, 144 bits."

    @classmethod
    def of(cls, material: bytes) -> IceCredentials:
        """Turn 24 derived bytes into credentials: 6 bytes for the username, 18 for the password."""
        return cls(base64.b64encode(material[:6]).decode(), base64.b64encode(material[6:24]).decode())


@dataclass(frozen=True, slots=True)
class Handshake:
    """Everything with which one leg connects to exactly one other side."""

    role: Role
    local_ice: IceCredentials
    remote_ice: IceCredentials
    identity: DtlsIdentity
    "Our own key and certificate."

    remote_pin: Pin
    "The other side's certificate or key, pinned."

    secret: bytes = field(repr=False)
    "The call secret, 32 bytes."

    @property
    def pins(self) -> tuple[bytes, bytes]:
        """The 32-byte pins of both sides, the caller's first.

        They are of this leg's kind, and pairing is bound to them.
        """
        by_certificate = isinstance(self.remote_pin, Fingerprint)
        local = self.identity.fingerprint if by_certificate else self.identity.public_pin
        remote = self.remote_pin.sha256
        return (local, remote) if self.role is Role.CALLER else (remote, local)


def first_contact(
    role: Role, request: Request, response: Response, identity: DtlsIdentity, destination: NodeId
) -> Handshake:
    """The handshake of a first contact.

    The credentials are derived from the seeds in both links. The certificates are random, and pinned by fingerprint.
    `identity` is our own, made before our link. `destination` is the callee; the request has only a hint of it.

    Both links are part of the derivation as a whole: if a byte of either changes, no check can pass. Raises
    LocalProtocolError if the response doesn't accept this request, or if `identity` isn't the one in our link.
    """
    if response.status is not Status.ACCEPT or not response.answers(request):
        raise LocalProtocolError("A response that doesn't accept the request connects nothing.")
    announced = {Role.CALLER: request.fingerprint, Role.CALLEE: response.fingerprint}
    if identity.fingerprint != announced[role]:
        raise LocalProtocolError("The link announced another certificate than the one at hand.")
    secret = hkdf(
        request.seed + response.seed,
        salt=request.digest,
        info=b"copybara/1 first contact" + destination.key + hashlib.sha256(response.encode()).digest(),
    )
    return Handshake(
        role=role,
        local_ice=_ice(secret, 0, role),
        remote_ice=_ice(secret, 0, role.other),
        identity=identity,
        remote_pin=Fingerprint(announced[role.other]),
        secret=secret,
    )


def one_link(role: Role, token: PairedToken, *, secret: bytes, source: NodeId, destination: NodeId) -> Handshake:
    """The handshake of a call between contacts.

    Everything is derived from the pair secret (32 bytes) and the nonce of the single link. `source` calls
    `destination`. `token` is the link, and `secret` the pair secret that opened or sealed it.
    """
    call_secret = hkdf(secret, salt=token.nonce, info=b"copybara/1 one link" + source.key + destination.key)
    return epoch(call_secret, 0, role)


def epoch(secret: bytes, number: int, role: Role) -> Handshake:
    """The handshake of one epoch of a call: both sides' credentials and certificates, from its secret (32 bytes).

    Reconnections count from 1 and use `redial_secret`. Raises LocalProtocolError for a number outside 0..2**32-1.
    """
    if not 0 <= number <= LAST_EPOCH:
        raise LocalProtocolError("A call can't be dialled again that often.")
    return Handshake(
        role=role,
        local_ice=_ice(secret, number, role),
        remote_ice=_ice(secret, number, role.other),
        identity=DtlsIdentity.derived(_dtls(secret, number, role)),
        remote_pin=PublicKeyPin.derived(_dtls(secret, number, role.other)),
        secret=secret,
    )


def epoch_credentials(secret: bytes, number: int, role: Role) -> IceCredentials:
    """The ICE credentials of checks *to* the side in `role` in an epoch.

    They are enough to find out which epoch the other side is in.
    """
    return _ice(secret, number, role)


def redial_secret(secret: bytes, exported: bytes) -> bytes:
    """The secret of all later epochs, from the call secret and 32 bytes exported from the first leg's DTLS (RFC 5705).

    The seeds of a first contact were readable in the chat, and a pair secret may leak later. The exported bytes were
    never written anywhere, so only the two sides that were connected can dial each other again.
    """
    return hkdf(secret, salt=exported, info=b"copybara/1 redial")


def _ice(secret: bytes, number: int, role: Role) -> IceCredentials:
    return IceCredentials.of(hkdf(secret, info=_label("ice", role, number), length=24))


def _dtls(secret: bytes, number: int, role: Role) -> bytes:
    return hkdf(secret, info=_label("dtls", role, number), length=DERIVATION_BYTES)


def _label(purpose: str, role: Role, number: int) -> bytes:
    return f"copybara/1 {purpose} {role}".encode() + number.to_bytes(4, "big")
