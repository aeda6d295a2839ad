"""Repeats the last flight of a DTLS handshake until something shows that it has arrived."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

FLIGHT_SECONDS = 0.12
"""Seconds between copies.

RFC 6347, section 4.2.4.1, recommends a second, then two, four and so on, and allows shorter waits. On a path that loses
a third of its packets that takes longer than a caller waits. A copy that wasn't needed costs a few hundred bytes; the
media that follows is a hundred times as much."""

FLIGHT_RECORDS = (20, 22)
"First bytes of a flight's datagram: the content type ChangeCipherSpec or Handshake (RFC 6347, section 4.1)."


class LastFlight:
    """That of one connection."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._send = send
        self._datagram = b""
        self._task: asyncio.Task[None] | None = None
        "What sends copies."

        self._ended: asyncio.Task[None] | None = None
        "What has sent them, until now."

    def sent(self, datagram: bytes) -> None:
        """This datagram was sent. If it is of a flight, that is the last one now."""
        if datagram[0] in FLIGHT_RECORDS:
            self._datagram = datagram

    def begin(self) -> None:
        """Send copies from now on."""
        self._task = asyncio.create_task(self._repeat())

    def end(self) -> None:
        """Send none any more."""
        if self._task is not None:
            self._task.cancel()
            self._ended, self._task = self._task, None

    async def close(self) -> None:
        """Send none any more, and wait for what has sent them."""
        self.end()
        if self._ended is not None:
            await asyncio.wait([self._ended])

    async def _repeat(self) -> None:
        """Send copies until this task is cancelled.

        They are bit-identical, so a receiver that has the first one treats them as network duplicates (RFC 6347,
        section 4.1.2.6). OpenSSL's own timers run as well.
        """
        before = b""
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(FLIGHT_SECONDS)
                if self._datagram and self._datagram is before:
                    await self._send(self._datagram)
                before = self._datagram
