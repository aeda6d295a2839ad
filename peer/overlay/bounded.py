"""Reads a short reply from a stream that may never end."""

from __future__ import annotations

import asyncio

CHUNK = 16 * 1024
"How many bytes are read at a time."


async def read_bounded(reader: asyncio.StreamReader, most: int) -> bytes | None:
    """All bytes up to the end of the stream. None as soon as there are more than `most`."""
    whole = bytearray()
    while chunk := await reader.read(CHUNK):
        whole += chunk
        if len(whole) > most:
            return None
    return bytes(whole)
