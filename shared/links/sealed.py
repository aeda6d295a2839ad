"""A first-contact request that only the holder of a contact card's key can read: HPKE, RFC 9180, base mode."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.links.kinds import BadLink, LinkKind, Request, SealedRequest
from shared.node_id import NodeId
from shared.reasons import Reason

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


def seal_request(request: Request, card_key: bytes, destination: NodeId) -> SealedRequest:
    """Seal a request to the 32-byte X25519 key of the destination's card.

    Raises BadLink(MALFORMED) if nothing can be sealed to the key, because of its length or its low order.
    """
    try:
        sealed = _SUITE.encrypt(request.encode(), X25519PublicKey.from_public_bytes(card_key), info=_info(destination))
    except ValueError:
        raise BadLink(Reason.MALFORMED) from None
    return SealedRequest(bytes([LinkKind.SEALED.first_byte]) + sealed)


def open_request(sealed: SealedRequest, key: X25519PrivateKey, own: NodeId) -> Request:
    """Open a sealed request with the private key of our card.

    Raises BadLink: NOT_FOR_THIS_NODE if it was sealed to another key or node or has been changed, and the errors of
    `Request.decode` if it contains no request.
    """
    try:
        opened = _SUITE.decrypt(sealed.raw[1:], key, info=_info(own))
    except InvalidTag:
        raise BadLink(Reason.NOT_FOR_THIS_NODE) from None
    return Request.decode(opened)


def _info(destination: NodeId) -> bytes:
    return b"copybara/1 sealed request" + destination.key
