"""A server that begins an answer and comes to no end, until its client gives it up."""

from __future__ import annotations

import asyncio
import contextlib


class Endless:
    """What is called for each connection."""

    def __init__(self, begin: bytes, again: bytes = b"", *, waits: bool = False) -> None:
        """It says `begin`, once it has heard something if it `waits`; then `again` without end, or nothing more."""
        self.over = asyncio.Event()
        "Set when the client has gone."

        self._begin, self._again, self._waits = begin, again, waits

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client."""
        with contextlib.suppress(ConnectionError):
            if self._waits:
                await reader.read(1)
            writer.write(self._begin)
            while self._again:
                writer.write(self._again)
                await writer.drain()
            while await reader.read(5000):
                pass
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.over.set()
