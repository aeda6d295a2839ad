"""The endpoint that sends nothing and decodes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from shared.config.schema import Config
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg


class NoMedia:
    """Leaves a call without media: for measuring, and for calls that only carry messages."""

    name = "none"

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Do nothing: what arrives is decrypted and counted by the leg, and goes nowhere."""

    async def detach(self) -> None:
        """Do nothing."""


def make(config: Config, recordings: Path, context: CallContext) -> NoMedia:
    """Make the endpoint for one call, as configured."""
    return NoMedia()
