"""Learns from connected calls where contacts write from, and keeps that in the book. It never adds trust."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from bot.assistant import contacts as book
from bot.assistant.origins import Origins
from peer.calls.line import Line
from shared.errors import StoreError
from shared.kept_running import Part, kept_running
from shared.store import Store, StoreThread

LAST_SECONDS = 1.0
"How long the rest may take to be written when the program ends."

log = logging.getLogger(__name__)


def may_teach(line: Line) -> bool:
    """Whether a call can show where a contact writes from: anybody may say that they are one who has a key."""
    return line.proven or not line.link.keyed


class Learning:
    """Writes it down: at once if the caller can wait, otherwise from a queue of its own."""

    def __init__(self, writes: StoreThread, origins: Origins) -> None:
        self._writes = writes
        self._origins = origins
        self._waiting: asyncio.Queue[Line] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Learn for the length of the block; what waits at its end is still written."""
        async with kept_running(Part("Learning where contacts write from", self._work)):
            try:
                yield
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_SECONDS):
                        await self._waiting.join()

    def later(self, line: Line) -> None:
        """Learn from a call soon. Never waits."""
        if may_teach(line):
            self._waiting.put_nowait(line)

    async def now(self, line: Line) -> None:
        """Keep where the links of a call came from, once it has connected. Raises StoreError.

        A call that proves nothing teaches as long as there is no key, and if the key was agreed in it. What it teaches
        lasts until another call teaches something else.
        """
        identity = self._origins.identity_in(line)
        if identity is None or not may_teach(line):
            return
        node, proven, agreed = line.peer, line.proven, line.connection.agreed

        def learn(store: Store) -> None:
            theirs = proven or not store.keyed(node) or (agreed is not None and store.proves(node, agreed))
            if theirs and (contact := store.contact_of(node)) is not None:
                book.learn(store, contact, identity, proven=proven)

        await self._writes.write(learn)

    async def _work(self) -> None:
        while True:
            line = await self._waiting.get()
            try:
                await self.now(line)
            except StoreError as error:  # the next call teaches the same
                log.warning("where a contact writes from wasn't kept: %s", error.sentence)
            finally:
                self._waiting.task_done()
