"""Stores the place of sound and picture. If the program is killed in a call, they wait for that place."""

from __future__ import annotations

import asyncio
import logging

from peer.handset.page import Pages
from shared.errors import StoreError
from shared.store import StoreThread

logger = logging.getLogger(__name__)

_PLACE = "page.place"


class LastPlace:
    """The last place of one home."""

    def __init__(self, pages: Pages, writes: StoreThread) -> None:
        self._pages = pages
        self._writes = writes
        self._changed = asyncio.Event()
        pages.listen(self._changed.set)

    def expect(self) -> None:
        """Calls of the last run go on. Give them to no page at another place. Raises StoreError."""
        if (kept := self._writes.store.home_fact(_PLACE)) is not None:
            self._pages.expect(kept.decode(errors="replace"))

    def rejoined(self) -> None:
        """Note that the calls of the last run have been continued."""
        self._pages.expected()

    async def run(self) -> None:
        """Store the place whenever it changes, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if (page := self._pages.current) is None:
                continue
            place = page.address.encode()
            try:
                if self._writes.store.home_fact(_PLACE) != place:
                    await self._writes.write(lambda store: store.set_home_fact(_PLACE, place))  # noqa: B023 -- done next
            except StoreError as error:
                logger.warning("where sound and picture are can't be kept: %s", error.sentence)
