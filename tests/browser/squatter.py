"""Another user's program that has taken the handset's port. It tries everything that may deceive an open page.

Root runs it with the port and the user's number as its arguments. It becomes that user before it does anything. It
prints a JSON line for each request and each message.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"RFC 6455, section 1.3."

CALL = {
    "type": "call",
    "id": 1,
    "state": "active",
    "sentence": "Connected.",
    "name": "anna",
    "contact": "anna",
    "node": "a" * 52,
    "role": "callee",
    "media": "video",
    "trust": "contact",
    "trust_words": "",
    "automatic": True,
    "rings_there": False,
    "remote_automatic": False,
    "handset": True,
    "endpoint": "handset",
    "phrase": None,
    "paired": True,
    "connected_at": 1,
    "expires": 1,
    "path": "",
    "remote": None,
    "report": {},
}
LINK = {"token": "t", "text": "copybara:t", "qr": "data:image/svg+xml,"}
HELLO = {
    "type": "hello",
    "version": "0",
    "node": "b" * 52,
    "name": "",
    "overlay": {"name": "Yggdrasil", "address": "200::1", "notice": ""},
    "card": LINK,
    "contacts": [],
    "calls": [CALL],
    "log": [],
    "texts": [],
    "links": [],
}
OFFER = {"type": "offer", "call": 1, "leg": 1, "sdp": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"}


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def frame(message: dict[str, Any]) -> bytes:
    data = json.dumps(message).encode()
    return b"\x81\x7e" + len(data).to_bytes(2, "big") + data


def proofs(opening: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a program without the key can try: no proof, made-up bytes, and the page's own bytes."""
    nonce, zeros = opening["nonce"], base64.b64encode(bytes(32)).decode()
    yield {"type": "server-proof", "nonce": zeros, "proof": zeros}
    yield {"type": "server-proof", "nonce": nonce, "proof": nonce}
    yield {"type": "home-key", "key": zeros}
    yield {"type": "call"}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global tries
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): text for name, _, text in (line.partition(": ") for line in lines[1:] if line)}
    say(request=lines[0], headers=headers)
    if "sec-websocket-key" not in headers:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        return
    accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    tries += 1
    number = tries
    begin, *length = await reader.readexactly(2)
    size = length[0] & 0x7F
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4)
    opening = bytes(byte ^ mask[place % 4] for place, byte in enumerate(await reader.readexactly(size)))
    say(message=opening.decode(), first=begin)
    possible = list(proofs(json.loads(opening)))
    for message in (possible[number % len(possible)], HELLO, CALL, OFFER):
        writer.write(frame(message))
    # Everything that still comes: a closing frame, and nothing else.
    rest = await reader.read()
    say(rest=base64.b64encode(rest).decode(), opcodes=[rest[0] & 0x0F] if rest else [])
    say(tries=number)
    writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    say(listens=port, user=os.geteuid())
    async with server:
        await server.serve_forever()


tries = 0

if __name__ == "__main__":
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
    asyncio.run(main(int(sys.argv[1])))
