"""Who gets the RTP and RTCP packets of a leg, besides aiortc. The connection is worth more than anyone who listens."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

logger = logging.getLogger(__name__)

RtpSink = Callable[[bytes], Awaitable[None]]
"Takes one decrypted RTP or RTCP packet."

Forward = Callable[[list[bytes]], None]
"Takes a list of such packets that arrived together, without a task."


class Feedback(Protocol):
    """Reports to the other side how its packets arrive."""

    @property
    def enabled(self) -> bool:
        """Whether it wants to get packets now."""

    async def received(self, packet: bytes) -> None:
        """Take a decrypted packet."""


class PacketTaps:
    """Those of one leg. One that raises gets nothing more."""

    def __init__(self, feedback: Feedback | None, failed: Callable[[Exception], None]) -> None:
        """`failed` is called with what one has raised; nothing is logged then.

        If `feedback` fails, the other side's picture becomes coarser at most.
        """
        self.forwards: tuple[Forward, ...] = ()
        "Get every decrypted packet first."

        self.received: list[RtpSink] = []
        "Get every decrypted packet after that, and after the feedback."

        self.sent: list[Callable[[bytes], None]] = []
        "Get every packet that is sent, before it is encrypted."

        self.failed = failed
        self._feedback = feedback

    @property
    def wait(self) -> bool:
        """Whether somebody gets packets one by one, in a task."""
        return bool(self.received) or self.reports

    @property
    def reports(self) -> bool:
        """Whether we report to the other side how its packets arrive, because no browser does."""
        return self._feedback is not None and self._feedback.enabled

    def forward(self, sink: Forward) -> None:
        """Give `sink` every decrypted packet from now on."""
        self.forwards += (sink,)

    def unforward(self, sink: Forward) -> None:
        """Give it nothing more. Does nothing if it gets none."""
        self.forwards = tuple(other for other in self.forwards if other != sink)

    def pass_at_once(self, packets: list[bytes]) -> bool:
        """Give packets to the forwards. Returns False if one has failed."""
        failed = False
        for forward in self.forwards:
            try:
                forward(packets)
            except Exception as error:
                failed = True
                self.forwards = tuple(other for other in self.forwards if other is not forward)
                self.failed(error)
        return not failed

    async def feed_back(self, packet: bytes) -> None:
        """Give a packet to the feedback."""
        if self._feedback is not None and self.reports:
            try:
                await self._feedback.received(packet)
            except Exception:
                logger.exception("feedback about packets failed and has ended")
                self._feedback = None

    async def show_received(self, packet: bytes) -> None:
        """Give a decrypted packet to those who get them one by one."""
        for tap in tuple(self.received):
            try:
                await tap(packet)
            except Exception as error:
                self.received.remove(tap)
                self.failed(error)

    def show_sent(self, packet: bytes) -> None:
        """Give a packet that is sent to those who get these."""
        for tap in tuple(self.sent):
            try:
                tap(packet)
            except Exception as error:
                self.sent.remove(tap)
                self.failed(error)
