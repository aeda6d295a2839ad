"""Offers a headset that is plugged in during a call, in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from peer.media.devices.device_words import plugged_in
from peer.media.devices.follower import FollowedDevice
from peer.media.trouble import MediaTrouble

TOGETHER_SECONDS = 1.0
"""How long to wait for the rest of a headset: a sound server announces its microphone, its speaker and a new default
one after the other."""


class Newcomers:
    """Tells the owner which new devices aren't used.

    A new device that the sound system makes its default needs no word.
    """

    def __init__(self, tell: Callable[[MediaTrouble], None]) -> None:
        self._tell = tell
        self._come = asyncio.Event()

    def appeared(self) -> None:
        """Note that one of the devices has newcomers."""
        self._come.set()

    async def offer(self, devices: Sequence[FollowedDevice[Any]]) -> None:
        """Tell the owner of new devices, until cancelled."""
        while True:
            await self._come.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
            self._come.clear()
            come = [(device.kind, name) for device in devices for name in device.newcomers()]
            if come:
                self._tell(plugged_in(come, configured=any(device.wanted for device in devices)))
