"""The connections that share one socket, and which of them a datagram is for.

One call may try several connections at once, for a chat may hold forged responses beside the true one. What arrives
is told apart: checks by the username in them, answers to checks by their transaction, everything else by the remote
port at which a connection has proved itself.
"""

from __future__ import annotations

import enum
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from aioice import stun

from peer.overlay import Address
from shared.errors import LocalProtocolError
from shared.rate import Bucket, Limit, Prepaid

MAX_DATAGRAM = 1500
"Bytes. Nothing in a call is larger: Ethernet's MTU, as DTLS and SRTP senders assume it."


MEDIA_BEGINS, MEDIA_ENDS = 128, 192
RECORDS_BEGIN, RECORDS_END = 20, 64
CHECKS_END = 4
"What SRTP and SRTCP begin with, and what comes after it; the same of DTLS; of STUN from 0 on (RFC 7983, section 7)."

MediaTaker = Callable[[list[bytes]], list[bytes]]
"Takes datagrams that came together, at least one, and returns those that it leaves to others."

StrayCheck = Callable[[str, Callable[[str], bool]], bool]


class Refusal(enum.StrEnum):
    """Why a datagram was dropped."""

    FOREIGN_ADDRESS = "foreign-address"
    "It came from another address than the other node's."

    EMPTY = "empty"
    OVERSIZED = "oversized"

    UNAUTHENTICATED = "unauthenticated"
    "A check for nobody here, or without the right password."

    UNEXPECTED = "unexpected"
    "Nothing that a connection of this socket waits for."

    EARLY = "early"
    "A check that came before any connection was tried here: the callee begins when it has answered."

    LATE = "late"
    "An answer to a check that isn't waited for any more, or what the other side sent before it knew of the end."

    OVERRUN = "overrun"
    "More than a connection could take in."

    FLOOD = "flood"
    "More than any honest program sends. What the kernel drops of a flood isn't counted."


HONEST = frozenset({Refusal.EARLY, Refusal.LATE})
"An honest other side causes these as well, so there is nothing to tell people."


@dataclass(slots=True)
class SocketCounters:
    """What has passed a socket, and what hasn't."""

    received_packets: int = 0
    received_bytes: int = 0
    sent_packets: int = 0
    sent_bytes: int = 0

    refused: Counter[str] = field(default_factory=Counter)
    "Dropped datagrams, by Refusal."


class Rates(msgspec.Struct, frozen=True):
    """How many datagrams of the other side are read."""

    media: Limit
    "SRTP and SRTCP."

    records: Limit
    "DTLS."

    checks: Limit
    "STUN, from where a connection has proved itself."

    strays: Limit
    "Everything from elsewhere."


RATES = Rates(
    media=Limit(at_once=5_000, per_second=5_000.0),
    records=Limit(at_once=10_000, per_second=10_000.0),
    checks=Limit(at_once=1_000, per_second=500.0),
    strays=Limit(at_once=4_000, per_second=2_000.0),
)
"""More than an honest program sends: the best video, screen and sound together are some 1,500 datagrams a second. Files
come as fast as the receiver takes them, 4 MiB at once. A connection is found by some 20 checks a second.
"""


SEVERAL = 32
"Datagrams of media that are counted at once."


class Share(Protocol):
    """One connection's share of the socket."""

    @property
    def username(self) -> str:
        """The ICE username fragment that checks for this connection begin with."""

    @property
    def transactions(self) -> dict[bytes, stun.Transaction]:
        """The connection's own checks that wait for an answer, by transaction id."""

    def check_received(self, request: stun.Message, remote_port: int) -> None:
        """Take a check that names this connection; nothing about it is verified yet."""

    def answer_received(self, answer: stun.Message, remote_port: int) -> None:
        """Take an answer to one of the connection's own checks; nothing about it is verified yet."""

    @property
    def media(self) -> MediaTaker:
        """Takes SRTP and SRTCP from a port at which this connection has proved itself, as it arrives.

        `payload_received` gets what is returned.
        """

    def payload_received(self, datagram: bytes) -> None:
        """Take a DTLS or SRTP datagram from such a port."""

    def socket_lost(self) -> None:
        """The socket is gone."""


class ConnectionSocket(Protocol):
    """What connections need of the socket that they share."""

    @property
    def local(self) -> Address:
        """Our address."""

    @property
    def port(self) -> int:
        """Our UDP port."""

    @property
    def remote(self) -> Address:
        """The other side's address."""

    @property
    def connections(self) -> Connections:
        """Those that share it."""

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a connection what comes from a remote port, see Connections.claim."""

    def send(self, datagram: bytes, remote_port: int) -> None:
        """Send to the other side. Does nothing once the socket is closed."""

    def address_at(self, remote_port: int) -> tuple[str, int]:
        """Host and port of the other side, as ICE writes them into its answers."""


class Connections:
    """Those of one socket, which hands them what arrives."""

    def __init__(self, stray: StrayCheck = lambda username, made_with: False, rates: Rates = RATES) -> None:
        """`stray` is asked about a check for no connection here: its username fragment, and whether it was made with a
        password.

        It returns whether the check belongs to the call all the same. The check gets an answer only if the connection
        that it is for has been registered meanwhile.
        """
        self.counters = SocketCounters()
        self._stray = stray
        self._after_loss = False
        self._shares: dict[str, Share] = {}
        self._owners: dict[int, Share] = {}
        self._media = Prepaid(Bucket(rates.media), SEVERAL)
        self._records = Bucket(rates.records)
        self._checks, self._strays = Bucket(rates.checks), Bucket(rates.strays)

    @property
    def ports(self) -> tuple[int, ...]:
        """The remote ports at which connections have proved themselves, the latest last."""
        return tuple(self._owners)

    def register(self, share: Share) -> None:
        """Let checks for this connection in. Raises LocalProtocolError if another one has its username."""
        if share.username in self._shares:
            raise LocalProtocolError("Two connections of one call have the same credentials.")
        self._shares[share.username] = share

    def release(self, share: Share) -> None:
        """Forget a connection; the socket stays open for the others."""
        self._shares = {name: other for name, other in self._shares.items() if other is not share}
        self._owners = {port: other for port, other in self._owners.items() if other is not share}

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a connection what comes from a remote port at which it has proved itself.

        The first connection to do so keeps it, unless another one has `chosen` that port for good.
        """
        if chosen:
            self._owners[remote_port] = share
        else:
            self._owners.setdefault(remote_port, share)

    def path_lost(self, lost: bool) -> None:
        """Note whether a connection was lost: the other side may not know yet, and go on to send on it."""
        self._after_loss = lost

    def refuse(self, refusal: Refusal) -> None:
        """Count a datagram that is dropped. The sender gets no answer, as if nobody were here."""
        self.counters.refused[refusal] += 1

    def lose_socket(self) -> None:
        """Let them all know that the socket is gone."""
        for share in tuple(self._shares.values()):
            share.socket_lost()

    def received(self, data: bytes, remote_port: int) -> bool:
        """Hand a datagram of the other side to the connection that it is for, or drop it.

        Returns whether it is no more than an honest program sends.
        """
        size, share = len(data), self._owners.get(remote_port)
        first = data[0] if size else 0
        media = MEDIA_BEGINS <= first < MEDIA_ENDS
        if media and share is not None:
            return self.media_received([data], remote_port)
        record = RECORDS_BEGIN <= first < RECORDS_END
        bucket = self._strays if share is None else self._records if record else self._checks
        if not bucket.takes(time.monotonic()):
            self.refuse(Refusal.FLOOD)
            return False
        if not 0 < size <= MAX_DATAGRAM:
            self.refuse(Refusal.OVERSIZED if size else Refusal.EMPTY)
            return True
        counters = self.counters
        counters.received_packets += 1
        counters.received_bytes += size
        if first < CHECKS_END:
            self._stun_received(data, remote_port)
        elif not media and not record:
            self.refuse(Refusal.UNEXPECTED)
        elif share is None:
            self.refuse(Refusal.LATE if self._after_loss else Refusal.UNEXPECTED)
        else:
            share.payload_received(data)
        return True

    def media_received(self, datagrams: list[bytes], remote_port: int) -> bool:
        """Do the same with SRTP and SRTCP that came together from one port: at least one datagram, none empty."""
        share = self._owners.get(remote_port)
        if share is None:
            return False not in [self.received(datagram, remote_port) for datagram in datagrams]
        came = len(datagrams)
        within = self._media.takes(time.monotonic, came)
        if within < came:
            self.counters.refused[Refusal.FLOOD] += came - within
            datagrams = datagrams[:within]
        if max(map(len, datagrams), default=0) > MAX_DATAGRAM:
            datagrams = [datagram for datagram in datagrams if len(datagram) <= MAX_DATAGRAM]
            self.counters.refused[Refusal.OVERSIZED] += within - len(datagrams)
        if datagrams:
            counters = self.counters
            counters.received_packets += len(datagrams)
            counters.received_bytes += sum(map(len, datagrams))
            for left in share.media(datagrams):
                share.payload_received(left)
        return within == came

    def _stun_received(self, data: bytes, remote_port: int) -> None:
        try:
            message = stun.parse_message(data)
        except (ValueError, struct.error):
            return self.refuse(Refusal.UNEXPECTED)
        if message.message_class is stun.Class.REQUEST:
            local_username, _, _ = message.attributes.get("USERNAME", "").partition(":")
            share = self._shares.get(local_username)
            if share is None:
                belongs = self._belongs_to_the_call(local_username, message)
                share = self._shares.get(local_username)
                if share is None and belongs:
                    return self.refuse(Refusal.LATE)
            if share is None:
                return self.refuse(Refusal.UNAUTHENTICATED if self._shares else Refusal.EARLY)
            return share.check_received(message, remote_port)
        for share in self._shares.values():
            if message.transaction_id in share.transactions:
                return share.answer_received(message, remote_port)
        answer = message.message_class in (stun.Class.RESPONSE, stun.Class.ERROR)
        return self.refuse(Refusal.LATE if answer else Refusal.UNEXPECTED)

    def _belongs_to_the_call(self, username: str, check: stun.Message) -> bool:
        return self._stray(username, lambda password: check.check_message_integrity(password.encode()))
