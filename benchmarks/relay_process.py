"""A node in the middle as a process of its own: calls between two legs each, relayed or decoded and encoded again.

JSON lines in, JSON lines out. `{"do": "begin", "how": "relay" | "transcode", "secret": …, "port": …}` begins one more
call: it opens a leg to that port of the far side and one for the near side, whose port is answered; both connect.
With `"how": "bare"`, "key" and "ports" of both sides, it is a pair of sockets in a loop without legs (bare_loop.py),
and "ports" are answered.
`{"do": "end"}` ends all calls and is answered by `{}`. The end of the input ends the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

from benchmarks.bare_loop import BareLoop
from benchmarks.relayed_legs import FAR, MIDDLE, NEAR, OWN, handshake
from peer.transport.profile import MEDIA
from peer.transport.relay import Relay, RelayCounters
from peer.transport.udp_socket import OverlaySocket
from shared.media import Media
from shared.secrets.handshake import Role
from tests.peer.decoding_leg import DecodingLeg


class Call:
    """The two legs of one call."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._secret = bytes.fromhex(asked["secret"])
        self._far_port = int(asked["port"])
        self._transcodes = asked["how"] == "transcode"
        self._stack = contextlib.AsyncExitStack()
        self._connecting: asyncio.Task[None] | None = None

    async def begin(self) -> int:
        """Open both sockets and connect in the background. Returns the port for the near side."""
        overlay_socket = await OverlaySocket.open(MIDDLE, FAR, interface="lo")
        own_socket = await OverlaySocket.open(OWN, NEAR, interface="lo")
        self._stack.callback(overlay_socket.close)
        self._stack.callback(own_socket.close)
        overlay = DecodingLeg(overlay_socket, handshake(Role.CALLEE, self._secret), remote_port=self._far_port)
        own = DecodingLeg(own_socket, handshake(Role.CALLER, self._secret), remote_port=None)
        self._stack.push_async_callback(overlay.close)
        self._stack.push_async_callback(own.close)
        self._connecting = asyncio.create_task(self._connect(overlay, own))
        return own_socket.port

    async def end(self) -> None:
        """Close everything."""
        assert self._connecting is not None
        self._connecting.cancel()
        await asyncio.wait([self._connecting])
        await self._stack.aclose()
        # The sockets are closed in the next turn of the loop.
        await asyncio.sleep(0)

    async def _connect(self, overlay: DecodingLeg, own: DecodingLeg) -> None:
        # Before anything arrives, so that the first key frame isn't missed.
        tracks = []
        if self._transcodes:
            for leg, other in ((overlay, own), (own, overlay)):
                tracks += [(await leg.receive(kind), other) for kind in MEDIA]
        async with asyncio.TaskGroup() as group:
            group.create_task(overlay.connect())
            group.create_task(own.connect())
        if self._transcodes:
            for track, other in tracks:
                await other.send(track)
        else:
            relay = Relay(overlay, own, Media.BOTH, RelayCounters())
            relay.start()
            self._stack.callback(relay.stop)


async def serve() -> None:
    """Calls until they are ended, then others."""
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), lambda: lines.put_nowait(sys.stdin.buffer.readline()))
    print(json.dumps({"ready": True}), flush=True)
    calls: list[Call] = []
    bare: BareLoop | None = None
    while line := await lines.get():
        asked = json.loads(line)
        reply: dict[str, Any] = {}
        if asked["do"] == "begin" and asked["how"] == "bare":
            bare = bare or BareLoop()
            far, near = asked["ports"]
            ends = (str(MIDDLE), (str(FAR), far)), (str(OWN), (str(NEAR), near))
            reply = {"ports": bare.add(bytes.fromhex(asked["key"]), *ends)}
        elif asked["do"] == "begin":
            calls.append(Call(asked))
            reply = {"port": await calls[-1].begin()}
        else:
            while calls:
                await calls.pop().end()
            if bare is not None:
                bare.close()
                bare = None
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
