"""Opens links with what this node knows: its id, its keys, its pair secrets. Opening marks nothing as used."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from peer.calls.call_link import CallLink
from peer.calls.moves import MovedLink
from shared.links.introduced import introduced_node, introduced_secret
from shared.links.kinds import BadLink, Card, MovedToken, PairedToken, Request, Response, SealedRequest, decode
from shared.links.moved import MoveKeys
from shared.links.paired import Keyring, OpenedToken, Operation, PairedBody, reference_of
from shared.links.sealed import open_request
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store


@dataclass(frozen=True, slots=True)
class SaidLink:
    """A link by which a contact says something about a call: it rings, is declined, is taken back, and so on."""

    source: NodeId
    said: PairedBody
    raw: bytes
    secret: bytes = field(repr=False)
    proven: bool
    "As in CallLink."


class OwnLink(msgspec.Struct, frozen=True):
    """A link that this node wrote."""


Opened: TypeAlias = CallLink | SaidLink | MovedLink | Response | Card | OwnLink


class LinkReader:
    """Opens links for one node."""

    def __init__(self, own: NodeId, store: Store, sealing_key: X25519PrivateKey) -> None:
        self.own = own
        self._store = store
        self._sealing_key = sealing_key
        self._keyring: Keyring | None = None
        self._move_keys: tuple[tuple[int, int], MoveKeys] | None = None
        "The keys for notices of a new node id, and the revision of the store that they are of; None until one comes."

        self._revision: tuple[int, int] | None = None

    def open(self, token: str) -> Opened:
        """Open a token that was read in a chat.

        Raises BadLink: MALFORMED; WRONG_VERSION; NOT_FOR_THIS_NODE for a request to another node; UNKNOWN_CALLER for a
        paired link that none of our secrets opens; ALREADY_USED if none opens it any more, because it was used before.
        """
        link = decode(token)
        raw = link.encode()
        if self._store.link_seen(raw) == "ours":
            return OwnLink()
        match link:
            case Request():
                return self._request(link, raw, self.own, sealed=False)
            case SealedRequest():
                return self._request(open_request(link, self._sealing_key, self.own), raw, self.own, sealed=True)
            case PairedToken():
                return self._paired(link)
            case MovedToken():
                return self._moved(link)
            case Response() | Card():
                return link

    def open_introduced(self, token: str, node: NodeId, conversation: bytes) -> Opened:
        """Open a token that `node` has written for an introduction into a conversation (16 bytes).

        There, links that begin a call are bound to the conversation; all others are as they are in a chat. Raises as
        `open` does.
        """
        link = decode(token)
        raw = link.encode()
        whom = introduced_node(self.own, conversation)
        match link:
            case Request():
                return self._request(link, raw, whom, sealed=False)
            case SealedRequest():
                return self._request(open_request(link, self._sealing_key, self.own), raw, whom, sealed=True)
            case PairedToken():
                for secret in (secret for each, secret in self._store.readable_secrets() if each == node):
                    keys = Keyring(self.own, [(node, introduced_secret(secret, conversation))])
                    if (opened := keys.open(link)) is not None:
                        return self._said(link, replace(opened, secret=secret))
        opened_elsewhere = self.open(token)
        if isinstance(opened_elsewhere, CallLink):  # it was written for a chat
            raise BadLink(Reason.NOT_FOR_THIS_NODE)
        return opened_elsewhere

    def _request(self, request: Request, raw: bytes, whom: NodeId, *, sealed: bool) -> Opened:
        if request.source == self.own:
            return OwnLink()
        if not request.is_for(whom):
            raise BadLink(Reason.NOT_FOR_THIS_NODE)
        return CallLink(
            peer=request.source,
            media=request.media,
            created=request.created,
            port=request.port,
            raw=raw,
            reference=reference_of(request),
            request=request,
            sealed=sealed,
            keyed=self._store.keyed(request.source),
        )

    def _paired(self, token: PairedToken) -> Opened:
        opened = self._keys().open(token)
        if opened is None:
            # The secret of a link that was used may be gone since: each call brings a new one.
            used = self._store.link_seen(token.raw) == "used"
            raise BadLink(Reason.ALREADY_USED if used else Reason.UNKNOWN_CALLER)
        return self._said(token, opened)

    def _said(self, token: PairedToken, opened: OpenedToken) -> Opened:
        body = opened.paired
        proven = self._store.proves(opened.node, opened.secret)
        if body.operation is not Operation.CALL:
            return SaidLink(opened.node, body, token.raw, opened.secret, proven)
        return CallLink(
            peer=opened.node,
            media=body.media,
            created=body.created,
            port=body.port,
            raw=token.raw,
            reference=reference_of(token),
            token=token,
            secret=opened.secret,
            chain=self._store.chain_of(opened.node, opened.secret),
            proven=proven,
            keyed=True,
        )

    def _moved(self, token: MovedToken) -> MovedLink:
        revision, known = self._store.revision(), self._move_keys
        if known is None or known[0] != revision:
            self._move_keys = known = revision, MoveKeys(self._store.readable_secrets(), known[1] if known else None)
        opened = known[1].open(token)
        if opened is None:
            raise BadLink(Reason.UNKNOWN_CALLER)
        proven = self._store.proves(opened.before, opened.secret)
        return MovedLink(opened.before, opened.node, opened.created, opened.secret, proven)

    def _keys(self) -> Keyring:
        """The keyring. It is built again only when the store has changed."""
        revision = self._store.revision()
        if self._keyring is None or revision != self._revision:
            self._keyring = Keyring(self.own, self._store.readable_secrets(), self._keyring)
            self._revision = revision
        return self._keyring
