"""The page's part of the proof, for tests that speak to the WebSocket by hand."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from peer.handset.proof import NONCE_BYTES, PAGE, SERVER, Meeting, proof_key
from peer.handset.tickets import ticket_name


def encoded(value: bytes) -> str:
    return b64encode(value).decode()


def origin_of(address: str) -> str:
    """The origin of the page at an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def given_in(address: str) -> tuple[str, bytes]:
    """The key after the # of an address, and its kind: `run` or `ticket`."""
    kind, _, secret = urlsplit(address).fragment.partition("&")[0].partition("=")
    return {"key": "run", "ticket": "ticket"}[kind], secret.encode()


async def knock(
    sock: aiohttp.ClientWebSocketResponse, host: str, kind: str, secret: bytes, **tab: Any
) -> dict[str, Any] | None:
    """Prove a key, as `page` at `host`. Returns the first message after that, or None if the server has closed.

    `tab` are further fields of Prove.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    name = ticket_name(secret.decode()) if kind == "ticket" else ""
    await sock.send_json({"type": "prove", "key": kind, "name": name, "nonce": encoded(nonce), **tab})
    answer = await sock.receive()
    if answer.type is not aiohttp.WSMsgType.TEXT:
        return None
    proof = answer.json()
    assert proof["type"] == "server-proof"
    meeting = Meeting(host, nonce, b64decode(proof["nonce"]))
    key = secret if kind == "home" else proof_key(secret)
    assert meeting.proven(key, SERVER, b64decode(proof["proof"])), "the server doesn't know the key"
    await sock.send_json({"type": "page-proof", "proof": encoded(meeting.proof(key, PAGE))})
    first = await sock.receive()
    return dict(first.json()) if first.type is aiohttp.WSMsgType.TEXT else None
