"""Joins rooms in the background, because joining a stranger's room may wait for a server that never replies."""

from __future__ import annotations

import asyncio
import logging
import time

from bot.messengers.matrix.api import MatrixApi, ServerRefusal, Unreachable
from bot.messengers.matrix.invitations import JOINING, Invitations
from bot.messengers.matrix.vault import Vault

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.5, 600.0
"The first and the longest pause after a failed try. Each pause is twice the one before."

MOST_TRIES = 20
"20 tries take nearly two hours, without the time that the server needs."

logger = logging.getLogger(__name__)


class Joining:
    """Joins rooms, and leaves others to stay within the limit. `run` does the work."""

    def __init__(self, api: MatrixApi, vault: Vault, invitations: Invitations, server: str) -> None:
        """`server` is the name of our own server, through which a room may be found."""
        self._api = api
        self._vault = vault
        self._invitations = invitations
        self._server = server
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._trying: set[str] = set()

    def soon(self, room: str, user: str) -> None:
        """Join a room to which that user has invited us. The request is stored with what was read from the server."""
        self._vault.put(JOINING + room, user)
        self._waiting.put_nowait((room, user))

    async def run(self) -> None:
        """Join rooms until cancelled, including those that the last run didn't join."""
        self._trying.clear()
        for name in self._vault.names(JOINING):
            self._waiting.put_nowait((name.removeprefix(JOINING), self._vault.get(name, str) or ""))
        async with asyncio.TaskGroup() as group:
            while True:
                room, user = await self._waiting.get()
                if room not in self._trying and self._vault.has(JOINING + room):
                    self._trying.add(room)
                    group.create_task(self._follow(room, user), name="joining a room")

    async def _follow(self, room: str, user: str) -> None:
        if await self._joins(room):
            for left in self._invitations.joined(room, user, int(time.time())):
                await self._leave(left)
        else:
            self._invitations.refused(room, user)
        self._vault.drop(JOINING + room)
        self._trying.discard(room)

    async def _joins(self, room: str) -> bool:
        """Whether the server lets us in, perhaps after some tries."""
        for number in range(MOST_TRIES):
            wait = min(FIRST_PAUSE_SECONDS * 2**number, LAST_PAUSE_SECONDS)
            try:
                await self._api.join(room, self._server)
            except ServerRefusal as refusal:
                if not (refusal.for_now or refusal.logged_out):
                    logger.info("A room can't be joined: %s", refusal.code)
                    return False
                wait = max(wait, refusal.seconds or 0.0)
            except Unreachable as error:
                wait = max(wait, error.seconds or 0.0)
            else:
                return True
            await asyncio.sleep(wait)
        logger.info("A room can't be joined: its server doesn't answer")
        return False

    async def _leave(self, room: str) -> None:
        try:
            await self._api.leave(room)
        except (ServerRefusal, Unreachable) as error:
            # The bot still reads the room. Nothing stored depends on leaving it.
            logger.info("A room can't be left: %s", type(error).__name__)
