"""Calls on the person's desktop, seen and heard: what listens to them, and what runs for it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.browser import open_page
from bot.conversation import Action, HandsetPage
from bot.desktop.call_notices import CallNotices
from bot.desktop.ring_tone import RingTone
from peer.calls.news import CallListener
from shared.kept_running import Part

PLACE = "desktop"
"Whom an address of the page is for that a notification opens."


@dataclass(frozen=True, eq=False)
class Desktop:
    """What of it is wanted."""

    notices: CallNotices | None
    ring_tone: RingTone | None

    @property
    def listeners(self) -> list[CallListener]:
        """Those that hear what happens to calls."""
        return [each for each in (self.notices, self.ring_tone) if each is not None]

    def parts(self, act: Callable[[Action, str], Awaitable[object]], page: HandsetPage | None) -> list[Part]:
        """What runs as long as the program. `act` does what is chosen in a notification; `page` is what it opens."""
        parts = []
        if self.notices is not None:
            show = functools.partial(self.notices.run, act, functools.partial(_open, page))
            parts.append(Part("Showing calls on the desktop", show))
        if self.ring_tone is not None:
            parts.append(Part("Ringing on a speaker", self.ring_tone.run))
        return parts


async def _open(page: HandsetPage | None, activation_token: str) -> None:
    if page is not None:
        # Others may see what a browser is started with: this address works once, and holds no key.
        await asyncio.to_thread(open_page, page.address_for(PLACE, lambda: None), activation_token)
