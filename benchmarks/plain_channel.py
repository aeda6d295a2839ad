"""The alternative to our files: aiortc's own data channel, with nothing else in its connection.

As a process (`python -m benchmarks.plain_channel ADDRESS`) it is one end: JSON lines in, JSON lines out.
`{"do": "offer"}`, `{"do": "answer", "sdp": …}` and `{"do": "accept", "sdp": …}` connect. `{"do": "receive", "size": …}`
is answered by `{}` once that many bytes have come, `{"do": "send", "size": …}` once they are all in the queue. The end
of the input ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from benchmarks.one_address import only

READ_LIMIT = 256 * 1024

PIECE = 16 * 1024
"Bytes of a message: as many as ours have."

BUFFERED = 64 * 1024
"Bytes that wait in aiortc's queue: as many as in ours."


class PlainEnd:
    """One end. The one that offers makes the channel."""

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("datachannel", self._listen)
        self._channel: RTCDataChannel | None = None
        self._open, self._room = asyncio.Event(), asyncio.Event()
        self._arrived = 0
        self._more = asyncio.Event()

    async def offer(self) -> str:
        """Begin; the SDP, with the candidate in it."""
        channel = self._channel = self._connection.createDataChannel("file")
        channel.bufferedAmountLowThreshold = BUFFERED // 2
        channel.on("open", self._open.set)
        channel.on("bufferedamountlow", self._room.set)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def answer(self, offer: str) -> str:
        """Take it; the SDP, with the candidate in it."""
        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return str(self._connection.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        """Connect to the one that answered, until the channel is open."""
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self._open.wait()

    async def send(self, size: int) -> None:
        """Put that many bytes into the channel, no faster than they leave it."""
        assert self._channel is not None
        piece = os.urandom(PIECE)
        for at in range(0, size, PIECE):
            while self._channel.bufferedAmount >= BUFFERED:
                self._room.clear()
                await self._room.wait()
            self._channel.send(piece[: min(PIECE, size - at)])

    async def receive(self, size: int) -> None:
        """Wait until so many more bytes have come than before."""
        while self._arrived < size:
            self._more.clear()
            await self._more.wait()
        self._arrived -= size

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()

    def _listen(self, channel: RTCDataChannel) -> None:
        def message(data: bytes) -> None:
            self._arrived += len(data)
            self._more.set()

        channel.on("message", message)


async def seconds_in_one_process(size: int) -> float:
    """From the first byte to the last on loopback, with both ends in this process."""
    with only("127.0.0.1"):
        sender, receiver = PlainEnd(), PlainEnd()
        try:
            await sender.accept(await receiver.answer(await sender.offer()))
            began = time.monotonic()
            await asyncio.gather(sender.send(size), receiver.receive(size))
            return time.monotonic() - began
        finally:
            await asyncio.gather(sender.close(), receiver.close())


async def _serve() -> None:
    lines = asyncio.StreamReader(limit=READ_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    end = PlainEnd()
    print(json.dumps({"ready": True}), flush=True)
    while line := await lines.readline():
        print(json.dumps(await _done(end, json.loads(line))), flush=True)
    await end.close()


async def _done(end: PlainEnd, asked: dict[str, Any]) -> dict[str, Any]:
    match asked["do"]:
        case "offer":
            return {"sdp": await end.offer()}
        case "answer":
            return {"sdp": await end.answer(asked["sdp"])}
        case "accept":
            await end.accept(asked["sdp"])
        case "send":
            await end.send(asked["size"])
        case "receive":
            await end.receive(asked["size"])
        case _:
            raise ValueError(asked["do"])
    return {}


if __name__ == "__main__":
    with only(sys.argv[1]):
        asyncio.run(_serve())
