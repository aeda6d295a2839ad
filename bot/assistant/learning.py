"""Learns from connected calls which accounts contacts write from, and stores them. It never adds trust."""

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
"How long writing the rest may take when the program ends."

log = logging.getLogger(__name__)


class Learning:
    """Learns from one call at a time: at once, for a caller that waits, or from a queue."""

    def __init__(self, writes: StoreThread, origins: Origins) -> None:
        self._writes = writes
        self._origins = origins
        self._waiting: asyncio.Queue[Line] = asyncio.Queue()
        self._contrary: WeakSet[Line] = WeakSet()
        "Calls from an account that contradicts the known one. Nothing is learned from them."

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Learn while the block runs. Calls that still wait at its end are written."""
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
        """Store which account wrote the links of a connected call. Raises StoreError.

        How much a call teaches depends on what it proves, because anybody can claim to be a contact.

        While we share no key with the contact, an unproven call teaches until another call teaches something else. Once
        we share a key, an unproven call teaches only if the key that was agreed in it counts. If we placed the call by
        an open request, it teaches nothing even then, because somebody else may have answered first.

        A proven call teaches for good. But the key proves only who wrote the link, not who put it into the chat. So it
        never replaces a known account.
        """
        identity = self._origins.identity_in(line)
        if identity is None or line in self._contrary:
            return
        node, proven, agreed = line.peer, line.proven, line.connection.agreed_secret
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
