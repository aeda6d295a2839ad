"""The handset of a running program: the pages, the messages to them, and the server."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from bot.devices.book import DeviceBook
from bot.devices.serving import DeviceServing
from bot.page.last_place import LastPlace
from bot.page.requests import PageRequests
from bot.process.user_units import keeps_port
from bot.texts import page as texts
from peer.handset.late_server import LateServer, listening_socket
from peer.handset.page import Pages
from shared.kept_running import Part, kept_running


class HandsetService:
    """Serves the page in a running program."""

    def __init__(
        self,
        tell: Callable[[], Awaitable[None]],
        server: LateServer,
        book: DeviceBook,
        devices: Sequence[DeviceServing],
        last_place: LastPlace,
        notices: list[str],
        *,
        lasts: bool,
    ) -> None:
        self._tell = tell
        self._last_place = last_place
        self._book = book
        self._devices = devices
        self.lasts = lasts
        "Whether the page of the next run will have the same address."

        self.notices = notices
        "What the owner must know about the page's address."

        self._server = server

    @property
    def address(self) -> str:
        """The address for the owner. It contains the key."""
        return self._server.session.address

    def address_for(self, place: str, used: Callable[[], None]) -> str:
        """An address for a place that others can read, such as a chat. It opens the page once.

        The same place gets the same address for a while. `used` is called when the address was opened.
        """
        return self._server.session.address_with(self._server.tickets.issue(place, used))

    def rejoined(self) -> None:
        """Note that the calls of the last run have been continued."""
        self._last_place.rejoined()

    @contextlib.asynccontextmanager
    async def running(self, *, rejoins: bool) -> AsyncIterator[None]:
        """Serve the page during the block. `rejoins`: calls of the last run will be continued."""
        if rejoins:
            self._last_place.expect()
        keeping = Part("Keeping where sound and picture are", self._last_place.run)
        telling = Part("Telling the page", self._tell)
        erasing = Part("Erasing removed devices", self._book.erase_removed)
        serving = [Part(each.what, each.run) for each in self._devices]
        async with self._server.running(), kept_running(telling, erasing, keeping, *serving):
            yield


def open_handset(
    pages: Pages,
    tell: Callable[[], Awaitable[None]],
    requests: PageRequests,
    book: DeviceBook,
    devices: Sequence[DeviceServing],
    last_place: LastPlace,
    *,
    inherited: socket.socket | None,
    port: int,
    key: bytes,
) -> HandsetService:
    """Use the socket that systemd holds, or else the configured port, or else any port.

    `tell` sends pages, until cancelled, what nothing else sends them. `key` is the home's 32-byte key, which pages of
    earlier runs know.
    """
    listening, notices = listening_at(port, inherited)
    # Another program may have any other port at the next run, and would then get what the browser allows for this
    # address.
    lasts = port != 0 and not notices
    server = LateServer(pages, requests, listening, key)
    return HandsetService(tell, server, book, devices, last_place, notices, lasts=lasts)


def listening_at(port: int, inherited: socket.socket | None = None) -> tuple[socket.socket, list[str]]:
    """The page's socket, and what the owner must know about it. `inherited` is the socket that systemd holds.

    A port that is taken doesn't prevent the start, because another user could prevent it that way. Raises OSError if no
    port works.
    """
    if inherited is not None:
        return inherited.dup(), []
    try:
        return listening_socket(port), []
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        taken = texts.port_kept if keeps_port(port) else texts.port_taken
        sentence = texts.port_forbidden if error.errno == errno.EACCES else taken
        return listening_socket(0), [sentence(port)]
