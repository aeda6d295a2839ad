"""A headset that is plugged in during a call, offered in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from peer.media.devices.device_words import plugged_in
from peer.media.devices.follower import FollowedDevice
from peer.media.trouble import MediaTrouble

TOGETHER_SECONDS = 1.0
"""How long the rest of a headset is waited for: a sound server says of its microphone and its speaker one after the
other, and of a new default after that."""


class Newcomers:
    """Says what has come and isn't used: what the sound system makes its default is used without a word."""

    def __init__(self, tell: Callable[[MediaTrouble], None]) -> None:
        self._tell = tell
        self._come = asyncio.Event()

    def came(self) -> None:
        """One of the devices has newcomers."""
        self._come.set()

    async def offer(self, devices: Sequence[FollowedDevice[Any]]) -> None:
        """Offer what comes, until cancelled."""
        while True:
            await self._come.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
            self._come.clear()
            come = [(device.kind, name) for device in devices for name in device.newcomers()]
            if come:
                self._tell(plugged_in(come, configured=any(device.wanted for device in devices)))
