"""Learns from connected calls where contacts write from, and keeps that in the book. It never adds trust."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from weakref import WeakSet

from bot.assistant import contacts as book
from bot.assistant.origins import Origins
from peer.calls.line import Line
from shared.errors import StoreError
from shared.kept_running import Part, kept_running
from shared.secrets.handshake import Role
from shared.store import Store, StoreThread

LAST_SECONDS = 1.0
"How long the rest may take to be written when the program ends."

log = logging.getLogger(__name__)


class Learning:
    """Learns from one call at a time: at once, for code that can wait, or from a queue."""

    def __init__(self, writes: StoreThread, origins: Origins) -> None:
        self._writes = writes
        self._origins = origins
        self._waiting: asyncio.Queue[Line] = asyncio.Queue()
        self._contrary: WeakSet[Line] = WeakSet()
        "Calls that came from elsewhere than was known: nothing is learned from them."

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
        """Learn from a call, in the background."""
        self._waiting.put_nowait(line)

    async def now(self, line: Line) -> None:
        """Keep in the contact book which account wrote the links of a call that has connected. Raises StoreError.

        How much a call teaches depends on what it proves, for anybody can claim to be a contact.

        While we share no key with the contact, a call that proves nothing teaches until another call teaches something
        else. Once we share a key, such a call teaches only if a key was agreed in it that counts; and not if we placed
        it by an open request, which somebody else may have answered first.

        A call that the key proves teaches for good. But it proves who wrote the link, and not who put it into the chat:
        so it never replaces what is known.
        """
        identity = self._origins.identity_in(line)
        if identity is None or line in self._contrary:
            return
        node, proven, agreed = line.peer, line.proven, line.connection.agreed
        surely = line.call.role is Role.CALLEE or line.link.sealed

        def learn(store: Store) -> bool:
            keyed = store.keyed(node)
            theirs = proven or (surely and keyed and agreed is not None and store.proves(node, agreed))
            contact = store.contact_of(node)
            if contact is None or not (theirs or not (keyed or line.link.keyed)):
                return True
            return book.learn(store, contact, identity, proven=proven)

        if not await self._writes.write(learn):
            self._contrary.add(line)

    async def _work(self) -> None:
        while True:
            line = await self._waiting.get()
            try:
                await self.now(line)
            except StoreError as error:  # the next call teaches the same
                log.warning("where a contact writes from wasn't kept: %s", error.sentence)
            finally:
                self._waiting.task_done()
