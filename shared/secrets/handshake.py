"""Derives everything that one leg of a call needs from the secrets in links. Pure: the same in, the same out.

Each call has one *call secret*. What a leg uses is derived from it, from the side's role, and from the *epoch*: 0 when
the call is set up, and one more each time the two sides dial each other again. docs/protocol.md lists every label.
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
    """Which side of a call we are. Derivation labels contain the value."""

    CALLER = "caller"
    CALLEE = "callee"

    @property
    def other(self) -> Role:
        """The role of the other side."""
        return Role.CALLEE if self is Role.CALLER else Role.CALLER


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """What one side puts into its connectivity checks (RFC 8445, section 5.3), in base64 because ICE allows only
    letters, digits, `+` and `/`."""

    username: str
    "8 characters, 48 bits; travels in the clear."

    password: str = field(repr=False)
    "24 characters, 144 bits."

    @classmethod
    def of(cls, material: bytes) -> IceCredentials:
        """Write 24 derived bytes as a pair: 6 for the username, 18 for the password."""
        return cls(base64.b64encode(material[:6]).decode(), base64.b64encode(material[6:24]).decode())


@dataclass(frozen=True, slots=True)
class Handshake:
    """All that one leg needs to connect to exactly one other side."""

    role: Role
    local_ice: IceCredentials
    remote_ice: IceCredentials
    identity: DtlsIdentity
    "Our own key and certificate."

    remote_pin: Pin
    "What the other side's certificate must be, or which key it must hold."

    secret: bytes = field(repr=False)
    "32 bytes, the call secret."

    @property
    def pins(self) -> tuple[bytes, bytes]:
        """The 32-byte pins of both sides, the caller's first, of the kind this leg uses; pairing is bound to them."""
        by_certificate = isinstance(self.remote_pin, Fingerprint)
        local = self.identity.fingerprint if by_certificate else self.identity.public_pin
        remote = self.remote_pin.sha256
        return (local, remote) if self.role is Role.CALLER else (remote, local)


def first_contact(
    role: Role, request: Request, response: Response, identity: DtlsIdentity, destination: NodeId
) -> Handshake:
    """The handshake of a first contact.

    The credentials are derived from the seeds in both links; the certificates are random, and pinned by fingerprint.
    `identity` is our own, made before our link was. `destination` is the callee; the request has only a hint of it.

    Both links are mixed in as a whole, so that changing a byte of either gives credentials with which no check can
    pass. Raises LocalProtocolError for a response that doesn't accept this request, and for an identity other than the
    one that our link announced.
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

    Everything is derived from the pair secret (32 bytes) and the nonce of the one link. `source` calls `destination`.
    `token` is the link, `secret` the pair secret that opened or sealed it.
    """
    call_secret = hkdf(secret, salt=token.nonce, info=b"copybara/1 one link" + source.key + destination.key)
    return epoch(call_secret, 0, role)


def epoch(secret: bytes, number: int, role: Role) -> Handshake:
    """The handshake of one epoch of a call: credentials and certificates of both sides from its secret (32 bytes).

    Reconnection counts from 1 and starts from `redial_secret`. Raises LocalProtocolError for a number outside
    0..2**32-1.
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
    """The ICE credentials in an epoch's checks *to* the side in `role`.

    They suffice to tell which epoch the other side is at.
    """
    return _ice(secret, number, role)


def redial_secret(secret: bytes, exported: bytes) -> bytes:
    """The secret of all later epochs: the call secret and 32 bytes exported from the first leg's DTLS (RFC 5705).

    The seeds of a first contact were readable in the chat, and a pair secret may leak later; what DTLS agreed on was
    never written anywhere, so only the two that were connected can dial again.
    """
    return hkdf(secret, salt=exported, info=b"copybara/1 redial")


def _ice(secret: bytes, number: int, role: Role) -> IceCredentials:
    return IceCredentials.of(hkdf(secret, info=_label("ice", role, number), length=24))


def _dtls(secret: bytes, number: int, role: Role) -> bytes:
    return hkdf(secret, info=_label("dtls", role, number), length=DERIVATION_BYTES)


def _label(purpose: str, role: Role, number: int) -> bytes:
    return f"copybara/1 {purpose} {role}".encode() + number.to_bytes(4, "big")
