"""The rates that our own encoders get, whatever the other side says about the path."""

from __future__ import annotations

import random
from itertools import pairwise

from peer.transport.dtls import AROUND
from peer.transport.own_path import OwnPath
from peer.transport.udp_socket import OverlaySocket
from tests.peer.pair import connected

SECONDS, PICTURES = 20, 30


def test_what_swings_with_each_picture_changes_what_is_sent_once_a_second_at_most() -> None:
    chance, now = random.Random(1), 100.0
    path = OwnPath(lambda: now, lambda: True)
    planned = []
    for _ in range(SECONDS * PICTURES):
        now += 1 / PICTURES
        path.carries.estimated(chance.choice((100_000, 300_000, 900_000)))
        planned.append(path.planned())
    changes = sum(before != after for before, after in pairwise(planned))
    assert 5 < changes <= SECONDS


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
