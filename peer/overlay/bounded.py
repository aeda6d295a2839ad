"""Reading a short answer from something that may never stop talking."""

from __future__ import annotations

import asyncio

CHUNK = 16 * 1024
"Bytes asked for at once."


async def read_bounded(reader: asyncio.StreamReader, most: int) -> bytes | None:
    """Everything up to the end of the stream, or None as soon as it is more than `most` bytes."""
    whole = bytearray()
    while chunk := await reader.read(CHUNK):
        whole += chunk
        if len(whole) > most:
            return None
    return bytes(whole)
