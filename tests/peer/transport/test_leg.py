"""One leg: how it connects, to whom it doesn't connect, and that nothing of it remains."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from aiortc import AudioStreamTrack, MediaStreamTrack, RTCCertificate, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcdtlstransport import SRTPProtectionProfile
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

from peer.overlay.loopback import loopback_address
from peer.transport.connections import MAX_DATAGRAM, Refusal
from peer.transport.dtls import PinnedDtlsTransport
from peer.transport.ice import FOUNDATION
from peer.transport.leg import Leg
from peer.transport.udp_socket import OverlaySocket
from shared.errors import LegFailed, LocalProtocolError, WrongIdentity
from shared.messages import Bye, Ping
from shared.node_id import NodeId
from shared.secrets.handshake import Role, epoch
from shared.secrets.identity import Fingerprint, PublicKeyPin
from tests.peer.decoding_leg import DecodingLeg
from tests.peer.pair import (
    ANNA,
    BEN,
    EVE,
    PATIENCE,
    FirstContact,
    Stranger,
    connected,
    one_link_handshake,
    together,
    two_legs,
    two_sockets,
)
from tests.peer.sockets import own_sockets


async def test_one_link_connects_a_caller_that_does_not_know_the_callees_port() -> None:
    async with two_legs() as legs:
        await together(legs.caller, legs.callee)
        assert legs.caller.connected
        assert legs.callee.connected
        assert legs.caller.remote_address == (str(loopback_address(BEN)), legs.sockets.callee.port)
        assert legs.callee.remote_address == (str(loopback_address(ANNA)), legs.sockets.caller.port)


async def test_first_contact_connects_when_both_know_the_others_port() -> None:
    async with two_sockets() as sockets:
        caller, callee = FirstContact.of(sockets.caller.port).answered(sockets.callee.port)
        legs = (
            Leg(sockets.caller, caller, remote_port=sockets.callee.port),
            Leg(sockets.callee, callee, remote_port=sockets.caller.port),
        )
        await together(*legs)
        assert legs[0].exported == legs[1].exported
        for leg in legs:
            await leg.close()


async def test_a_caller_that_reads_the_response_late_connects_at_once() -> None:
    async with two_sockets() as sockets:
        third_refusal = asyncio.get_running_loop().create_future()

        class Counting(Counter[str]):
            def __setitem__(self, refusal: str, count: int) -> None:
                super().__setitem__(refusal, count)
                if refusal == Refusal.EARLY and count == 3:
                    third_refusal.set_result(None)

        sockets.caller.counters.refused = Counting()
        caller_handshake, callee_handshake = FirstContact.of(sockets.caller.port).answered(sockets.callee.port)
        callee = Leg(sockets.callee, callee_handshake, remote_port=sockets.caller.port)
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            group.create_task(callee.connect())
            # The callee dials 0, 0.5 and 1.5 seconds after its start without an answer, and would dial again after 3.5.
            await third_refusal
            started = time.monotonic()
            caller = Leg(sockets.caller, caller_handshake, remote_port=sockets.callee.port)
            await caller.connect()
        assert time.monotonic() - started < 1
        await caller.close()
        await callee.close()


async def test_forged_responses_are_tried_beside_the_true_one_and_cost_nothing() -> None:
    async with two_sockets() as sockets, Stranger.at(loopback_address(BEN)) as forger:
        contact = FirstContact.of(sockets.caller.port)
        true_caller, callee = contact.answered(sockets.callee.port)
        # One forger knows another port of the same node, and one writes the very port of the true response.
        elsewhere, _ = contact.answered(forger.port, seed=b"forged 1")
        same_port, _ = contact.answered(sockets.callee.port, seed=b"forged 2")
        attempts = [
            Leg(sockets.caller, elsewhere, remote_port=forger.port),
            Leg(sockets.caller, same_port, remote_port=sockets.callee.port),
        ]
        async with asyncio.timeout(PATIENCE):
            tries = [asyncio.create_task(leg.connect()) for leg in attempts]
            # The forged ones are being dialled before the true response is read.
            await forger.hear()
            legs = (
                Leg(sockets.caller, true_caller, remote_port=sockets.callee.port),
                Leg(sockets.callee, callee, remote_port=sockets.caller.port),
            )
            await together(*legs)
            assert not any(attempt.done() for attempt in tries)
            for leg in attempts:
                await leg.close()
            for attempt in tries:
                with pytest.raises(LegFailed):
                    await attempt
        # The port stays open for the leg that has connected.
        legs[0].control.send(Ping(7))
        assert await anext(legs[1].control) == Ping(7)
        for leg in legs:
            await leg.close()


@pytest.mark.parametrize("refusing", list(Role))
@pytest.mark.parametrize("pin", [Fingerprint(bytes(32)), PublicKeyPin(bytes(32))])
async def test_somebody_with_another_certificate_is_refused_and_notices(
    refusing: Role, pin: Fingerprint | PublicKeyPin
) -> None:
    async with two_sockets() as sockets:
        handshakes = {role: one_link_handshake(role) for role in Role}
        handshakes[refusing] = dataclasses.replace(handshakes[refusing], remote_pin=pin)
        legs = {
            Role.CALLER: Leg(sockets.caller, handshakes[Role.CALLER], remote_port=None),
            Role.CALLEE: Leg(sockets.callee, handshakes[Role.CALLEE], remote_port=sockets.caller.port),
        }
        other = asyncio.create_task(legs[refusing.other].connect())
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(WrongIdentity):
                await legs[refusing].connect()
            assert not legs[refusing].connected
            await legs[refusing].closed.wait()
            # The other side may have seen a whole handshake by then, but no connection remains.
            await legs[refusing.other].closed.wait()
            await asyncio.wait([other])
            if other.exception() is not None:
                assert isinstance(other.exception(), LegFailed)
        assert not legs[refusing.other].connected
        for leg in legs.values():
            await leg.close()


VERSION = b"\xa0\x03\x02\x01\x02"
DATE = b"\x17\x0d00"
"The version and date in a certificate (RFC 5280, section 4.1): version 3, and the year 2000."


@pytest.mark.parametrize("refusing", list(Role))
@pytest.mark.parametrize(("field", "value"), [(VERSION, b"\xa0\x03\x02\x01\x05"), (DATE, b"\x17\x0dxx")])
async def test_a_certificate_that_cannot_be_read_is_refused_like_any_other(
    refusing: Role, field: bytes, value: bytes, tmp_path: Path
) -> None:
    async with two_legs() as legs:
        by_role = {Role.CALLER: legs.caller, Role.CALLEE: legs.callee}
        certificate = by_role[refusing.other]._dtls._RTCDtlsTransport__local_certificate  # type: ignore[attr-defined]
        der = certificate._cert.public_bytes(serialization.Encoding.DER)
        assert field in der
        file = tmp_path / "certificate.der"
        file.write_bytes(der.replace(field, value))
        create = certificate._create_ssl_context

        def with_another(srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
            context: SSL.Context = create(srtp_profiles=srtp_profiles)
            context.use_certificate_file(str(file), crypto.FILETYPE_ASN1)
            return context

        certificate._create_ssl_context = with_another
        other = asyncio.create_task(by_role[refusing.other].connect())
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(WrongIdentity):
                await by_role[refusing].connect()
            await asyncio.wait([other])
            if other.exception() is not None:
                assert isinstance(other.exception(), LegFailed)


async def test_a_server_that_wants_another_handshake_gets_none() -> None:
    """Nobody would check its certificate then, and each handshake causes work."""
    async with two_legs(RecordingSocket) as legs:
        server = legs.caller._dtls
        certificate = RTCCertificate(*_key_and_certificate(server))
        server._RTCDtlsTransport__local_certificate = certificate  # type: ignore[attr-defined]
        await together(legs.caller, legs.callee)
        legs.caller.control.send(Ping(0))
        async with asyncio.timeout(PATIENCE):
            await anext(legs.callee.control)
        exported, sent = legs.callee.exported, legs.sockets.callee
        assert isinstance(sent, RecordingSocket)
        sent.recorded.clear()
        assert server._ssl is not None
        assert server._ssl.renegotiate()
        with contextlib.suppress(SSL.Error):
            server._ssl.do_handshake()
        await server._write_ssl()
        # A packet of sound shows that everything before it was read.
        heard = asyncio.Event()

        async def tap(packet: bytes) -> None:
            heard.set()

        legs.callee.tap(tap)
        await legs.caller.send_rtp(b"\x80\x6f" + bytes(20))
        async with asyncio.timeout(PATIENCE):
            await heard.wait()
        assert not [datagram for datagram in sent.recorded if datagram[0] == HANDSHAKE]
        assert legs.callee.exported == exported


HANDSHAKE = 22
"The first byte of a record of a DTLS handshake (RFC 6347, section 4.1)."


def _key_and_certificate(transport: PinnedDtlsTransport) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    certificate = transport._RTCDtlsTransport__local_certificate  # type: ignore[attr-defined]
    return certificate._key, certificate._cert


class RecordingSocket(OverlaySocket):
    """A socket that keeps what it sends, so that a test can send it again."""

    def __init__(self, local: IPv4Address | IPv6Address, remote: IPv4Address | IPv6Address) -> None:
        super().__init__(local, remote)
        self.recorded: list[bytes] = []

    def send(self, datagram: bytes, remote_port: int) -> None:
        self.recorded.append(datagram)
        super().send(datagram, remote_port)


@contextlib.asynccontextmanager
async def recorded_call() -> AsyncIterator[tuple[Leg, Leg, OverlaySocket, list[bytes]]]:
    """A connected call, the caller's socket, and all datagrams from the callee to it: checks, DTLS and SRTP."""
    anna, ben = loopback_address(ANNA), loopback_address(BEN)
    to_caller = await OverlaySocket.open(anna, ben, interface="lo")
    to_callee = await RecordingSocket.open(ben, anna, interface="lo")
    assert isinstance(to_callee, RecordingSocket)
    caller = Leg(to_caller, one_link_handshake(Role.CALLER), remote_port=None)
    callee = Leg(to_callee, one_link_handshake(Role.CALLEE), remote_port=to_caller.port)
    await together(caller, callee)
    await callee.send_rtp(b"\x80\x6f" + bytes(20))
    callee.control.send(Ping(1))
    assert await anext(caller.control) == Ping(1)
    try:
        yield caller, callee, to_caller, to_callee.recorded[:]
    finally:
        await caller.close()
        await callee.close()
        to_caller.close()
        to_callee.close()


async def still_talking(caller: Leg, callee: Leg) -> None:
    """Check that a message arrives, which means that everything that was sent before it has been handled too."""
    callee.control.send(Ping(2))
    assert await anext(caller.control) == Ping(2)
    assert caller.connected
    assert callee.connected


@pytest.mark.parametrize(
    ("attacker", "refusal"),
    [
        pytest.param(EVE, Refusal.FOREIGN_ADDRESS, id="another address"),
        pytest.param(BEN, Refusal.UNEXPECTED, id="another port of the same node"),
    ],
)
async def test_a_copy_of_the_whole_call_from_elsewhere_changes_nothing(attacker: NodeId, refusal: Refusal) -> None:
    async with recorded_call() as (caller, callee, sock, recorded):
        assert {datagram[0] >> 6 for datagram in recorded} == {0, 2}, "checks and DTLS, and SRTP"
        heard = caller.last_heard
        async with Stranger.at(loopback_address(attacker)) as eve:
            before = sock.counters.refused.total()
            for datagram in recorded:
                eve.send(datagram, sock)
            await still_talking(caller, callee)
            async with asyncio.timeout(PATIENCE):
                while sock.counters.refused.total() < before + len(recorded):  # noqa: ASYNC110 -- nobody tells of a refusal
                    await asyncio.sleep(0)  # the loop reads one a turn, and from another socket than the message
            assert sock.counters.refused.total() == before + len(recorded)
            assert sock.counters.refused[refusal]
            assert eve.heard.empty()
        assert caller.counters.audio.packets == 1
        assert caller.remote_address == (str(loopback_address(BEN)), callee._socket.port)
        assert caller.last_heard != heard


async def test_a_call_survives_every_datagram_of_its_own_again_and_damaged() -> None:
    async with recorded_call() as (caller, callee, sock, recorded):
        assert isinstance(callee._socket, RecordingSocket)
        for datagram in recorded:
            callee._socket.send(datagram, sock.port)
            callee._socket.send(bytes((datagram[0],)), sock.port)
            callee._socket.send(datagram[:-1] + bytes((datagram[-1] ^ 1,)), sock.port)
        await still_talking(caller, callee)
        assert caller.counters.audio.packets == 1


async def test_empty_and_huge_datagrams_do_not_end_a_call() -> None:
    async with connected() as legs:
        assert legs.sockets.callee._transport is not None
        bound = legs.sockets.callee._transport.get_extra_info("socket")
        with socket.fromfd(bound.fileno(), socket.AF_INET, socket.SOCK_DGRAM) as same:
            for size in (0, MAX_DATAGRAM + 1, 65507):
                same.sendto(bytes(size), (str(loopback_address(ANNA)), legs.sockets.caller.port))
        await still_talking(legs.caller, legs.callee)
        assert legs.sockets.caller.counters.refused == {Refusal.EMPTY: 1, Refusal.OVERSIZED: 2}


async def test_the_next_epoch_connects_over_the_same_ports() -> None:
    async with connected() as legs:
        await legs.caller.close()
        await legs.callee.close()
        again = (
            Leg(legs.sockets.caller, epoch(b"s" * 32, 1, Role.CALLER), remote_port=legs.sockets.callee.port),
            Leg(legs.sockets.callee, epoch(b"s" * 32, 1, Role.CALLEE), remote_port=legs.sockets.caller.port),
        )
        await together(*again)
        for leg in again:
            await leg.close()


async def test_both_sides_export_the_same_secret_and_every_leg_another() -> None:
    exported = []
    for _ in range(2):
        async with connected() as legs:
            assert legs.caller.exported == legs.callee.exported
            exported.append(legs.caller.exported)
    assert len(set(exported)) == 2
    assert len(exported[0]) == 32


async def test_the_credentials_of_an_epoch_do_not_give_the_keys_of_its_connection() -> None:
    exported = []
    for _ in range(2):
        async with two_sockets() as sockets:
            # During a call the disk contains only this secret and the epoch's number.
            both = (
                Leg(sockets.caller, epoch(b"s" * 32, 7, Role.CALLER), remote_port=sockets.callee.port),
                Leg(sockets.callee, epoch(b"s" * 32, 7, Role.CALLEE), remote_port=sockets.caller.port),
            )
            await together(*both)
            exported.append(both[0].exported)
            ssl = both[0]._dtls._ssl
            assert ssl is not None
            # An ephemeral key exchange: the keys of both certificates don't help anybody who has recorded the
            # handshake.
            assert str(ssl.get_cipher_name()).startswith("ECDHE-ECDSA-")
            for leg in both:
                await leg.close()
    assert len(set(exported)) == 2


async def test_nothing_can_be_exported_or_sent_before_there_is_a_connection() -> None:
    async with two_legs() as legs:
        with pytest.raises(LocalProtocolError):
            _ = legs.caller.exported
        with pytest.raises(LegFailed):
            await legs.caller.send(AudioStreamTrack())
        await legs.caller.send_rtp(b"\x80\x6f" + bytes(20))
        assert legs.caller.last_heard is None
        assert legs.caller.remote_address is None


async def test_a_leg_connects_once() -> None:
    async with connected() as legs:
        with pytest.raises(LocalProtocolError):
            await legs.caller.connect()


async def test_a_call_opens_no_socket_but_its_port() -> None:
    before = own_sockets()
    async with two_legs() as legs:
        ours = {
            ("udp", loopback_address(ANNA), legs.sockets.caller.port),
            ("udp", loopback_address(BEN), legs.sockets.callee.port),
        }
        assert own_sockets() - before == ours
        await together(legs.caller, legs.callee)
        await legs.caller.send(AudioStreamTrack())
        await legs.callee.receive("audio")
        assert own_sockets() - before == ours
    assert own_sockets() == before


async def test_candidates_do_not_show_a_hash_of_the_address() -> None:
    async with connected() as legs:
        for leg in (legs.caller, legs.callee):
            (local,) = leg._connection.local_candidates
            assert (local.foundation, local.type) == (FOUNDATION, "host")
            assert leg._connection.stun_server is leg._connection.turn_server is None
        assert [candidate.type for candidate in legs.caller._connection.remote_candidates] == ["prflx"]
        assert [candidate.foundation for candidate in legs.callee._connection.remote_candidates] == [FOUNDATION]


async def test_the_end_of_one_leg_is_noticed_by_the_other() -> None:
    async with connected() as legs, asyncio.timeout(PATIENCE):
        legs.caller.control.send(Bye("enough"))
        await legs.caller.control.drain()
        await legs.caller.close()
        assert [message async for message in legs.callee.control] == [Bye("enough")]
        await legs.callee.closed.wait()
        assert not legs.callee.connected
        with pytest.raises(LegFailed):
            await legs.callee.send(AudioStreamTrack())
        with pytest.raises(LegFailed):
            await legs.callee.receive("audio")


async def test_the_loss_of_the_port_ends_the_leg() -> None:
    async with connected() as legs, asyncio.timeout(PATIENCE):
        legs.sockets.caller.close()
        await legs.caller.closed.wait()
        assert [message async for message in legs.caller.control] == []


async def test_what_is_authenticated_is_heard() -> None:
    async with connected() as legs:
        heard = legs.caller.last_heard
        assert heard is not None
        await legs.callee.send_rtp(b"\x80\x6f" + bytes(20))
        legs.callee.control.send(Ping(1))
        await anext(legs.caller.control)
        assert legs.caller.last_heard is not None
        assert legs.caller.last_heard > heard


async def test_a_leg_that_never_connected_can_be_closed() -> None:
    async with two_legs() as legs:
        await legs.caller.close()
        assert legs.caller.closed.is_set()
        with pytest.raises(LocalProtocolError):
            await legs.caller.connect()
        # The credentials are free again.
        await Leg(legs.sockets.caller, one_link_handshake(Role.CALLER), remote_port=None).close()


async def test_closing_ends_an_attempt_to_connect() -> None:
    async with two_legs() as legs, asyncio.timeout(PATIENCE):
        attempt = asyncio.create_task(legs.caller.connect())
        await asyncio.sleep(0)
        await legs.caller.close()
        with pytest.raises(LegFailed):
            await attempt


async def test_closing_the_port_ends_an_attempt_to_connect_and_the_next_one() -> None:
    async with two_legs() as legs, asyncio.timeout(PATIENCE):
        attempt = asyncio.create_task(legs.caller.connect())
        await asyncio.sleep(0)
        legs.sockets.caller.close()
        with pytest.raises(LegFailed):
            await attempt
        late = Leg(legs.sockets.caller, epoch(b"s" * 32, 1, Role.CALLER), remote_port=None)
        with pytest.raises(LegFailed):
            await late.connect()
        await late.close()


async def test_a_cancelled_attempt_can_be_closed() -> None:
    async with two_legs() as legs, asyncio.timeout(PATIENCE):
        attempt = asyncio.create_task(legs.callee.connect())
        await asyncio.sleep(0)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await legs.callee.close()


@contextlib.asynccontextmanager
async def nothing_left(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Check that the block leaves no task, no thread, no socket and no complaint of asyncio."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    tasks, threads, sockets = asyncio.all_tasks(), set(threading.enumerate()), own_sockets()
    with caplog.at_level(logging.WARNING):
        yield
        assert asyncio.all_tasks() == tasks
        # The loop keeps its worker threads, and encoders run in them.
        left = set(threading.enumerate()) - threads
        assert not [thread for thread in left if not thread.name.startswith("asyncio_")]
        assert own_sockets() == sockets
        gc.collect()
    # In debug mode asyncio also logs slow callbacks. They are no complaint.
    assert not [record for record in caplog.records if "took" not in record.message]


@pytest.mark.parametrize("first", list(Role))
async def test_a_closed_call_leaves_nothing(first: Role, caplog: pytest.LogCaptureFixture) -> None:
    async with nothing_left(caplog), two_sockets() as sockets:
        caller = DecodingLeg(sockets.caller, one_link_handshake(Role.CALLER), remote_port=None)
        callee = DecodingLeg(sockets.callee, one_link_handshake(Role.CALLEE), remote_port=sockets.caller.port)
        legs = (caller, callee)
        tracks = [await leg.receive(kind) for leg in legs for kind in ("audio", "video")]
        await together(*legs)
        for leg in legs:
            await leg.send(AudioStreamTrack())
            await leg.send(VideoStreamTrack())
            leg.control.send(Ping(1))
        async with asyncio.timeout(PATIENCE):
            for track in tracks:
                await track.recv()
            for leg in legs if first is Role.CALLER else legs[::-1]:
                await leg.close()
            for track in tracks:
                await ended(track)


async def ended(track: MediaStreamTrack) -> None:
    """Read the rest of a track."""
    with contextlib.suppress(MediaStreamError):
        while True:
            await track.recv()


async def test_connect_twice_in_a_row_leaves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with nothing_left(caplog):
        for _ in range(2):
            async with connected():
                pass
