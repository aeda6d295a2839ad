"""aiortc's connections on one address: aioice gathers all of the machine's, and never loopback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest.mock import patch

import aioice.ice


@contextlib.contextmanager
def only(address: str) -> Iterator[None]:
    """Let connections gather this address, and no other: aiortc has no setting for that."""
    with patch.object(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [address]):
        yield
