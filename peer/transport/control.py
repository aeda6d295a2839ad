"""The control channel of a call: small typed messages, in order and without loss, beside the media.

It is one data channel that both sides know of beforehand (RFC 8831, section 6.5: negotiated out of band), number 0.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable

from aiortc import RTCDataChannel, RTCDataChannelParameters

from peer.transport.sctp import CONTROL_STREAM, ControlTransport
from shared.errors import RemoteFlood, RemoteProtocolError
from shared.messages import MAX_MESSAGE, Message, Unknown, decode, encode

MAX_ARRIVED = 256
"Messages that may wait to be read. A call is read all the time, so this many waiting are a flood."

MAX_UNSENT = 16 * MAX_MESSAGE
"Bytes that may wait to be sent. More than this means the other side isn't reading."

HURRY_SECONDS = 0.1
"Seconds between two copies of what somebody waits for (`drain`)."


class ControlChannel:
    """Sends and receives messages; `async for message in channel` ends when the channel does.

    It ends with RemoteProtocolError if the other side sends what isn't a message or takes nothing, and with
    RemoteFlood if it sends more than can be read.
    """

    def __init__(self, transport: ControlTransport, *, on_close: Callable[[], None]) -> None:
        """Prepare the channel on a transport. `on_close` is called when the other side ends the association."""
        self.opened = asyncio.Event()
        "Set once messages leave, and once none ever will."

        self._transport = transport
        self._on_close = on_close
        self._unsent: deque[bytes] = deque()
        self._arrived: asyncio.Queue[Message | Unknown | None] = asyncio.Queue()
        self._ended = False
        self._undelivered = False
        "It has ended before the other side acknowledged everything."

        self._error: RemoteProtocolError | None = None
        parameters = RTCDataChannelParameters(label="control", negotiated=True, id=CONTROL_STREAM)
        self._channel = RTCDataChannel(transport, parameters)
        self._channel.on("open", self._open)
        self._channel.on("message", self._message)
        self._channel.on("close", self._close)

    def send(self, message: Message) -> None:
        """Queue a message; it is sent as soon as the channel is open. After the channel's end it is dropped.

        Raises LocalProtocolError for a message that the other side would have to refuse.
        """
        data = encode(message)
        if self._ended:
            return
        self._transport.delivered.clear()
        self._unsent.append(data)
        self._flush()
        if self._channel.bufferedAmount + sum(map(len, self._unsent)) > MAX_UNSENT:
            self.end(RemoteProtocolError("The other side takes no messages any more."))

    async def drain(self) -> bool:
        """Wait until the other side has acknowledged everything that was sent, or the channel has ended.

        Somebody waits, so what got lost is sent again every HURRY_SECONDS. Returns whether all was acknowledged.
        """
        if self._ended:
            return False
        while not self._transport.delivered.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HURRY_SECONDS):
                    await self._transport.delivered.wait()
                continue
            self._transport.hurry()
        return not self._undelivered

    def end(self, error: RemoteProtocolError | None = None) -> None:
        """Send and take no more messages.

        The iteration ends after those that have arrived, and raises `error` if given.
        """
        if self._ended:
            return
        self._ended = True
        self._error = error
        self._unsent.clear()
        self._undelivered = not self._transport.delivered.is_set()
        self._arrived.put_nowait(None)
        self._transport.delivered.set()
        self.opened.set()

    @property
    def unread(self) -> bool:
        """Whether something has arrived that nobody has taken yet."""
        return not self._arrived.empty()

    def __aiter__(self) -> AsyncIterator[Message | Unknown]:
        return self

    async def __anext__(self) -> Message | Unknown:
        message = await self._arrived.get()
        if message is not None:
            return message
        # The end stays in the queue, for the next read.
        self._arrived.put_nowait(None)
        raise self._error or StopAsyncIteration

    # What the data channel calls.

    def _open(self) -> None:
        self._flush()
        self.opened.set()

    def _flush(self) -> None:
        while self._unsent and self._channel.readyState == "open":
            self._channel.send(self._unsent.popleft())

    def _message(self, data: bytes | str) -> None:
        if self._ended:
            return
        try:
            if isinstance(data, str):
                raise RemoteProtocolError("The other side sent text where messages are binary.")
            if self._arrived.qsize() >= MAX_ARRIVED:
                raise RemoteFlood
            self._arrived.put_nowait(decode(data))
        except RemoteProtocolError as error:
            self.end(error)

    def _close(self) -> None:
        self.end(RemoteProtocolError() if self._transport.broken else None)
        self._on_close()
