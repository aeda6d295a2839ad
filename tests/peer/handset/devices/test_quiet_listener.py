"""A listener that gives strangers no answer, tested with this machine's kernel."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from peer.handset.devices.quiet_listener import QuietListener, fill, waiting
from shared.errors import OverlayDown, PortTaken

HOME, PHONE, STRANGER = map(ip_address, ("127.91.0.1", "127.91.0.2", "127.91.0.3"))
SYN_SENT = 2
"net/tcp_states.h"

LOOPBACK = socket.if_nametoindex("lo")

SILENCE = 1.2
"Seconds of waiting. The kernel answers within microseconds if it does, and repeats a SYN after one second."


@contextmanager
def listening(*allowed: object) -> Iterator[QuietListener]:
    listener = QuietListener.open(HOME, 0, allowed, LOOPBACK)  # type: ignore[arg-type]
    try:
        yield listener
    finally:
        listener.close()


def connects(listener: QuietListener, source: object) -> bool:
    """Whether a connection from that address succeeds. Raises ConnectionRefusedError for a closed port."""
    with socket.socket() as sock:
        sock.settimeout(SILENCE)
        sock.bind((str(source), 0))
        try:
            sock.connect(listener.served.getsockname())
        except TimeoutError:
            return False
        return True


def test_the_allowed_are_answered_and_strangers_meet_silence_which_can_change_at_any_time() -> None:
    with listening(PHONE) as listener:
        assert connects(listener, PHONE)
        assert not connects(listener, STRANGER)
        listener.allow([STRANGER], LOOPBACK)
        assert connects(listener, STRANGER)
        assert not connects(listener, PHONE)
        listener.allow(None, LOOPBACK)
        assert connects(listener, PHONE)
        listener.allow([PHONE], LOOPBACK + 1)
        assert not connects(listener, PHONE)


def test_with_nobody_allowed_nobody_is_answered() -> None:
    with listening() as listener:
        assert not connects(listener, PHONE)


def test_somebody_else_in_the_only_place_of_the_decoy_fills_it_as_well_and_holds_nothing_up() -> None:
    """Another user of the machine connects to the decoy just before we do."""
    with socket.socket() as decoy, socket.socket() as other, socket.socket() as filler:
        decoy.bind(("127.0.0.1", 0))
        decoy.listen(0)
        assert waiting(decoy) == 0
        other.connect(decoy.getsockname())
        fill(decoy, filler)
        assert filler.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == bytes([SYN_SENT]), "nobody waits for it"
        other.close()
        assert waiting(decoy) == 1, "the place stays taken"
        filler.close()
        with socket.socket() as late:
            late.setblocking(False)
            late.connect_ex(decoy.getsockname())
            assert select.select([], [late], [], 0.2)[1] == []


def test_a_port_of_another_program_and_an_address_that_is_gone_are_said() -> None:
    with socket.socket() as other:
        other.bind((str(HOME), 0))
        other.listen()
        with pytest.raises(PortTaken, match="TCP port"):
            QuietListener.open(HOME, other.getsockname()[1], [PHONE], LOOPBACK)
    with pytest.raises(OverlayDown):
        QuietListener.open(ip_address("200:1::9"), 0, [PHONE], LOOPBACK)


def test_another_home_of_the_same_user_at_the_same_port_is_said_and_changes_nothing() -> None:
    with listening(PHONE) as listener:
        with pytest.raises(PortTaken, match="TCP port"):
            QuietListener.open(HOME, listener.served.getsockname()[1], [STRANGER], LOOPBACK)
        assert connects(listener, PHONE)
        assert not connects(listener, STRANGER)


def test_after_it_is_closed_the_port_is_free_and_closed() -> None:
    listener = QuietListener.open(HOME, 0, [PHONE], LOOPBACK)
    port = listener.served.getsockname()[1]
    listener.close()
    with socket.socket() as sock:
        sock.bind((str(PHONE), 0))
        with pytest.raises(ConnectionRefusedError):
            sock.connect((str(HOME), port))
    again = QuietListener.open(HOME, port, [PHONE], LOOPBACK)
    again.close()
