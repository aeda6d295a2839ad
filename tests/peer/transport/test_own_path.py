"""The rates that our own encoders get, whatever the other side says about the path."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from peer.transport.dtls import AROUND
from peer.transport.own_path import OwnPath
from peer.transport.transport_cc import feedback
from peer.transport.udp_socket import OverlaySocket
from tests.peer.pair import connected

SECONDS, PICTURES = 20, 30


def test_what_swings_with_each_picture_changes_what_is_sent_once_a_second_at_most() -> None:
    chance, now = random.Random(1), 100.0
    path = OwnPath(lambda: now, lambda: True, lambda: True)
    planned = []
    for _ in range(SECONDS * PICTURES):
        now += 1 / PICTURES
        path.carries.estimated(chance.choice((100_000, 300_000, 900_000)))
        planned.append(path.planned())
    changes = sum(before != after for before, after in pairwise(planned))
    assert 5 < changes <= SECONDS


@pytest.mark.parametrize("arrives", [True, False])
def test_where_reports_stop_the_picture_pauses_if_anything_arrives_for_a_dark_path_is_none_that_is_full(
    arrives: bool,
) -> None:
    now = 100.0
    told: list[bool] = []
    path = OwnPath(lambda: now, lambda: True, lambda: arrives, told.append)
    path.carries.estimated(900_000)
    path.carries.number(1_000, now)
    path.carries.reported(feedback((1, 2), 1, [1.0], 1), now)
    for _ in range(6):
        now += 1
        path.carries.number(1_000, now)
        path.planned()
    assert told == [True] * arrives


class Measuring(OverlaySocket):
    """A socket that knows how long the last datagram was."""

    sent = 0

    def send(self, datagram: bytes, remote_port: int) -> None:
        self.sent = len(datagram)
        super().send(datagram, remote_port)


async def test_a_packet_counts_for_the_path_with_all_headers() -> None:
    packet = b"\x90\x6f" + bytes(10) + b"\xbe\xde\x00\x01" + b"\x100\0\0" + b"sound"
    async with connected(Measuring) as legs:
        legs.caller._dtls.send_now([packet], own=True)
        path, sock = legs.caller._own_path.carries, legs.caller._socket
        assert isinstance(sock, Measuring)
        udp, ip = 8, 20
        assert path._sent[path._number].size == sock.sent + udp + ip
    assert AROUND[6] - AROUND[4] == 20
