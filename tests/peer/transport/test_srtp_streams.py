"""A packet costs the same, however many streams the other side begins."""

from __future__ import annotations

import asyncio
import struct

import pylibsrtp
import pytest

from peer.transport.srtp_streams import IDLE_SECONDS, MOST, BoundedSession
from tests.peer.pair import PATIENCE, connected


def policy(kind: int) -> pylibsrtp.Policy:
    return pylibsrtp.Policy(key=bytes(30), ssrc_type=kind)


def rtp(ssrc: int, number: int = 1) -> bytes:
    return struct.pack("!BBHLL", 0x80, 111, number, 0, ssrc) + b"sound"


def both(clock: list[float]) -> tuple[pylibsrtp.Session, BoundedSession]:
    """A sender without a limit and a receiver with one. The list contains the time."""
    sender = pylibsrtp.Session(policy(pylibsrtp.Policy.SSRC_ANY_OUTBOUND))
    receiver = pylibsrtp.Session(policy(pylibsrtp.Policy.SSRC_ANY_INBOUND))
    return sender, BoundedSession(receiver, lambda: clock[0])


def test_one_stream_too_many_is_refused_until_another_was_silent() -> None:
    clock = [0.0]
    sender, receiver = both(clock)
    for ssrc in range(MOST):
        assert receiver.unprotect(sender.protect(rtp(ssrc))) == rtp(ssrc)
    for ssrc in range(MOST, 10 * MOST):
        with pytest.raises(pylibsrtp.Error, match="too many"):
            receiver.unprotect(sender.protect(rtp(ssrc)))
    assert receiver.unprotect(sender.protect(rtp(0, 2))) == rtp(0, 2), "those that are there go on"
    clock[0] = IDLE_SECONDS
    for ssrc in range(MOST, 10 * MOST):
        clock[0] += IDLE_SECONDS
        receiver.unprotect(sender.protect(rtp(ssrc, 2)))
        assert receiver.streams == MOST


def test_what_nobody_has_sealed_takes_no_streams_place() -> None:
    sender, receiver = both([0.0])
    for ssrc in range(2 * MOST):
        with pytest.raises(pylibsrtp.Error):
            receiver.unprotect(rtp(ssrc) + bytes(10))
    assert receiver.streams == 0
    for packet in (b"", b"\x80", bytes(11)):
        with pytest.raises(pylibsrtp.Error):
            receiver.unprotect(packet)
    assert receiver.unprotect(sender.protect(rtp(1))) == rtp(1)


async def test_a_call_has_no_more_streams_than_that_in_either_direction() -> None:
    async with connected() as legs:
        last, arrived = rtp(1, 2), asyncio.Event()

        async def note(packet: bytes) -> None:
            if packet == last:
                arrived.set()

        legs.callee.tap(note)
        sending = legs.caller._dtls._tx_srtp
        assert isinstance(sending, BoundedSession)
        unbounded = sending._session
        for ssrc in range(1, 20 * MOST):
            await legs.caller._dtls.transport._send(unbounded.protect(rtp(ssrc)))
            await legs.callee.send_rtp(rtp(ssrc))
            await asyncio.sleep(0)
        await legs.caller._dtls.transport._send(unbounded.protect(last))
        async with asyncio.timeout(PATIENCE):
            await arrived.wait()
        for each in (legs.callee._dtls._rx_srtp, legs.callee._dtls._tx_srtp):
            assert isinstance(each, BoundedSession)
            assert each.streams == MOST
