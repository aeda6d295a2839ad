"""The UDP socket of a leg to a browser on this machine."""

from __future__ import annotations

import socket
import sys
from ipaddress import IPv4Address

from peer.handset.guard import HOST
from peer.overlay import Address
from peer.port import OverlayPort, Refusal, Share

LOOPBACK = IPv4Address(HOST)

DEVICE = "lo" if sys.platform == "linux" else None

MAX_HOSTS = 256
"Addresses that are remembered. All of 127.0.0.0/8 is this machine's, so their number has to end somewhere."


class LoopbackPort(OverlayPort):
    """A port on 127.0.0.1 that takes datagrams from every address of this machine, and from no other.

    Chromium sends to 127.0.0.1 from the address of its network card. To the connection above, the browser is at
    127.0.0.1 whatever address a datagram came from; where an answer goes is kept here, by the browser's port number.
    """

    def __init__(self, local: Address, remote: Address) -> None:
        super().__init__(local, remote)
        self._own: dict[str, bool] = {}
        self._hosts: dict[int, str] = {}
        "The browser's address by its port, once that has shown that it knows the connection's password."

        self._now: tuple[str, int] | None = None
        "Where the datagram came from that is being handled."

    @classmethod
    async def listen(cls) -> LoopbackPort:
        """Bind a free port. Raises OverlayError if there is none."""
        return await cls.open(LOOPBACK, LOOPBACK, interface=DEVICE)

    def claim(self, remote_port: int, share: Share, *, chosen: bool = False) -> None:
        """As before, and note the address: this is called for what is authenticated only."""
        if self._now is not None and self._now[1] == remote_port:
            self._hosts[remote_port] = self._now[0]
        super().claim(remote_port, share, chosen=chosen)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        host, remote_port = addr[:2]
        if not self._is_own(host):
            return self.refuse(Refusal.FOREIGN_ADDRESS)
        self._now = host, remote_port
        try:
            super().datagram_received(data, (HOST, remote_port))
        finally:
            self._now = None
        return None

    def _host_at(self, remote_port: int) -> str | None:
        if self._now is not None and self._now[1] == remote_port:
            return self._now[0]
        return self._hosts.get(remote_port)

    def _is_own(self, host: str) -> bool:
        """Whether an address is this machine's: the kernel lets nobody bind another."""
        known = self._own.get(host)
        if known is None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((host, 0))
                    known = True
                except OSError:
                    known = False
            if len(self._own) < MAX_HOSTS:
                self._own[host] = known
        return known
