"""The second leg of a call: DTLS-SRTP to a page, over loopback or to the overlay address of a device."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping

from aiortc import RTCIceParameters, RTCIceTransport

from peer.handset.offer import offer, read_answer
from peer.handset.page_socket import PageSocket
from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.ice import OverlayConnection, make_ice_transport
from peer.transport.packet_taps import Forward
from peer.transport.profile import USUAL, Kind, Variant
from peer.transport.rtp_statistics import MediaCounters
from peer.transport.transport_cc import TransportFeedback
from shared.errors import HandsetError
from shared.media import Media
from shared.secrets.handshake import IceCredentials
from shared.secrets.identity import DtlsIdentity

ICE_BYTES = 24
"How many random bytes make one side's credentials."

CONNECT_SECONDS = 15.0
"How long the browser may take to connect after its answer, on its own machine."


class BrowserLeg:
    """One media connection to one page. Its creator closes it."""

    def __init__(
        self,
        socket: PageSocket,
        media: Media,
        variant: Variant = USUAL,
        on_tap_failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        """`media` and `variant` are those of the call's other side. Closing the leg closes the socket.

        `on_tap_failed` is called with an exception from a tap, which then gets nothing more.
        """
        self.closed = asyncio.Event()
        "Set when the leg is gone: closed by either side, or given up by ICE."

        self.feedback = TransportFeedback(self.send_rtp, time.monotonic)
        "Tells the browser how its packets arrive, while nobody else does."

        self._socket = socket
        self._media = media
        self._variant = variant
        self._on_tap_failed = on_tap_failed
        self._offers = 0
        self._ice = IceCredentials.of(secrets.token_bytes(ICE_BYTES))
        self._identity = DtlsIdentity.generate()
        self._ice_transport: RTCIceTransport | None = None
        self._dtls: PinnedDtlsTransport | None = None

    def offer(self, seen: Mapping[Kind, int]) -> str:
        """The SDP for the page. `seen` are the SSRCs that the other side of the call sends already.

        It may be repeated when these change. The connection stays, and the new answer has nothing new.
        """
        self._offers += 1
        return offer(
            ice=self._ice,
            fingerprint=self._identity.fingerprint,
            listening=self._socket.listening,
            media=self._media,
            variant=self._variant,
            seen=seen,
            version=self._offers,
        )

    async def connect(self, answer: str, *, seconds: float = CONNECT_SECONDS) -> None:
        """Connect to the page that gave this answer. May be called once.

        Raises HandsetError if the answer can't be used, or there is no connection after `seconds`.
        """
        browser = read_answer(answer, self._media, self._variant)
        connection = OverlayConnection(self._socket, controlling=True, local=self._ice, remote=browser.ice)
        self._ice_transport = make_ice_transport(connection)
        self._dtls = PinnedDtlsTransport(
            self._ice_transport,
            self._identity,
            browser.fingerprint,
            client=not browser.client,
            feedback=self.feedback,
            on_tap_failed=self._on_tap_failed,
        )
        self._dtls.on("statechange", self._state_changed)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ice_transport.start(RTCIceParameters(browser.ice.username, browser.ice.password))
                if self._ice_transport.state == "completed":
                    await self._dtls.connect()
        if not self.connected:
            raise HandsetError(
                "The browser's sound and picture don't reach this program.",
                "Reload the page. Browsers connect to nothing, not even this machine, while its only network is "
                "loopback: switch on any other, with or without a way to the Internet.",
            )

    @property
    def connected(self) -> bool:
        """Whether media can be sent now."""
        return self._dtls is not None and self._dtls.state == "connected" and not self.closed.is_set()

    @property
    def counters(self) -> MediaCounters:
        """What has arrived from the browser, in numbers."""
        return self._dtls.counters if self._dtls else MediaCounters()

    def forward(self, sink: Forward) -> None:
        """Pass every decrypted RTP and RTCP packet of the browser to `sink` from now on."""
        if self._dtls is not None:
            self._dtls.taps.forward(sink)

    def unforward(self, sink: Forward) -> None:
        """Pass nothing more to `sink`."""
        if self._dtls is not None:
            self._dtls.taps.unforward(sink)

    @property
    def send_now(self) -> Forward:
        """A function that sends RTP and RTCP packets to the browser unchanged, once the leg was connected."""
        return self._dtls.send_now if self._dtls is not None else lambda packets: None

    @property
    def transport(self) -> PinnedDtlsTransport | None:
        """The DTLS transport, for a relay's fast path. None before the leg was connected."""
        return self._dtls

    async def send_rtp(self, packet: bytes) -> None:
        """Send one RTP or RTCP packet to the browser unchanged."""
        self.send_now([packet])

    async def request_keyframe(self) -> None:
        """Ask the browser for a key frame (RFC 4585)."""
        if self._dtls is not None:
            await self._dtls.request_keyframe()

    async def close(self) -> None:
        """End the connection, tell the page, and close the port. May be called again."""
        self.closed.set()
        if self._dtls is not None:
            await self._dtls.stop()
        if self._ice_transport is not None:
            await self._ice_transport.stop()
        self._socket.close()

    def _state_changed(self) -> None:
        if self._dtls is not None and self._dtls.state in ("closed", "failed"):
            self.closed.set()
