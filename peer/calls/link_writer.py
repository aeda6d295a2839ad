"""Makes the links that a line writes, marks them as our own so that we never act on them, and posts them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_records import begun
from peer.calls.news import CallListeners, Posted
from peer.calls.together_news import LinkForIntroduced
from shared.links import paired
from shared.links.introduced import introduced_node, introduced_secret
from shared.links.kinds import LONGEST_LIFETIME, MAX_CLOCK_AHEAD, Request, Response, Status
from shared.links.paired import Operation, reference_of
from shared.links.sealed import seal_request
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from shared.store import Store, StoreThread
from shared.store.secrets import NO_CHAIN


def unwritten(store: Store, node: NodeId, media: Media, now: int, *, with_secret: bool = True) -> CallLink:
    """What is known of our link to a node before it is written; `now` is in Unix seconds.

    It will be sealed with the secret that we share with a contact, unless it is to have none. Raises StoreError.
    """
    contact = store.contact_of(node) is not None
    secret = store.writable_secret(node) if contact and with_secret else None
    return CallLink(
        node,
        media,
        now,
        secret=secret,
        chain=store.chain_of(node, secret) if secret is not None else NO_CHAIN,
        proven=secret is not None,
        keyed=contact and store.keyed(node),
    )


class LinkWriter:
    """Writes links in the name of one node."""

    def __init__(self, own: NodeId, writes: StoreThread, listeners: CallListeners, clock: Callable[[], float]) -> None:
        """`listeners` put links into the chat. `clock` is the time in Unix seconds."""
        self._own = own
        self._writes = writes
        self._listeners = listeners
        self._clock = clock

    def request(self, line: Line, port: int) -> str:
        """Make the link that begins our call, with our UDP port in it, and return its token. The call is named by it.

        It isn't posted yet, because we have to listen first: its reader may answer at once.
        """
        link, contact = line.link, line.first_contact
        secret, destination = link.secret, link.peer
        if line.shown.introduced:
            secret = secret and introduced_secret(secret, line.together)
            destination = introduced_node(destination, line.together)
        if secret is not None:
            body = paired.PairedBody(Operation.CALL, link.media, link.created, port)
            token = paired.seal(
                body, secret=secret, source=self._own, destination=link.peer, nonce=secrets.token_bytes(12)
            )
            line.written(replace(link, port=port, raw=token.raw, reference=reference_of(token), token=token))
            return token.token
        request = Request.to(
            destination,
            media=link.media,
            created=link.created,
            seed=secrets.token_bytes(16),
            source=self._own,
            fingerprint=contact.identity.fingerprint,
            port=port,
        )
        sealing_key = contact.sealing_key
        posted = seal_request(request, sealing_key, link.peer) if sealing_key else request
        line.written(
            replace(
                link,
                port=port,
                raw=posted.encode(),
                reference=reference_of(request),
                request=request,
                sealed=sealing_key is not None,
            )
        )
        return posted.token

    def response(self, line: Line, port: int) -> Response:
        """Make the response that accepts the request of a first contact, with our UDP port in it.

        It isn't posted yet.
        """
        assert line.link.request is not None
        line.first_contact.answer = Response.accepting(
            line.link.request,
            media=line.media,
            seed=secrets.token_bytes(8),
            fingerprint=line.first_contact.identity.fingerprint,
            port=port,
        )
        return line.first_contact.answer

    async def post(self, line: Line, token: str, raw: bytes) -> None:
        """Put a link, as token and as bytes, into the line's chat. Raises StoreError."""
        until = line.expires + MAX_CLOCK_AHEAD
        first = line.foreign is not None or raw == line.link.raw
        begins = line.call.role is Role.CALLER and first and not line.shown.provisional
        call = begun(line.link, Role.CALLER, line.chat, line.shown) if begins else None

        def use(store: Store) -> None:
            store.use_link(raw, ours=True, expires=until)
            if call is not None:
                store.save_call(call)

        await self._writes.write(use)
        self._listeners.need(line, LinkForIntroduced(token) if line.shown.introduced else Posted(token))
        if line.foreign is not None:
            line.foreign.posted.set()

    async def refuse(self, line: Line, status: Status, operation: Operation) -> None:
        """Post a refusal: `status` in a first contact, `operation` between contacts. Raises StoreError."""
        if line.link.request is None:
            await self.say(line, operation)
        else:
            refusal = Response.refusing(line.link.request, status)
            await self.post(line, refusal.token, refusal.encode())

    async def out_of_time(self, link: CallLink) -> str:
        """Make the reply to a contact whose proven link, by our clock, is from another time; return its token.

        It is a refusal with media in it, which no other refusal has. The caller compares its time with their own clock.
        It isn't posted yet. Raises StoreError.
        """
        assert link.secret is not None
        body = paired.PairedBody(Operation.DECLINE, Media.BOTH, int(self._clock()), reference=link.reference)
        token = paired.seal(
            body, secret=link.secret, source=self._own, destination=link.peer, nonce=secrets.token_bytes(12)
        )
        until = body.created + LONGEST_LIFETIME
        await self._writes.write(lambda store: store.use_link(token.raw, ours=True, expires=until))
        return token.token

    async def say(self, line: Line, operation: Operation) -> None:
        """Post a link about a call whose two sides share a key, if only one from the call itself. Raises StoreError."""
        opened = line.link.secret or line.connection.agreed_secret
        secret = opened if opened is not None and not line.proven else None
        secret = secret or self._writes.store.writable_secret(line.peer) or opened
        if secret is None:
            return  # a first contact that got no key; or the contact was removed, and the program was restarted
        body = paired.PairedBody(operation, Media.NONE, int(self._clock()), reference=line.link.reference)
        token = paired.seal(body, secret=secret, source=self._own, destination=line.peer, nonce=secrets.token_bytes(12))
        await self.post(line, token.token, token.raw)
