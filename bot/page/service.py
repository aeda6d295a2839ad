"""The handset of a running program: the pages, the messages to them, and the server."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Sequence

from bot.devices.book import DeviceBook
from bot.devices.serving import DeviceServing
from bot.page.last_place import LastPlace
from bot.page.presenter import Presenter
from bot.page.requests import PageRequests
from bot.process.user_units import keeps_port
from bot.texts import page as texts
from peer.handset.late_server import LateServer, listening_socket
from peer.handset.page import Pages
from shared.kept_running import Part, kept_running


class HandsetService:
    """What serves the page in a running program."""

    def __init__(
        self,
        presenter: Presenter,
        server: LateServer,
        book: DeviceBook,
        devices: Sequence[DeviceServing],
        last_place: LastPlace,
        notices: list[str],
        *,
        lasts: bool,
    ) -> None:
        self._presenter = presenter
        self._last_place = last_place
        self._book = book
        self._devices = devices
        self.lasts = lasts
        "Whether the page of the next run will be at the same address."

        self.notices = notices
        "What the owner has to know about the page's address."

        self._server = server

    @property
    def address(self) -> str:
        """The address that the owner opens. It holds the key."""
        return self._server.session.address

    def address_for(self, place: str, used: Callable[[], None]) -> str:
        """An address for a place that others can read, such as a chat: it opens the page once.

        The same place gets the same address for a while. `used` is called when it was opened.
        """
        return self._server.session.address_with(self._server.tickets.issue(place, used))

    def rejoined(self) -> None:
        """The calls of the last run were taken up."""
        self._last_place.rejoined()

    @contextlib.asynccontextmanager
    async def running(self, *, rejoins: bool) -> AsyncIterator[None]:
        """Serve the page for the length of the block. `rejoins`: calls of the last run will be taken up."""
        if rejoins:
            self._last_place.expect()
        keeping = Part("Keeping where sound and picture are", self._last_place.run)
        telling = Part("Telling the page", self._presenter.run)
        erasing = Part("Erasing removed devices", self._book.erase_removed)
        serving = [Part(each.what, each.run) for each in self._devices]
        async with self._server.running(), kept_running(telling, erasing, keeping, *serving):
            yield


def open_handset(
    pages: Pages,
    presenter: Presenter,
    requests: PageRequests,
    book: DeviceBook,
    devices: Sequence[DeviceServing],
    last_place: LastPlace,
    *,
    held: socket.socket | None,
    port: int,
    key: bytes,
) -> HandsetService:
    """Take the socket that systemd holds, else bind the port that is configured, else any other.

    `key` are the 32 bytes of the home that pages of earlier runs know.
    """
    listening, notices = listening_at(port, held)
    # Any other port may be anybody's at the next run, and with it what the browser allows and keeps for this address.
    lasts = port != 0 and not notices
    server = LateServer(pages, requests, listening, key)
    return HandsetService(presenter, server, book, devices, last_place, notices, lasts=lasts)


def listening_at(port: int, held: socket.socket | None = None) -> tuple[socket.socket, list[str]]:
    """Where the page is served, and what the owner has to know of it. `held` is what systemd holds for it.

    A port that is taken doesn't stop the start: another user could stop the program that way. Raises OSError if none
    can.
    """
    if held is not None:
        return held.dup(), []
    try:
        return listening_socket(port), []
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        taken = texts.port_kept if keeps_port(port) else texts.port_taken
        sentence = texts.port_forbidden if error.errno == errno.EACCES else taken
        return listening_socket(0), [sentence(port)]
