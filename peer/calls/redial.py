"""Dials a lost path again: one epoch after the other, until a leg of one of them is up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from peer.calls.attempts import Attempt
from peer.calls.call_socket import PACE_SECONDS, CallSocket
from peer.calls.dialling import Dialling
from peer.calls.epochs import Epochs, HeardEpoch
from peer.calls.session_events import Dials
from shared.call.records import RunningCall
from shared.errors import CopybaraError
from shared.media import Media
from shared.secrets.handshake import Role
from shared.secrets.pairing import transcript_again

REDIAL_SECONDS = 60.0
"How long a lost path is dialled again."


class Redialling:
    """Redialling for one call. Nothing is dialled before `begin`, unless the call is taken up after a restart."""

    def __init__(
        self,
        role: Role,
        socket: CallSocket,
        dialling: Dialling,
        *,
        media: Callable[[], Media],
        keep: Callable[[Dials], Awaitable[None]],
        failed: Callable[[CopybaraError], None],
        rejoined: RunningCall | None,
    ) -> None:
        """`media` returns what the call carries now. `keep` is awaited before an epoch is used.

        `failed` gets the reason why the call can't be dialled any more. `rejoined` is what was kept of a call that is
        taken up.
        """
        self.remote_port = rejoined.remote_port if rejoined else 0
        "The UDP port at which the other side was last; 0 if that isn't known yet."

        self.overtaken = asyncio.Event()
        "Set when a check shows that the other side dials a later epoch than that of the leg: it has lost the leg."

        self._role = role
        self._socket = socket
        self._dialling = dialling
        self._media = media
        self._keep = keep
        self._failed = failed
        self._epochs = Epochs(rejoined.secret, role, rejoined.epoch) if rejoined else None
        "None until the first leg is up."

        self._wanted = False
        "Whether the call table has asked for redialling since the leg was lost."

        self._now = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether a leg of this call was up before."""
        return self._epochs is not None

    def begin(self, secret: bytes) -> None:
        """The first leg is up. Later epochs are derived from this redial secret, 32 bytes."""
        self._epochs = Epochs(secret, self._role)

    def connected(self, remote_port: int | None) -> None:
        """A leg is up, connected to that remote UDP port, None: unknown."""
        self.remote_port = remote_port or self.remote_port
        self._wanted = False
        self.overtaken.clear()

    def want(self) -> None:
        """Dial the other side again until a leg is up."""
        if self._dialling.leg is None:
            self._wanted = True
            self._now.set()

    async def run(self) -> None:
        """Dial an epoch whenever the call asks for it, or the other side is at a later one; until cancelled."""
        while True:
            await self._now.wait()
            self._now.clear()
            try:
                await self._socket.bind_in_time()
                if self._dialling.leg is None and self._epochs is not None:
                    await self._dial(self._epochs)
            except CopybaraError as error:
                self._failed(error)
                return
            await asyncio.sleep(PACE_SECONDS)

    async def _dial(self, epochs: Epochs) -> None:
        """Give up what is being tried, and try the next epoch."""
        self._dialling.stop()
        number = epochs.next
        await self._keep(Dials(number))
        handshake = epochs.take(number)
        bound_to = transcript_again(handshake.pins)
        self._dialling.attempt(Attempt(handshake, self.remote_port or None, self._media(), bound_to))

    def heard(self, username: str, made_with: Callable[[str], bool]) -> bool:
        """Act on a check that belongs to no leg; returns whether it is of one of the call's epochs.

        `username` and `made_with` see Dialling.prove.
        """
        up = self._dialling.leg is not None
        match self._epochs.heard(username, made_with) if self._epochs is not None else None:
            case HeardEpoch.AHEAD if up:
                self.overtaken.set()
            case HeardEpoch.AHEAD if self._wanted:
                self._now.set()
            case HeardEpoch.BEHIND if not up:
                self._dialling.check_again()
            case None:
                return False
        return True
