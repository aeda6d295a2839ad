"""Characters of a request: ours beside the original web app's encoding of the same call."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import secrets
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from aiortc.sdp import SessionDescription, candidate_to_sdp
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from benchmarks.measuring import Figure, Row, Samples, interleaved_tasks
from benchmarks.peer_connection import LOOPBACK, Side, on_loopback
from shared.links.kinds import Request
from shared.links.paired import Operation, PairedBody, seal
from shared.links.sealed import seal_request
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.identity import DtlsIdentity

NAME = "request-length"
ROUNDS = 5

FIREFOX_OFFER = Path(__file__).with_name("data") / "firefox-offer.sdp"
"The offer of an audio and video call that is printed in the article about the original."

NODE_LOCAL = "10.83.0.1"
"The caller's address on its own node."

PORT = 40_000

UNKNOWN_PORT, UNKNOWN_HOST = 9, "0.0.0.0"
"What a browser writes into an offer before it has gathered anything (RFC 8840, section 4.1.1)."

FIRST_CONTACT = "first contact"
SEALED = "first contact, sealed to a contact card"
PAIRED = "between contacts"

GOALS = {FIRST_CONTACT: 128, SEALED: 194, PAIRED: 64}


def measure(rounds: int = ROUNDS) -> Figure:
    """Fresh keys in each round. Ours have one length whatever is in them; the others vary by a few characters."""
    return asyncio.run(_measure(rounds))


async def _measure(rounds: int) -> Figure:
    async def ours() -> dict[str, int]:
        return {what: len(token) for what, token in our_requests().items()}

    async def theirs() -> dict[str, int]:
        return {
            "original, aiortc's offer": len(await original_request_of_aiortc()),
            "original, Firefox's offer": len(original_request_of_firefox()),
        }

    with on_loopback():
        our_lengths, their_lengths = await interleaved_tasks(rounds, ours, theirs)
    rows = tuple(
        Row(what, _lengths(our_lengths, what), against, _lengths(their_lengths, against), goal=goal)
        for what, goal in GOALS.items()
        for against in their_lengths[0]
    )
    return Figure(NAME, "Characters of a request", rows)


def _lengths(rounds: list[dict[str, int]], what: str) -> Samples:
    return Samples.of(lengths[what] for lengths in rounds)


def our_requests() -> dict[str, str]:
    """A request for audio and video of each kind."""
    caller, callee = _random_node(), _random_node()
    now = int(time.time())
    request = Request.to(
        callee,
        media=Media.BOTH,
        created=now,
        seed=secrets.token_bytes(16),
        source=caller,
        fingerprint=DtlsIdentity.generate().fingerprint,
        port=PORT,
    )
    card_key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    call = PairedBody(Operation.CALL, Media.BOTH, now, PORT)
    paired = seal(
        call, secret=secrets.token_bytes(32), source=caller, destination=callee, nonce=secrets.token_bytes(12)
    )
    return {
        FIRST_CONTACT: request.token,
        SEALED: seal_request(request, card_key, callee).token,
        PAIRED: paired.token,
    }


async def original_request_of_aiortc() -> str:
    """The original's request, with the offer of a connection for audio, video and a data channel."""
    side = Side()
    try:
        # A browser has credentials and fingerprint in an offer before it gathers; aiortc only after.
        offer = SessionDescription.parse(await side.offer())
    finally:
        await side.close()
    first = offer.media[0]
    assert first.ice is not None
    candidate = {
        "candidate": "candidate:" + candidate_to_sdp(first.ice_candidates[0]).replace(LOOPBACK, NODE_LOCAL),
        "sdpMid": first.rtp.muxId,
        "sdpMLineIndex": 0,
        "usernameFragment": first.ice.usernameFragment,
    }
    for media in offer.media:
        media.ice_candidates, media.ice_candidates_complete = [], False
        media.host, media.port = UNKNOWN_HOST, UNKNOWN_PORT
    return original_request(str(offer), candidate)


def original_request_of_firefox() -> str:
    """The original's request, with Firefox's offer and the fewest candidates that there can be: one."""
    offer = FIREFOX_OFFER.read_text()
    fragment = next(line.partition(":")[2] for line in offer.splitlines() if line.startswith("a=ice-ufrag:"))
    candidate = {
        "candidate": f"candidate:0 1 UDP 2122252543 {NODE_LOCAL} {PORT} typ host",
        "sdpMid": "0",
        "sdpMLineIndex": 0,
        "usernameFragment": fragment,
    }
    return original_request(offer, candidate)


def original_request(offer: str, candidate: Mapping[str, object]) -> str:
    """What the original puts behind the `?` of its page's address."""
    request = {
        "offer": {"type": "offer", "sdp": offer},
        "candidates": [candidate],
        "sourceNodeId": str(_random_node()),
        "destinationNodeId": str(_random_node()),
        "sourceIp": NODE_LOCAL,
    }
    written = json.dumps(request, separators=(",", ":"), ensure_ascii=False)
    # 6 is what a browser's CompressionStream uses.
    return urllib.parse.quote(base64.b64encode(gzip.compress(written.encode(), 6)), safe="")


def _random_node() -> NodeId:
    return NodeId(secrets.token_bytes(32))
