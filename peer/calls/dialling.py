"""Tries legs on a call's socket until one of them connects, which then carries the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from peer.calls.acceptances import Acceptances
from peer.calls.attempts import Attempt
from peer.calls.call_socket import CallSocket
from peer.transport.leg import Leg
from shared.errors import CopybaraError, LegFailed

MAX_PROVEN = 8
"How many proven acceptances are tried at once. One is the true callee's; others can only come from its address."

PROVEN_SECONDS = 15.0
"How long such an attempt may take: its other side has just sent a check."


class Dialling:
    """Tries legs, each in a task. The task whose leg connects first goes on to carry the call; the others end."""

    def __init__(
        self,
        socket: CallSocket,
        *,
        carry: Callable[[Leg, Attempt], Awaitable[None]],
        failed: Callable[[CopybaraError], None],
    ) -> None:
        """`carry` gets the leg that connected, and returns when that is lost.

        `failed` gets the error of each that didn't.
        """
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
        "Whether an acceptance was tried without waiting for a check of its writer; only one ever is."

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run attempts as tasks of that group from now on."""
        self._group = group

    def stop(self) -> set[asyncio.Task[None]]:
        """Cancel all attempts, including the one whose leg carries the call. The legs stay open until `close`.

        Returns their tasks.
        """
        self._acceptances.clear()
        stopped, self._trying = self._trying, set()
        for task in stopped:
            task.cancel()
        return stopped

    async def lose(self) -> None:
        """The leg that carried the call is lost: close it."""
        leg, self.leg = self.leg, None
        if leg is not None:
            await self._close(leg)

    async def close(self) -> None:
        """Close every leg that is still open."""
        self.leg = None
        for leg in tuple(self._open):
            await self._close(leg)

    def attempt(
        self, attempt: Attempt, *, patience: float | None = None, learn_port: bool = False
    ) -> asyncio.Task[None] | None:
        """Make a leg, which answers checks from now on, and connect it in a task, beside those that are being tried.

        `patience` is how long it may take in seconds, None: no limit. With `learn_port` it connects to where its first
        check comes from. Does nothing while a leg is up.
        """
        if self.leg is not None:
            return None
        assert self._group is not None
        assert self._socket.socket is not None
        port = None if learn_port else attempt.remote_port
        leg = self._newest = Leg(self._socket.socket, attempt.handshake, remote_port=port)
        self._open.append(leg)
        task = self._group.create_task(self._try(leg, attempt, patience), name="a leg")
        self._trying.add(task)
        task.add_done_callback(self._trying.discard)
        return task

    def expect(self, attempt: Attempt) -> None:
        """Try an acceptance that anybody in the chat may have written. Does nothing while a leg is up.

        The first one is tried at once: without an attacker it is the true one. Each later one is kept as plain values
        (acceptances.py) until a check comes that only its writer can have made; its leg then connects to where that
        check came from.
        """
        if self.leg is not None:
            return
        if self._expects:
            self._acceptances.add(attempt)
        else:
            self._expects = True
            self.attempt(attempt)

    def prove(self, username: str, made_with: Callable[[str], bool]) -> bool:
        """Look for the acceptance that a check proves, and begin its leg, which answers the check.

        Returns False if there is none, or MAX_PROVEN are being tried. `username` is the ICE username fragment in the
        check, `made_with` tells whether it was made with a password.
        """
        acceptance = self._acceptances.of(username)
        if acceptance is None or len(self._proven) >= MAX_PROVEN:
            return False
        if not made_with(acceptance.handshake.local_ice.password):
            return False
        self._acceptances.remove(acceptance)
        task = self.attempt(acceptance, patience=PROVEN_SECONDS, learn_port=True)
        if task is not None:
            self._proven.add(task)
            task.add_done_callback(self._proven.discard)
        return task is not None

    def check_again(self) -> None:
        """Send the check of the newest leg again now, for the other side has just become able to take it."""
        if self._newest is not None:
            self._newest.check_again()

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
