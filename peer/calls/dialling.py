"""The legs that are tried on a call's socket until one of them connects, and the one that has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from peer.calls.acceptances import Acceptances
from peer.calls.attempts import Attempt
from peer.calls.call_socket import CallSocket
from peer.transport.leg import Leg
from shared.errors import CopybaraError, LegFailed

MAX_PROVEN = 8
"How many acceptances are tried at once. One is the honest callee's; others can only come from its own address."

PROVEN_SECONDS = 15.0
"How long such an attempt may take: its other side has just shown that it is there."


class Dialling:
    """Tries legs. Each is a task, which carries the call as well if its leg is the one that connects."""

    def __init__(
        self,
        socket: CallSocket,
        *,
        carry: Callable[[Leg, Attempt], Awaitable[None]],
        failed: Callable[[CopybaraError], None],
    ) -> None:
        """`carry` gets the leg that connected and returns when it is lost, `failed` hears of those that didn't."""
        self.leg: Leg | None = None
        "The leg that is connected now."

        self._socket = socket
        self._carry = carry
        self._failed = failed
        self._group: asyncio.TaskGroup | None = None
        self._trying: set[asyncio.Task[None]] = set()
        self._proven: set[asyncio.Task[None]] = set()
        self._newest: Leg | None = None
        "The leg that was tried last."

        self._open: list[Leg] = []
        self._acceptances = Acceptances()
        self._expects = False
        "Whether an acceptance has been tried without a proof, as only one may be."

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run in that group from now on."""
        self._group = group

    def stop(self) -> None:
        """Cancel all attempts, that of the leg which carries the call as well. `close` is to follow."""
        self._acceptances.clear()
        for task in self._trying:
            task.cancel()
        self._trying.clear()

    async def lose(self) -> None:
        """Give up the leg that carried the call."""
        leg, self.leg = self.leg, None
        if leg is not None:
            await self._close(leg)

    async def close(self) -> None:
        """Close every leg that is still open."""
        self.leg = None
        for leg in tuple(self._open):
            await self._close(leg)

    def attempt(self, attempt: Attempt) -> None:
        """Try a leg at once, beside those that are being tried. Does nothing while a leg is up."""
        if self.leg is None:
            self._begin(attempt, patience=None)

    def expect(self, attempt: Attempt) -> None:
        """Try one of any number, most of which may be forged. Does nothing while a leg is up.

        The first is tried at once: without an attacker it is the true one. Each later one waits, as plain values, for
        the other side's first check, and its leg then goes to where that check came from.
        """
        if self.leg is not None:
            return
        if self._expects:
            self._acceptances.add(attempt)
        else:
            self._expects = True
            self._begin(attempt, patience=None)

    def prove(self, username: str, made_with: Callable[[str], bool]) -> bool:
        """Whether a check belongs to an acceptance, whose leg then answers it.

        `username` is the fragment in the check, `made_with` tells whether it was made with a password.
        """
        acceptance = self._acceptances.of(username)
        if acceptance is None or len(self._proven) >= MAX_PROVEN:
            return False
        if not made_with(acceptance.handshake.local_ice.password):
            return False
        self._acceptances.remove(acceptance)
        task = self._begin(acceptance, patience=PROVEN_SECONDS, learn_port=True)
        self._proven.add(task)
        task.add_done_callback(self._proven.discard)
        return True

    def check_again(self) -> None:
        """Send the newest leg's check again now: something says that the other side can take it."""
        if self._newest is not None:
            self._newest.check_again()

    def _begin(self, attempt: Attempt, *, patience: float | None, learn_port: bool = False) -> asyncio.Task[None]:
        """Make a leg, which answers checks from now on, and connect it."""
        assert self._group is not None
        assert self._socket.socket is not None
        port = None if learn_port else attempt.remote_port
        leg = self._newest = Leg(self._socket.socket, attempt.handshake, remote_port=port)
        self._open.append(leg)
        task = self._group.create_task(self._try(leg, attempt, patience), name="a leg")
        self._trying.add(task)
        task.add_done_callback(self._trying.discard)
        return task

    async def _try(self, leg: Leg, attempt: Attempt, patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                await leg.connect()
                await self._socket.check_owner()
        except (CopybaraError, TimeoutError) as error:
            await self._close(leg)
            self._failed(error if isinstance(error, CopybaraError) else LegFailed())
            return
        except asyncio.CancelledError:
            await self._close(leg)
            if self.leg is None and asyncio.current_task() in self._trying:
                self._failed(LegFailed())  # we didn't end it
            raise
        if self.leg is not None:
            await self._close(leg)
            return
        self.leg = leg
        self._acceptances.clear()
        for other in self._trying:
            if other is not asyncio.current_task():
                other.cancel()
        await self._carry(leg, attempt)

    async def _close(self, leg: Leg) -> None:
        await leg.close()
        if leg in self._open:
            self._open.remove(leg)
