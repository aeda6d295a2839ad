"""Another program that speaks SDP: aiortc's RTCPeerConnection, with a fake microphone and camera.

Run as a script on a host. Standard input: JSON lines, each an object with one key: `offer` (null), `answer` (their
offer), `take` (their answer), `write` (a line of text), `close` (null). Standard output: JSON lines as well, with `sdp`
(our offer or answer), `frames` (a kind, once some of its frames were decoded), `text` (a line that arrived), `state`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack

CHANNEL = 123
ENOUGH_FRAMES = 5


def say(**event: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({**event, "at": time.time()}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Follow the commands until standard input ends."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    reading: set[asyncio.Task[None]] = set()

    async def read(track: MediaStreamTrack) -> None:
        for _ in range(ENOUGH_FRAMES):
            await track.recv()
        say(frames=track.kind)
        while True:
            await track.recv()

    connection.on("track", lambda track: reading.add(asyncio.create_task(read(track))))
    connection.on("connectionstatechange", lambda: say(state=connection.connectionState))
    channel = connection.createDataChannel("channel", negotiated=True, id=CHANNEL)
    channel.on("message", lambda message: say(text=message))
    channel.on("open", lambda: say(state="open"))
    for track in (AudioStreamTrack(), VideoStreamTrack()):
        connection.addTrack(track)

    lines = asyncio.StreamReader(limit=1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        asked: dict[str, Any] = json.loads(line)
        if "offer" in asked:
            await connection.setLocalDescription(await connection.createOffer())
            say(sdp=connection.localDescription.sdp)
        elif "answer" in asked:
            await connection.setRemoteDescription(RTCSessionDescription(asked["answer"], "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            say(sdp=connection.localDescription.sdp)
        elif "take" in asked:
            await connection.setRemoteDescription(RTCSessionDescription(asked["take"], "answer"))
        elif "write" in asked:
            channel.send(asked["write"])
        else:
            break
    await connection.close()
    for task in reading:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
