"""ICE that can only reach the overlay: one host candidate, one remote address, no STUN or TURN server, no mDNS.

Private names of aioice's connection, and the one of aiortc's transport that takes ours, are used in no other file;
tests/peer/transport/test_private_names.py lists them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import cast

from aioice import Candidate, Connection, ConnectionClosed, stun
from aioice.candidate import candidate_priority
from aioice.ice import ICE_COMPLETED, ICE_FAILED, CandidatePair, ConnectionEvent, StunProtocol
from aiortc import RTCIceGatherer, RTCIceTransport

from peer.overlay import Address
from peer.transport import dtls_records
from peer.transport.connections import ConnectionSocket, MediaTaker, Refusal
from shared.secrets.handshake import IceCredentials

# aioice writes addresses into its log at INFO. Anyone who needs them can ask for this logger by name.
logging.getLogger("aioice").setLevel(logging.WARNING)

FOUNDATION = "overlay"
"The same for everybody. aioice takes an MD5 of the address, which anybody can undo by trying (RFC 8445, 5.1.1.3)."

COMPONENT = 1

MAX_REMOTE_PORTS = 8
"Ports of the other node that checks are taken from before one is chosen. It has one; the rest is room for restarts."

CHECK_SECONDS = 0.1
MAX_COPIES = 100
"""A check is sent every CHECK_SECONDS until it is answered, MAX_COPIES times: for the first ten seconds. After that it
is sent every PATIENT_SECONDS, for as long as the connection is wanted.

The wait can be long. The caller of a first contact may read the answer minutes later, perhaps a forged one beside it,
and then waits for the check that proves which is true.

aioice doubles the time between copies, from half a second on: RFC 8489, section 6.2.1, wants that for servers that many
clients ask. Here are two nodes, and after five lost packets the next copy would take eight seconds."""

PATIENT_SECONDS = 1.0

PATIENT_RETRANSMISSIONS = 10
"How often aioice doubles its wait for an answer before it gives up: after 17 minutes, longer than a link lives."

MAX_ERRORS = 8
"""How many errors a connection takes as answers to its checks; further ones are dropped. One is honest: it says that
both sides have the same role (RFC 8445, section 7.3.1.1). aioice answers each with another check."""

MAX_WAITING = 512
"How many datagrams are kept for a reader. DTLS reads them as they come, so if more wait, nobody reads."


Way = tuple[ConnectionSocket, int]
"A socket that sends to the other side, and the other side's UDP port."


def host_candidate(address: Address, port: int) -> Candidate:
    """Make a host candidate, the only kind that we use (RFC 8445, section 5.1.1.1)."""
    return Candidate(
        foundation=FOUNDATION,
        component=COMPONENT,
        transport="udp",
        priority=candidate_priority(COMPONENT, "host"),
        host=str(address),
        port=port,
        type="host",
    )


class SocketShare(StunProtocol):
    """A connection's share of the call's socket. aioice would open a socket for each connection instead."""

    def __init__(self, connection: OverlayConnection, socket: ConnectionSocket) -> None:
        super().__init__(connection)
        self.socket = socket
        self.username = connection.local_username
        self.local_candidate = host_candidate(socket.local, socket.port)
        self.media: MediaTaker = lambda datagrams: datagrams
        "Gets SRTP and SRTCP as it arrives, and returns the datagrams that are left to the reader."

        self._connection = connection
        self._checks: dict[int, stun.Message] = {}
        self._errors = 0

    # What the socket calls.

    def check_received(self, request: stun.Message, remote_port: int) -> None:
        self._connection.request_received(request, self._address(remote_port), self)

    def answer_received(self, answer: stun.Message, remote_port: int) -> None:
        if answer.message_class is stun.Class.ERROR:
            self._errors += 1
            if self._errors > MAX_ERRORS:
                self.socket.connections.refuse(Refusal.UNEXPECTED)
                return
        self.transactions[answer.transaction_id].response_received(answer, self._address(remote_port))

    def payload_received(self, datagram: bytes) -> None:
        self._connection.data_received(datagram, COMPONENT)

    def socket_lost(self) -> None:
        self.connection_lost(None)

    def _address(self, remote_port: int) -> tuple[str, int]:
        return self.socket.address_at(remote_port)

    # What aioice calls.

    async def request(
        self,
        request: stun.Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[stun.Message, tuple[str, int]]:
        """Send a check until it is answered; return the authenticated answer and where it came from."""
        if retransmissions == 0:
            # aioice gives a consent check half a second. Overlays have longer round trips; so it gets one and a half.
            retransmissions = 1
        elif retransmissions is None:
            retransmissions = PATIENT_RETRANSMISSIONS
        remote_port = addr[1]
        self._checks[remote_port] = request
        copies = asyncio.create_task(self._send_copies(request, remote_port))
        try:
            answer = await super().request(request, addr, integrity_key, retransmissions)
        finally:
            copies.cancel()
            if self._checks.get(remote_port) is request:
                del self._checks[remote_port]
        self._connection.heard_at(remote_port)
        return answer

    async def _send_copies(self, request: stun.Message, remote_port: int) -> None:
        for _ in range(MAX_COPIES):
            await asyncio.sleep(CHECK_SECONDS)
            self.send_stun(request, self._address(remote_port))
        while True:
            await asyncio.sleep(PATIENT_SECONDS)
            self.send_stun(request, self._address(remote_port))

    def check_again(self, remote_port: int) -> None:
        """Send the unanswered check to that UDP port once more now. Does nothing if there is none."""
        request = self._checks.get(remote_port)
        if request is not None:
            self.send_stun(request, self._address(remote_port))

    async def send_data(self, data: bytes, addr: tuple[str, int]) -> None:
        self.socket.send(data, addr[1])

    def send_stun(self, message: stun.Message, addr: tuple[str, int]) -> None:
        self.socket.send(bytes(message), addr[1])

    async def close(self) -> None:
        """Release this share. The socket stays open, because it belongs to the call."""
        self.socket.connections.release(self)


class OverlayConnection(Connection):
    """An ICE connection between two overlay addresses, with credentials that both sides know beforehand (RFC 8445).

    It answers checks from the moment it is made, and never gives up: the call has its own time limit, and then calls
    `close`.
    """

    def __init__(
        self, socket: ConnectionSocket, *, controlling: bool, local: IceCredentials, remote: IceCredentials
    ) -> None:
        super().__init__(controlling, local_username=local.username, local_password=local.password)
        self.remote_username = remote.username
        self.remote_password = remote.password

        self.first_heard: float | None = None
        "When the first authenticated check or answer came, on the monotonic clock."

        self.last_heard: float | None = None
        "When the last authenticated check or answer came, on the monotonic clock."

        self._handshakes = True
        "Whether the DTLS handshake isn't over yet, so that nothing takes media."

        self._socket = socket
        self._share = SocketShare(self, socket)
        socket.connections.register(self._share)
        self._protocols.append(self._share)
        self._local_candidates.append(self._share.local_candidate)

    @property
    def remote_address(self) -> tuple[str, int] | None:
        """Host and port of the other side, as ICE has chosen them; None before that."""
        pair = self._nominated.get(COMPONENT)
        return pair.remote_addr if pair is not None else None

    def take_media(self, taker: MediaTaker) -> None:
        """Call `taker` with SRTP and SRTCP as it arrives. It returns what is left to the reader.

        DTLS calls this when its handshake is over.
        """
        self._share.media, self._handshakes = taker, False

    async def gather_candidates(self) -> None:
        """Do nothing: the call's socket is the one candidate, and no other is ever opened."""

    async def add_remote_candidate(self, remote_candidate: Candidate | None) -> None:
        """Add a UDP port of the other node. Anything but a host candidate at the socket's remote address is ignored.

        So is the end of candidates (None), after which aioice would give up.
        """
        if remote_candidate is None or self._closing:
            return
        candidate = host_candidate(self._socket.remote, remote_candidate.port)
        if (
            remote_candidate.type == "host"
            and remote_candidate.component == COMPONENT
            and remote_candidate.transport.lower() == "udp"
            and remote_candidate.host == candidate.host
            and 0 < remote_candidate.port < 2**16
        ):
            self._add_remote_candidate(candidate, candidate.host)
            if self._early_checks_done:
                self._start_checks()

    async def connect(self) -> None:
        """Connect to the remote candidate, or to where the first authenticated check comes from.

        aioice sends its checks 20 ms apart, and polls for candidates. With one pair of candidates there is nothing to
        pace (RFC 8445, section 6.1.4.1), so here everything happens when a datagram arrives. Raises ConnectionError
        when the connection is closed meanwhile.
        """
        if self._closing or self._socket.closed:
            raise ConnectionError("The connection or its socket is closed")
        for early_check in self._early_checks:
            self.check_incoming(*early_check)
        self._early_checks.clear()
        self._early_checks_done = True
        self._start_checks()
        result = await self._check_list_state.get()
        for pair in self._check_list:
            if pair.task is not None:
                pair.task.cancel()
        address = self.remote_address
        if result != ICE_COMPLETED or address is None:
            raise ConnectionError("The connection was closed before it was up")
        self._socket.claim(address[1], self._share, chosen=True)
        # Consent to send, for as long as the connection lives (RFC 7675).
        self._query_consent_task = asyncio.create_task(self.query_consent())

    def check_again(self) -> None:
        """Send all unanswered checks once more now, for the other side has just become able to take them."""
        for pair in self._check_list:
            if pair.state is CandidatePair.State.IN_PROGRESS:
                self._share.check_again(pair.remote_addr[1])

    def _start_checks(self) -> None:
        for pair in self._check_list:
            if pair.state in (CandidatePair.State.FROZEN, CandidatePair.State.WAITING):
                self.check_start_task(pair)

    def heard_at(self, remote_port: int) -> None:
        """Note that an authenticated message came from that UDP port."""
        self.last_heard = time.monotonic()
        self.first_heard = self.first_heard or self.last_heard
        self._socket.claim(remote_port, self._share)

    def request_received(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Answer a check that was made with our password.

        Drop everything else silently, where aioice would send an error.
        """
        if self._closing:
            return
        username = message.attributes.get("USERNAME", "")
        if not self._valid_username(username) or not message.check_message_integrity(self.local_password.encode()):
            self._socket.connections.refuse(Refusal.UNAUTHENTICATED)
        elif (
            message.message_method is not stun.Method.BINDING
            or "PRIORITY" not in message.attributes
            or not self._takes_checks_from(addr[1])
        ):
            self._socket.connections.refuse(Refusal.UNEXPECTED)
        else:
            if not self._early_checks_done:
                # The other side repeats it until this side dials; one for each port is enough.
                for early in [early for early in self._early_checks if early[1] == addr]:
                    self._early_checks.remove(early)
            super().request_received(message, addr, protocol)

    def _takes_checks_from(self, remote_port: int) -> bool:
        if self.remote_address is not None:
            return remote_port == self.remote_address[1]
        known = {candidate.port for candidate in self._remote_candidates}
        known.update(early[1][1] for early in self._early_checks)
        return remote_port in known or len(known) < MAX_REMOTE_PORTS

    def check_incoming(self, message: stun.Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """Handle an authenticated check: its port becomes a candidate, and we send a check there.

        If we have an unanswered check to that port, it is sent again at once (RFC 8445, section 7.3.1.4). aioice leaves
        that to its timer, which may have many seconds to go after a long wait.
        """
        self.heard_at(addr[1])
        super().check_incoming(message, addr, protocol)
        for pair in self._check_list:
            if pair.remote_addr == addr and pair.state is CandidatePair.State.IN_PROGRESS:
                cast(SocketShare, protocol).check_again(addr[1])

    def protocol_lost(self, protocol: StunProtocol) -> None:
        """The socket is gone: end reading, or the attempt to connect."""
        super().protocol_lost(protocol)
        if not self._check_list_done:
            self._check_list_done = True
            self._check_list_state.put_nowait(ICE_FAILED)

    async def get_event(self) -> ConnectionEvent:
        """Wait for the end of the connection.

        If it has ended already, say so again: otherwise aiortc would ask for ever.
        """
        return await super().get_event() or ConnectionClosed()

    def data_received(self, data: bytes, component: int) -> None:
        """Keep a datagram for the reader, unless too many wait. DTLS records in one datagram are kept one by one.

        During the handshake datagrams stay whole, because OpenSSL then reads all that is there.
        """
        if self._handshakes or (data and data[0] not in dtls_records.DTLS):
            self._keep(data, component)
            return
        for each in dtls_records.split(data):
            self._keep(each, component)

    def _keep(self, data: bytes, component: int) -> None:
        if self._queue.qsize() < MAX_WAITING:
            self._queue.put_nowait((data, component))
        else:
            self._socket.connections.refuse(Refusal.OVERRUN)

    # aioice's own two do the same through two coroutines more, for each packet of a call.

    async def recv(self) -> bytes:
        """Wait for the next datagram. Raises ConnectionError when the connection is over."""
        kept = await self._queue.get() if self._nominated else None
        if kept is None:
            raise ConnectionError("The connection is over, or was never up")
        return kept[0]

    async def send(self, data: bytes) -> None:
        """Send a datagram. Raises ConnectionError before the connection is up."""
        address = self.remote_address
        if address is None:
            raise ConnectionError("The connection isn't up")
        self._socket.send(data, address[1])

    @property
    def way(self) -> Way | None:
        """How to send a datagram without a task; None before the connection is up and after its end."""
        address = self.remote_address
        return (self._socket, address[1]) if address is not None else None


def make_ice_transport(connection: OverlayConnection) -> RTCIceTransport:
    """Wrap our connection as the transport that DTLS runs over."""
    gatherer = RTCIceGatherer(
        iceServers=[], local_username=connection.local_username, local_password=connection.local_password
    )
    gatherer._connection = connection
    return RTCIceTransport(gatherer)
