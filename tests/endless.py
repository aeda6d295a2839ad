"""A server whose answer never ends, until the client closes the connection."""

from __future__ import annotations

import asyncio
import contextlib

PIECE = 16 * 1024
"Bytes that are sent at once, at least half of it."


class Endless:
    """The callback for each connection."""

    def __init__(self, begin: bytes, again: bytes = b"", *, waits: bool = False) -> None:
        """Send `begin`, after the first data from the client if `waits`.

        Then send `again` without end, or nothing if it is empty.
        """
        self.over = asyncio.Event()
        "Set when the client has closed the connection."

        # Python 3.12 and later count what isn't sent yet piece by piece, so pieces of a byte would take for ever.
        self._begin, self._again, self._waits = begin, again * (PIECE // len(again)) if again else b"", waits

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
