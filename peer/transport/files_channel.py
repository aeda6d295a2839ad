"""The channel for files: binary messages in order and without loss, on an association of its own beside the call's.

One data channel that both sides know of beforehand (RFC 8831, section 6.5), number 0 of the association at FILES_PORT.
What goes wrong in here ends this channel, and nothing else of the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiortc import RTCDataChannel, RTCDataChannelParameters

from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.sctp import CONTROL_STREAM, FilesTransport
from shared.errors import RemoteProtocolError
from shared.messages import MAX_MESSAGE

logger = logging.getLogger(__name__)

MAX_BUFFERED = 64 * 1024
"Bytes that may wait in SCTP's queue before the sender waits too."


class FilesChannel:
    """Sends and receives the messages of files."""

    def __init__(self, dtls: PinnedDtlsTransport, received: Callable[[bytes], None]) -> None:
        """`received` gets each message, at most MAX_MESSAGE bytes, and raises RemoteProtocolError for one that isn't
        right: that ends the channel, and the association under it.
        """
        self.closed = asyncio.Event()
        "Set when nothing more is sent or received."

        self._received = received
        self._room = asyncio.Event()
        self._sctp = FilesTransport(dtls)
        parameters = RTCDataChannelParameters(label="files", negotiated=True, id=CONTROL_STREAM)
        self._channel = RTCDataChannel(self._sctp, parameters)
        self._channel.bufferedAmountLowThreshold = MAX_BUFFERED // 2
        self._channel.on("open", self._room.set)
        self._channel.on("bufferedamountlow", self._room.set)
        self._channel.on("message", self._message)
        self._channel.on("close", self._end)

    async def connect(self) -> None:
        """Begin to set the association up. What is sent before that is done waits."""
        await self._sctp.connect()

    async def send(self, message: bytes) -> None:
        """Send a message once there is room for it. Returns without sending when the channel is closed."""
        while not self.closed.is_set():
            if self._channel.readyState == "open" and self._channel.bufferedAmount < MAX_BUFFERED:
                self._channel.send(message)
                return
            self._room.clear()
            await self._room.wait()

    def send_now(self, message: bytes) -> None:
        """Send a small message at once, if the channel is open: an acknowledgement waits for nothing."""
        if self._channel.readyState == "open" and not self.closed.is_set():
            self._channel.send(message)

    async def close(self) -> None:
        """End the association. May be repeated."""
        self._end()
        await self._sctp.stop()

    def _message(self, data: bytes | str) -> None:
        if self.closed.is_set():
            return
        try:
            if isinstance(data, str) or len(data) > MAX_MESSAGE:
                raise RemoteProtocolError("The other side sent what isn't a part of a file.")
            self._received(data)
        except RemoteProtocolError as error:
            logger.info("the channel for files is closed: %s", error.sentence)
            self._end()
            self._sctp.refuse()

    def _end(self) -> None:
        self.closed.set()
        self._room.set()
