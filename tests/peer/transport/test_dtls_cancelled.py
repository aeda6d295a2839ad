"""A cancelled handshake ends at once, whatever arrives at that moment."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from aiortc import RTCIceTransport

from peer.transport.dtls import PinnedDtlsTransport
from shared.secrets.identity import DtlsIdentity, Fingerprint

PATIENCE = 20.0


class Path:
    """A connection whose incoming datagrams come from the test."""

    def __init__(self) -> None:
        self.waited = asyncio.Event()
        self.coming: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        self.waited.set()
        return await self.coming.get()

    async def _send(self, datagram: bytes) -> None:
        """Drop the datagram."""


@pytest.mark.parametrize("client", [True, False])
async def test_a_handshake_that_is_cancelled_as_a_datagram_comes_ends(client: bool) -> None:
    path, identity = Path(), DtlsIdentity.generate()
    pin = Fingerprint.of(identity.certificate)
    dtls = PinnedDtlsTransport(cast(RTCIceTransport, path), identity, pin, client=client)
    connecting = asyncio.create_task(dtls.connect())
    await path.waited.wait()
    path.coming.put_nowait(b"\x16\xfe\xfd" + bytes(10))
    connecting.cancel()
    done, _ = await asyncio.wait([connecting], timeout=PATIENCE)
    assert done
    assert connecting.cancelled()
