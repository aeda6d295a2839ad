"""Tells which of the connections that share a socket a datagram is for.

One call may try several connections at once, because a chat may hold forged responses beside the true one. Checks are
told apart by the username in them, answers to checks by their transaction id, and everything else by the remote port,
once a connection has proved itself at it.
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
"The most bytes of a datagram that are taken: Ethernet's MTU, which DTLS and SRTP senders assume as well."


MEDIA_BEGINS, MEDIA_ENDS = 128, 192
RECORDS_BEGIN, RECORDS_END = 20, 64
CHECKS_END = 4
"""First bytes of a datagram (RFC 7983, section 7). SRTP and SRTCP: MEDIA_BEGINS up to before MEDIA_ENDS. DTLS:
RECORDS_BEGIN up to before RECORDS_END. STUN: 0 up to before CHECKS_END."""

MediaTaker = Callable[[list[bytes]], list[bytes]]
"Takes a list of datagrams that arrived together, at least one, and returns those that it leaves to the reader."

StrayCheck = Callable[[str, Callable[[str], bool]], bool]


class Refusal(enum.StrEnum):
    """Why a datagram was dropped."""

    FOREIGN_ADDRESS = "foreign-address"
    "It didn't come from the other node's address."

    EMPTY = "empty"
    OVERSIZED = "oversized"

    UNAUTHENTICATED = "unauthenticated"
    "A check that names no connection here, or wasn't made with its password."

    UNEXPECTED = "unexpected"
    "No connection of this socket waits for such a datagram."

    EARLY = "early"
    """A check that came before any connection was tried here. An honest callee sends some: it begins when it has
    answered, which may be before we have read the answer."""

    LATE = "late"
    """The answer to a check that nobody waits for any more, or something that was sent before its sender knew of the
    end."""

    OVERRUN = "overrun"
    "A connection had no more room for it."

    FLOOD = "flood"
    "One of more datagrams than any honest program sends. Those that the kernel drops aren't counted."


HONEST = frozenset({Refusal.EARLY, Refusal.LATE})
"These happen with an honest other side as well, so people needn't know of them."


@dataclass(slots=True)
class SocketCounters:
    """Counts what has passed a socket, and what was dropped."""

    received_packets: int = 0
    received_bytes: int = 0
    sent_packets: int = 0
    sent_bytes: int = 0

    refused: Counter[str] = field(default_factory=Counter)
    "How many datagrams were dropped, by Refusal."


class Rates(msgspec.Struct, frozen=True):
    """How many datagrams of the other side are read; what comes beyond it is dropped."""

    media: Limit
    "SRTP and SRTCP."

    records: Limit
    "DTLS."

    checks: Limit
    "STUN, from ports at which a connection has proved itself."

    strays: Limit
    "Everything from other ports."


RATES = Rates(
    media=Limit(at_once=5_000, per_second=5_000.0),
    records=Limit(at_once=10_000, per_second=10_000.0),
    checks=Limit(at_once=1_000, per_second=500.0),
    strays=Limit(at_once=4_000, per_second=2_000.0),
)
"""All are above what an honest program sends. The best video, screen and sound together are some 1,500 datagrams a
second. Files come as fast as the receiver takes them, 4 MiB at once. Finding a connection takes some 20 checks a
second."""


SEVERAL = 32
"So many datagrams of media are counted against their limit in one step."


class Share(Protocol):
    """What Connections needs of one connection."""

    @property
    def username(self) -> str:
        """The ICE username fragment that checks for this connection begin with."""

    @property
    def transactions(self) -> dict[bytes, stun.Transaction]:
        """The connection's own checks that wait for an answer, by transaction id."""

    def check_received(self, request: stun.Message, remote_port: int) -> None:
        """Take a check that names this connection. Nothing about it is verified yet."""

    def answer_received(self, answer: stun.Message, remote_port: int) -> None:
        """Take an answer to a check of this connection. Nothing about it is verified yet."""

    @property
    def media(self) -> MediaTaker:
        """Takes SRTP and SRTCP as it arrives, from a port at which this connection has proved itself.

        What it returns goes to `payload_received`.
        """

    def payload_received(self, datagram: bytes) -> None:
        """Take a DTLS or SRTP datagram from such a port."""

    def socket_lost(self) -> None:
        """The socket is gone."""


class ConnectionSocket(Protocol):
    """What connections need of the socket that they share. OverlaySocket is one."""

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
        """The connections that share this socket."""

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a connection what comes from a remote UDP port, see Connections.claim."""

    def send(self, datagram: bytes, remote_port: int) -> None:
        """Send to the other side. Does nothing once the socket is closed."""

    def send_all(self, datagrams: list[bytes], remote_port: int) -> None:
        """Send several datagrams, as `send` does."""

    def address_at(self, remote_port: int) -> tuple[str, int]:
        """Host and port of the other side at that UDP port, as ICE writes them into its answers."""


class Connections:
    """The connections of one socket. The socket calls `received` and `media_received` with what arrives."""

    def __init__(self, stray: StrayCheck = lambda username, made_with: False, rates: Rates = RATES) -> None:
        """`stray` is asked about a check that names no connection here.

        It gets the username fragment in the check, and a function that tells whether the check was made with a
        password.

        It returns whether the check belongs to the call. It may register a connection for it, which then answers the
        check; otherwise the check is dropped.
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
        """Add a connection: checks that name it reach it from now on.

        Raises LocalProtocolError if another one has its username.
        """
        if share.username in self._shares:
            raise LocalProtocolError("Two connections of one call have the same credentials.")
        self._shares[share.username] = share

    def release(self, share: Share) -> None:
        """Remove a connection; the socket stays open for the others."""
        self._shares = {name: other for name, other in self._shares.items() if other is not share}
        self._owners = {port: other for port, other in self._owners.items() if other is not share}

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """Give a connection everything that comes from a remote UDP port at which it has proved itself.

        The first connection to claim a port keeps it, unless another one has `chosen` that port for good.
        """
        if chosen:
            self._owners[remote_port] = share
        else:
            self._owners.setdefault(remote_port, share)

    def path_lost(self, lost: bool) -> None:
        """Note whether a connection was lost.

        If so, the other side may not know yet, and what it still sends is honest.
        """
        self._after_loss = lost

    def refuse(self, refusal: Refusal) -> None:
        """Count a datagram that is dropped. Its sender gets no answer, as if nobody were here."""
        self.counters.refused[refusal] += 1

    def lose_socket(self) -> None:
        """Tell all connections that the socket is gone."""
        for share in tuple(self._shares.values()):
            share.socket_lost()

    def received(self, data: bytes, remote_port: int) -> bool:
        """Hand a datagram from the other node to the connection that it is for, or drop it.

        Returns False if it came beyond the Rates: a flood.
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
        """Do the same with a list of SRTP and SRTCP datagrams that arrived together from one port; at least one, none
        empty.
        """
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
