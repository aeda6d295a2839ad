"""The path to the other side of a call: one socket, the legs that are tried on it, dialling again when one is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from peer.calls.attempts import Attempt
from peer.calls.call_socket import CallSockets
from peer.calls.dialling import Dialling
from peer.calls.limits import LOSSES
from peer.calls.redial import Redialling
from peer.calls.session_events import AttemptFailed, Broke, Connected, Kept, MediaAgreed, SessionEvent
from peer.calls.session_parts import follow_overlay
from peer.transport.leg import Leg
from shared.call.events import PathLost, PathRestored
from shared.call.records import RunningCall
from shared.errors import LegFailed
from shared.media import Media
from shared.node_id import NodeId
from shared.rate import Bucket
from shared.secrets.handshake import Role, redial_secret

LOST_TOO_OFTEN = "The connection was lost again and again."


class CallPath:
    """The path of one call with our own program."""

    def __init__(
        self,
        sockets: CallSockets,
        peer: NodeId,
        role: Role,
        rejoined: RunningCall | None,
        *,
        carry: Callable[[Leg, Attempt], Awaitable[None]],
        media: Callable[[], Media],
        keep: Callable[[Kept], Awaitable[None]],
        tell: Callable[[SessionEvent], None],
    ) -> None:
        """`carry` gets the leg that connected, and returns when that is lost.

        `media` returns what the call carries now. `rejoined`, `keep` and `tell` see Session.
        """
        self.socket = sockets.to(peer, self._stray_check, rejoined.port if rejoined else 0)
        self.socket.path_lost(rejoined is not None)
        self.dialling = Dialling(self.socket, carry=carry, failed=lambda error: tell(AttemptFailed(error)))
        self.redialling = Redialling(
            role,
            self.socket,
            self.dialling,
            media=media,
            keep=keep,
            failed=lambda error: tell(Broke(error)),
            rejoined=rejoined,
        )
        self._losses = Bucket(LOSSES)
        self._tell = tell

    @property
    def leg(self) -> Leg | None:
        """The leg that is connected now."""
        return self.dialling.leg

    @property
    def ports(self) -> tuple[int, int]:
        """The UDP ports of both sides, ours first; 0 for one that isn't known yet."""
        return self.socket.port, self.redialling.remote_port

    @property
    def begun(self) -> bool:
        """Whether a leg of this call was up before."""
        return self.redialling.begun

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run attempts as tasks of that group from now on."""
        self.dialling.start(group)

    async def follow_overlay(self) -> None:
        """Move the socket with the overlay, until cancelled."""
        await follow_overlay(self.socket, self.dialling.check_again, self._tell)

    async def overtaken(self) -> None:
        """Wait until a check shows that the other side has lost the leg."""
        await self.redialling.overtaken.wait()

    def connected(self, leg: Leg, attempt: Attempt) -> tuple[Kept, ...]:
        """Note that a leg has just connected. Returns what has to be kept of it, in that order."""
        self.socket.path_lost(False)
        self.redialling.connected(leg.remote_address[1] if leg.remote_address is not None else None)
        if self.begun:
            return (PathRestored(),)
        secret = redial_secret(attempt.handshake.secret, leg.exported)
        self.redialling.begin(secret)
        return MediaAgreed(attempt.media), Connected(secret, leg.first_heard)

    async def lose(self) -> None:
        """The leg is lost: close it, and report that. A path that is lost too often ends the call."""
        self.socket.path_lost(True)
        await self.dialling.lose()
        self._tell(PathLost() if self._losses.takes(time.monotonic()) else Broke(LegFailed(LOST_TOO_OFTEN)))

    async def stop(self) -> None:
        """Cancel all attempts, including the one whose leg carries the call. The legs stay open until `close`."""
        if stopped := self.dialling.stop():
            await asyncio.wait(stopped)

    async def close(self, *, linger: bool) -> None:
        """Close every leg and the socket, as far as they are open; `linger` see CallSocket.close."""
        try:
            await self.dialling.close()
        finally:
            await self.socket.close(linger=linger)

    def _stray_check(self, username: str, made_with: Callable[[str], bool]) -> bool:
        return self.dialling.prove(username, made_with) or self.redialling.heard(username, made_with)
