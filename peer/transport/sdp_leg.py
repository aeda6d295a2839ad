"""The SDP leg: a secured transport to another program, made from what its description and ours agree on.

The same socket, the same ICE and the same choke point as every leg (leg.py); credentials, certificate and who begins
come from the descriptions. What passes is translated at its edge, so that behind it everything speaks our profile.
"""

from __future__ import annotations

import asyncio
import time

import msgspec
from aiortc import RTCDataChannel, RTCDataChannelParameters

from peer.transport.connections import ConnectionSocket
from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.leg import Leg
from peer.transport.listeners import Listeners
from peer.transport.sctp import ChannelTransport, ControlTransport
from peer.transport.sdp.negotiation import Agreement
from peer.transport.sdp.translation import SdpTranslation
from peer.transport.sdp.writing import OwnSide
from shared.messages import MAX_MESSAGE
from shared.secrets.handshake import Handshake, Role
from shared.secrets.identity import DtlsIdentity

MAX_UNSENT = 16 * MAX_MESSAGE
"Bytes that may wait on one channel; what comes beyond it is dropped."

MAX_WAITING = 16
"Texts that may be written before their channel is open."


class SdpTerms(msgspec.Struct, frozen=True):
    """On what terms a leg to another program is tried."""

    own: OwnSide
    "What our description said."

    identity: DtlsIdentity
    "The key and the certificate behind our fingerprint."

    agreement: Agreement
    ports: tuple[int, ...]
    "The other side's UDP ports at its overlay address."

    channels: tuple[int, ...] = ()
    "Numbers of the data channels that both sides know of."


class SdpLeg(Leg):
    """One try to reach another program, and the connection if it succeeds."""

    def __init__(self, socket: ConnectionSocket, terms: SdpTerms) -> None:
        """Prepare a leg on `socket`."""
        own, agreement = terms.own, terms.agreement
        self._agreement = agreement
        self._own = own
        self._channel_numbers = frozenset(terms.channels)
        self.messages: Listeners[[int, str | bytes]] = Listeners()
        "Hear each message that comes on a data channel, with the channel's number first."

        self.channels_open = asyncio.Event()
        "Set once texts can leave. Never, if the other side has no data channels."

        handshake = Handshake(
            role=Role.CALLER if agreement.controlling else Role.CALLEE,
            local_ice=own.ice,
            remote_ice=agreement.ice,
            identity=terms.identity,
            remote_pin=agreement.fingerprint,
            secret=b"",
        )
        super().__init__(socket, handshake, remote_port=None)
        self.variant = agreement.variant
        self._remote_ports = terms.ports

    def write(self, number: int, text: str) -> bool:
        """Send a text on a data channel, as soon as it is open. Returns whether the channel takes it."""
        channel = self._channels.get(number)
        if channel is None:
            return False
        if channel.readyState == "connecting" and len(self._unsent) < MAX_WAITING:
            self._unsent.append((number, text))
            return True
        if channel.readyState != "open" or channel.bufferedAmount > MAX_UNSENT:
            return False
        channel.send(text)
        return True

    # How this leg differs from others.

    def _secure(self, handshake: Handshake) -> PinnedDtlsTransport:
        translation = SdpTranslation(self._agreement, self._own.ssrcs, time.monotonic)
        return self._pinned(handshake, client=self._agreement.client, translation=translation)

    def _associate(self) -> ControlTransport:
        sctp = ChannelTransport(self._dtls, self._channel_numbers)
        self._channels: dict[int, RTCDataChannel] = {}
        self._unsent: list[tuple[int, str]] = []
        for number in self._channel_numbers:
            parameters = RTCDataChannelParameters(label="channel", negotiated=True, id=number)
            self._channels[number] = channel = RTCDataChannel(sctp, parameters)
            channel.on("open", lambda number=number: self._opened(number))
            channel.on("message", lambda message, number=number: self.messages.tell(number, message))
        return sctp

    def _opened(self, number: int) -> None:
        self.channels_open.set()
        waiting, self._unsent = self._unsent, []
        for channel, text in waiting:
            if channel == number:
                self._channels[number].send(text)
            else:
                self._unsent.append((channel, text))

    @property
    def introduced(self) -> asyncio.Event:
        """Set at once: other programs have no message for that."""
        introduced = asyncio.Event()
        introduced.set()
        return introduced

    async def _open_association(self) -> None:
        if self._agreement.channel is not None:
            await self._sctp.connect(self._agreement.sctp_port)

    def _end(self) -> None:
        self.closed.set()
