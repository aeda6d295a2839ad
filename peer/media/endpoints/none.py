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
    """Sends and decodes nothing: for measurements, and for calls that only carry messages."""

    name = "none"

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Do nothing. The leg decrypts and counts what arrives, and nothing reads it."""

    async def detach(self) -> None:
        """Do nothing."""


def make(config: Config, recordings: Path, context: CallContext) -> NoMedia:
    """Make the endpoint for one call."""
    return NoMedia()
