"""The notice of a new node id. A contact writes it whose node has a new key.

It is sealed with the pair secret, so only the contact can have written it. It isn't bound to the old node id, which may
be lost. Calling the new node shows that it is the contact's, because the overlay delivers to no other node.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from shared.errors import NodeIdError
from shared.hkdf import hkdf
from shared.links.kinds import MovedToken
from shared.links.tokens import BadLink, LinkKind
from shared.node_id import NodeId
from shared.reasons import Reason

_BODY = struct.Struct(">32sI")
_LABEL = b"copybara/1 moved"
_FIRST_BYTE = bytes([LinkKind.MOVED.first_byte])
_ASSOCIATED = _LABEL + _FIRST_BYTE


def seal_move(node: NodeId, created: int, *, secret: bytes, nonce: bytes) -> MovedToken:
    """Write that our node is now `node`. We share `secret` (32 bytes) with the reader.

    `created` is in Unix seconds, and `nonce` is 12 fresh random bytes. Key: HKDF-SHA256(secret, no salt, "copybara/1
    moved"). Associated data: the same label, and the token's first byte.
    """
    return MovedToken(_FIRST_BYTE + nonce + _aead(secret).encrypt(nonce, _BODY.pack(node.key, created), _ASSOCIATED))


@dataclass(frozen=True, slots=True)
class OpenedMove:
    """A notice that one of the secrets has opened."""

    before: NodeId
    "The contact's node until now, to which the secret belongs."

    node: NodeId
    "The contact's new node, according to the notice."

    created: int
    "Unix seconds."

    secret: bytes = field(repr=False)
    "The pair secret that opened it, 32 bytes."


class MoveKeys:
    """All keys with which a node reads notices, derived once."""

    def __init__(self, secrets: Iterable[tuple[NodeId, bytes]], before: MoveKeys | None = None) -> None:
        """Derive the keys of the pair secrets (32 bytes) of each contact. Keys in `before` aren't derived again."""
        known: dict[tuple[NodeId, bytes], ChaCha20Poly1305] = before._keys if before is not None else {}
        self._keys: dict[tuple[NodeId, bytes], ChaCha20Poly1305] = {
            (node, secret): known.get((node, secret)) or _aead(secret) for node, secret in secrets
        }

    def open(self, token: MovedToken) -> OpenedMove | None:
        """Find the contact that wrote a notice. None if no key opens it.

        Raises BadLink(MALFORMED) if a key opens it, but it has no valid node id.
        """
        for (before, secret), key in self._keys.items():
            try:
                key_bytes, created = _BODY.unpack(key.decrypt(token.nonce, token.sealed, _ASSOCIATED))
            except InvalidTag:
                continue
            try:
                return OpenedMove(before, NodeId(key_bytes), created, secret)
            except NodeIdError:
                raise BadLink(Reason.MALFORMED) from None
        return None


def _aead(secret: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(hkdf(secret, info=_LABEL))
