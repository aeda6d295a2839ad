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
from shared.node_id import NodeId
from shared.store import Store, StoreThread

LAST_SECONDS = 1.0
"How long the rest may take to be written when the program ends."

log = logging.getLogger(__name__)


def teaches(line: Line) -> bool:
    """Whether a call shows where a contact writes from: anybody may say that they are one who has a key."""
    return line.proven or not line.link.keyed


class Learning:
    """Writes it down: at once if the caller can wait, otherwise from a queue of its own."""

    def __init__(self, writes: StoreThread, origins: Origins) -> None:
        self._writes = writes
        self._origins = origins
        self._waiting: asyncio.Queue[NodeId] = asyncio.Queue()

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

    def later(self, node: NodeId) -> None:
        """Learn about a node soon. Never waits."""
        self._waiting.put_nowait(node)

    async def now(self, node: NodeId) -> None:
        """Keep where the links of a node came from, once its call has connected. Raises StoreError."""
        identity = self._origins.identity_of(node)
        if identity is None:
            return

        def learn(store: Store) -> None:
            if (contact := store.contact_of(node)) is not None:
                book.learn(store, contact, identity)

        await self._writes.write(learn)

    async def _work(self) -> None:
        while True:
            node = await self._waiting.get()
            try:
                await self.now(node)
            except StoreError as error:  # the next call teaches the same
                log.warning("where a contact writes from wasn't kept: %s", error.sentence)
            finally:
                self._waiting.task_done()
