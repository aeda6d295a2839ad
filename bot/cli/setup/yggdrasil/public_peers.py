"""The list of public peers: volunteers' machines that any node may connect to.

It is fetched only if the owner wants.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from peer.overlay.yggdrasil_peers import check
from shared.errors import InputError, OverlayError
from shared.not_json import NOT_JSON

ADDRESS = "https://publicpeers.neilalexander.dev/publicnodes.json"
"People of the Yggdrasil project maintain it: a file per country, an entry per peer."

SECONDS = 15.0
"How long fetching the whole list may take."

MOST_BYTES = 4 * 1024 * 1024
PASTE = "Paste peers instead, or try again later: copybara setup overlay"

SHOWN = 8
"How many peers of a country are offered, the fastest first."


class _Entry(msgspec.Struct):
    up: bool = False
    response_ms: float | None = None
    proto_minor: int | None = None


@dataclass(frozen=True, slots=True)
class PublicPeer:
    """A public peer."""

    uri: str
    milliseconds: float
    "How long it took to reply to the list's own machine, wherever that is."


def fetch(address: str = ADDRESS, *, seconds: float = SECONDS) -> bytes:
    """Fetch the list. All of it must arrive within `seconds`.

    The list's operator learns this machine's internet address. Redirects and the environment's proxies aren't used.
    Raises OverlayError.
    """
    import httpx  # the list is rarely needed

    from bot.http_answers import fault_of

    try:
        return asyncio.run(_fetched(address, seconds))
    except TimeoutError as error:
        raise OverlayError(
            f"The list of public peers wasn't there within {seconds:g} seconds.",
            PASTE,
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise OverlayError(f"The list of public peers can't be read: {fault_of(error)}.", PASTE) from error


async def _fetched(address: str, seconds: float) -> bytes:
    import httpx

    from shared.bounded_http import bounded

    # One timeout for the whole request: each byte that drips in restarts httpx's own timeouts. Compression isn't
    # accepted, because a little of it can unpack to a lot.
    async with (
        asyncio.timeout(seconds),
        bounded(httpx.AsyncClient(timeout=seconds, follow_redirects=False, trust_env=False)) as client,
        client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer,
    ):
        answer.raise_for_status()
        read = bytearray()
        async for chunk in answer.aiter_raw():
            read += chunk
            if len(read) > MOST_BYTES:
                raise OverlayError("The list of public peers is too long.", "Paste peers instead.")
        return bytes(read)


def by_country(raw: bytes, *, minor: int) -> dict[str, list[PublicPeer]]:
    """The peers that were up and have protocol version 0.`minor`, by country, the fastest first.

    Raises OverlayError if the bytes aren't such a list.
    """
    if len(raw) > MOST_BYTES:
        raise OverlayError("The list of public peers is too long.", "Paste peers instead.")
    try:
        files = msgspec.json.decode(raw, type=dict[str, dict[str, _Entry]])
    except NOT_JSON as error:
        raise OverlayError("What answered isn't a list of public peers.", "Paste peers instead.") from error
    found: dict[str, list[PublicPeer]] = {}
    for name, entries in files.items():
        country = name.removesuffix(".md").replace("-", " ").strip()
        peers = sorted(
            (
                PublicPeer(uri, entry.response_ms or 0.0)
                for uri, entry in entries.items()
                if entry.up and entry.proto_minor in (None, minor) and _usable(uri)
            ),
            key=lambda peer: peer.milliseconds,
        )
        if peers and country.isprintable():
            found[country] = peers[:SHOWN]
    return dict(sorted(found.items()))


def _usable(uri: str) -> bool:
    try:
        check([uri])
    except InputError:
        return False
    # An unencrypted connection would show both nodes to anybody on the way.
    return uri.startswith(("tls://", "quic://", "wss://"))
