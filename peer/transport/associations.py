"""Several SCTP associations over one DTLS connection, told apart by their ports (RFC 8261, section 6.1). Pure routing.

The call's messages are on one of their own, so that nothing that goes wrong with files, or waits behind them, touches
them.
"""

from __future__ import annotations

import struct
from typing import Protocol

FILES_PORT = 5001
"SCTP's port of the association for files; the other one has the usual 5000."

_DESTINATION = struct.Struct("!2xH")
"In the common header (RFC 9260, section 3.1)."


class Association(Protocol):
    """An SCTP transport of aiortc."""

    @property
    def port(self) -> int:
        """Our own SCTP port."""

    async def _handle_data(self, data: bytes) -> None: ...


class Associations:
    """Gives each SCTP packet to the association that it is for."""

    def __init__(self) -> None:
        self._by_port: dict[int, Association] = {}

    def add(self, association: Association) -> None:
        """It gets the packets to its port. The first one also gets those to ports that nobody has."""
        self._by_port[association.port] = association

    def remove(self, association: Association) -> None:
        """It gets nothing more. Does nothing if it gets nothing."""
        if self._by_port.get(association.port) is association:
            del self._by_port[association.port]

    async def _handle_data(self, data: bytes) -> None:
        # aiortc calls it so.
        if len(data) < _DESTINATION.size:
            return
        (port,) = _DESTINATION.unpack_from(data)
        association = self._by_port.get(port)
        if association is None and port != FILES_PORT:
            # Other programs send to the port that they think we have.
            association = next((each for each in self._by_port.values() if each.port != FILES_PORT), None)
        if association is not None:
            await association._handle_data(data)
