"""The control messages that both sides exchange over one leg: hello, pairing, pings, text, goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from hmac import compare_digest

from peer.calls.extensions import Extensions
from peer.calls.limits import MOST_SHOWN, Limiter
from peer.calls.session_events import Committed, HelloHeard, Kept, Proposed, RemoteAnsweredAlone, SessionEvent
from peer.transport.control import ControlChannel
from peer.transport.leg import Leg
from shared.asleep import asleep
from shared.call.events import RemoteBye, RemoteHeld, RemoteResumed
from shared.errors import RemoteFlood, RemoteProtocolError, StoreError
from shared.media import Media
from shared.messages import (
    Bye,
    Hello,
    JoinAnswer,
    JoinAsk,
    JoinLink,
    JoinNode,
    JoinOver,
    MediaState,
    Members,
    Message,
    OnHold,
    PairConfirm,
    PairKept,
    PairKey,
    PairSeal,
    Ping,
    Pong,
    Text,
    Unknown,
)
from shared.secrets.handshake import Role
from shared.secrets.pairing import Commit, PairEffect, Pairing, Propose, kept_mac

logger = logging.getLogger(__name__)

PING_SECONDS = 1.0

SILENCE_SECONDS = 6.0
"If nothing authenticated comes from the other side for this long, the path counts as lost."

CATCH_UP_SECONDS = 10.0
"How long we go on acting on messages that came before the leg was closed."

BYE_SECONDS = 3.0
"How long we wait for a goodbye to be acknowledged: a busy machine on the other side takes its time."


class Conversation:
    """All control messages over one leg."""

    def __init__(
        self,
        leg: Leg,
        role: Role,
        transcript: bytes,
        *,
        again: bool,
        agreed_secret: bytes | None,
        limiter: Limiter,
        tell: Callable[[SessionEvent], None],
        keep: Callable[[Kept], Awaitable[None]],
        agree_media: Callable[[Media], Awaitable[None]],
        held: Callable[[], Sequence[bytes]],
        extensions: Extensions,
    ) -> None:
        """`transcript` (32 bytes) is what pairing on this leg is bound to.

        `again`: the leg was dialled after a lost path; `agreed_secret` is then the pair secret (32 bytes) that was
        agreed on earlier in the call, if one was. `limiter` counts the messages of the whole call.

        `tell`, `keep` and `held` are the session's, see Session. `agree_media` is awaited with the media that the other
        side wants.
        """
        self.round_trip: float | None = None
        "How long the last ping and its answer took, in seconds."

        self.agreed_secret = agreed_secret
        "32 bytes: the pair secret that was agreed on in this call, once it is kept; None: none was."

        self.remote_left = False
        "The other side has said goodbye."

        self._leg = leg
        self._role = role
        self._transcript = transcript
        self._again = again
        self._pairing: Pairing | None = None
        "None until it begins: at once on the first leg, on a later leg only if one side has no new secret yet."

        self._limiter = limiter
        self._tell = tell
        self._keep = keep
        self._agree_media = agree_media
        self._held = held
        self._shown: list[bytes] = []
        "The secrets of earlier calls that the other side has shown on this leg."

        self._committed: bytes | None = None
        "The pair secret that the other side has shown on this leg to have stored."

        self._extensions = extensions
        self._pings: dict[int, float] = {}
        self._acting = False
        "Whether a message is being acted on."

        self._acted = asyncio.Event()

    @property
    def unpaired(self) -> bool:
        """Whether this leg was dialled after a lost path, and the call has brought no new pair secret yet."""
        return self._again and self.agreed_secret is None

    async def run(self) -> None:
        """Act on messages until the channel ends. After a goodbye, wait to be cancelled.

        Raises RemoteProtocolError; RemoteFlood for more messages than peer/calls/limits.py allows; and what `keep`
        raises.
        """
        if not self._again:
            await self._begin_pairing()
        elif self.agreed_secret is not None:
            # The path may have been lost after we stored it and before the other side heard of that.
            self._leg.control.send(PairKept(kept_mac(self._role, self.agreed_secret, self._leg.exported)))
        async for message in self._leg.control:
            if not self._limiter.takes(message, time.monotonic()):
                raise RemoteFlood
            self._acting = True
            await self._received(message)
            self._acting = False
            self._acted.set()

    async def _received(self, message: Message | Unknown) -> None:
        match message:
            case Hello():
                self._extensions.greeted(message)
                if message.automatic and self._role is Role.CALLER:
                    await self._keep(RemoteAnsweredAlone())
                self._holds(message.on_hold)
                self._tell(HelloHeard(message.conversations))
                await self._agree_media(Media(message.media) & Media.BOTH)
                if message.unpaired and self._limiter.pairs_again(time.monotonic()):
                    await self._begin_pairing()
            case PairKey() | PairSeal() | PairConfirm() if self._pairing is not None or self.unpaired:
                pairing = await self._begin_pairing()
                await self._pair(pairing, pairing.receive(message))
            case PairKept():
                await self._other_has_kept(message)
            case MediaState() | Text():
                self._tell(message)
            case JoinAsk() | JoinAnswer() | JoinOver() | JoinNode() | JoinLink() | Members():
                self._tell(message)
            case OnHold():
                self._holds(message.on)
            case Ping():
                self._leg.control.send(Pong(message.id))
            case Pong():
                if (sent := self._pings.pop(message.id, None)) is not None:
                    self.round_trip = time.monotonic() - sent
            case Bye():
                self.remote_left = True
                self._tell(RemoteBye())
                await asyncio.Event().wait()  # until the session is ended; the leg is of no more use
            case Unknown():
                pass
            case _ if not self._extensions.received(message):
                raise RemoteProtocolError("The other side sent a message that has no place in this call.")

    async def _other_has_kept(self, message: PairKept) -> None:
        agreed = self.agreed_secret
        if agreed is not None and agreed != self._committed and self._is_shown(agreed, message):
            self._committed = agreed
            await self._store(Committed(agreed))
        new = [secret for secret in self._held() if secret not in self._shown]
        self._shown += [secret for secret in new if self._is_shown(secret, message)]

    def _is_shown(self, secret: bytes, message: PairKept) -> bool:
        return compare_digest(kept_mac(self._role.other, secret, self._leg.exported), message.mac)

    def _show_held(self) -> None:
        """Show the other side that we have the secrets of earlier calls, by a MAC under each.

        If a confirmation got lost, the other side may hold one of them as our key while we don't know that it counts.
        The number of MACs is always the same, so it doesn't tell how many secrets there are.
        """
        macs = [kept_mac(self._role, secret, self._leg.exported) for secret in self._held()[:MOST_SHOWN]]
        for mac in (*macs, *(secrets.token_bytes(32) for _ in range(MOST_SHOWN - len(macs)))):
            self._leg.control.send(PairKept(mac))

    def _holds(self, on: bool) -> None:
        self._tell(RemoteHeld() if on else RemoteResumed())

    async def _begin_pairing(self) -> Pairing:
        """The pairing on this leg; begin it if it hasn't begun."""
        if self._pairing is None:
            self._show_held()  # before the other side decides whether what is agreed now is proven
            self._pairing = Pairing(self._role, self._transcript)
            await self._pair(self._pairing, self._pairing.start())
        return self._pairing

    async def _pair(self, pairing: Pairing, effects: Sequence[PairEffect]) -> None:
        for effect in effects:
            match effect:
                case Propose():
                    if not await self._store(Proposed(effect.secret, pairing.phrase or "", tuple(self._shown))):
                        return  # the other side must not write with it
                    self.agreed_secret = effect.secret
                case Commit():
                    if self.agreed_secret == effect.secret:
                        await self._store(Committed(effect.secret))
                case _:
                    self._leg.control.send(effect)

    async def _store(self, event: Proposed | Committed) -> bool:
        """Keep a secret; returns whether that has worked.

        If not, for a full disk, the call goes on without it, and the next call agrees on another.
        """
        try:
            await self._keep(event)
        except StoreError as error:
            logger.warning("a new pair secret can't be kept: %s", error.sentence)
            return False
        return True

    async def _catch_up(self) -> None:
        """Wait until all messages that came before the leg was lost are acted on.

        There may be a goodbye among them, behind a slow disk.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while self._acting or self._leg.control.unread:
                    self._acted.clear()
                    await self._acted.wait()

    async def ping_until_silence(self) -> None:
        """Ping the other side every PING_SECONDS. Returns when the path counts as lost.

        That is so when the leg is closed, when nothing was heard for SILENCE_SECONDS, and when this machine has slept
        for that long: meanwhile the other side heard nothing from us.
        """
        awake = asleep()
        for number in itertools.count():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._leg.closed.wait()
            silent = time.monotonic() - (self._leg.last_heard or 0.0)
            if self._leg.closed.is_set() or max(silent, asleep() - awake) > SILENCE_SECONDS:
                await self._catch_up()
                return
            self._pings = {number: time.monotonic()}
            self._leg.control.send(Ping(number))


async def say_goodbye(control: ControlChannel, reason: str) -> bool:
    """Say goodbye and wait, at most BYE_SECONDS, for its acknowledgement; returns whether it came."""
    control.send(Bye(reason))
    try:
        async with asyncio.timeout(BYE_SECONDS):
            return await control.drain()
    except TimeoutError:
        return False
