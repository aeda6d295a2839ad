"""Which pages are connected, and which one has sound and picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from peer.handset.downloads import Downloads
from peer.handset.loopback_socket import LoopbackSocket
from peer.handset.page_socket import PageSocket
from peer.handset.protocol import CLOSE_STOPPING, CLOSE_TAKEN_OVER, CLOSE_UNPROVEN, Problem, TakenOver, ToPage
from shared.errors import CopybaraError

MAX_WAITING = 1_000
"How many messages may wait for a page. A page that reads none counts as gone."

CLOSE_OVERRUN = 1008
"WebSocket close code: policy violation (RFC 6455, section 7.4.1)."


class Page:
    """A connected page: the queue of its messages, and whether it is still there."""

    def __init__(
        self,
        device: str = "",
        address: str = "",
        open_socket: Callable[[], Awaitable[PageSocket]] = LoopbackSocket.listen,
        *,
        server: object = None,
        tab: str = "",
        takes: bool = False,
    ) -> None:
        """`device` is the name of its device, and `address` the device's address. Both are empty on this machine.

        `open_socket` opens the socket for its sound and picture, and raises OverlayError. `server` is the server to
        which it has connected. `tab` and `takes` are those of Prove.
        """
        self.server = server
        self.tab = tab
        self.takes = takes
        self.device = device
        self.address = address
        self.open_socket = open_socket
        self.gone = asyncio.Event()
        "Set when the page has left, or must leave."

        self.close_code: int | None = None
        "The code with which to close its socket. None if the page itself has closed it."

        self._messages: asyncio.Queue[ToPage | None] = asyncio.Queue()

    def send(self, message: ToPage) -> None:
        """Queue a message. Does nothing once the page is gone."""
        if self.gone.is_set():
            return
        if self._messages.qsize() >= MAX_WAITING:
            self.end(CLOSE_OVERRUN)
        else:
            self._messages.put_nowait(message)

    def problem(
        self, error: CopybaraError, hint: str | None = None, *, call: int | None = None, about: int | None = None
    ) -> None:
        """Report an error. `hint` replaces the error's own hint."""
        own = error.hint if hint is None else hint
        self.send(Problem(kind=error.kind, sentence=error.sentence, hint=own, call=call, id=about))

    def end(self, close_code: int | None = None) -> None:
        """Send the waiting messages, then close the socket with this code."""
        if not self.gone.is_set():
            self.close_code = close_code
            self.gone.set()
            self._messages.put_nowait(None)

    async def next(self) -> ToPage | None:
        """The next message for the page. None if there will be no more."""
        message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)
        return message


class Pages:
    """The open pages, one per device and one on this machine, and their listeners.

    All of them show all calls. Only `current` has sound and picture: the page that took them, or that came while no
    page had them. During a call they wait for the place that had them last, because its page may only be reloading, and
    nobody has pressed anything at another place.
    """

    def __init__(self) -> None:
        self.current: Page | None = None
        self.open: tuple[Page, ...] = ()
        "The newest page is last."

        self.calls: set[int] = set()
        "The numbers of the calls that have sound and picture at a page."

        self._place: str | None = None
        "The address of the page that has sound and picture, or had them last during the present calls."

        self._expects = False
        "Whether calls of the last run will still be continued."

        self.downloads = Downloads()
        "The files that pages may save."

        self._listeners: list[Callable[[], None]] = []
        self._carrier_removed: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever a page has come or gone, or `current` has changed."""
        self._listeners.append(listener)

    def when_carrier_removed(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the device that has the calls' sound and picture, or had them last, was removed."""
        self._carrier_removed.append(listener)

    def ignore(self, listener: Callable[[], None]) -> None:
        """Stop calling the listener."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def send(self, message: ToPage) -> None:
        """Send a message to every page."""
        for page in self.open:
            page.send(message)

    def come(self, page: Page) -> None:
        """Add a page. The page that was open at the same place gets a message, and is closed."""
        becomes_current = self.would_be_current(page)
        for before in self.open:
            if before.address == page.address:
                before.send(TakenOver())
                before.end(CLOSE_TAKEN_OVER)
        self.open = (*(each for each in self.open if each.address != page.address), page)
        self._change(page if becomes_current else self.current)

    def has_to_ask(self, page: Page) -> bool:
        """Whether this page would take a call away from another tab without a person asking for it.

        Any web page or link can make the browser open our page. The tab with the call may reload.
        """
        has = self.current
        if has is None or has.address != page.address or page.takes:
            return False
        return bool(self.calls) and not (page.tab and page.tab == has.tab)

    def would_be_current(self, page: Page) -> bool:
        """Whether this page has sound and picture, or would get them on arrival."""
        place = self.current.address if self.current is not None else self._place if self._has_calls else None
        return place in (None, page.address)

    @property
    def _has_calls(self) -> bool:
        return bool(self.calls) or self._expects

    def expect(self, place: str) -> None:
        """Keep sound and picture for a page at that address, because calls of the last run will be continued."""
        self._place, self._expects = place, True

    def expected(self) -> None:
        """Note that those calls have been continued, if they are at a page."""
        if self._expects:
            self._expects = False
            self._forget_place()
            self.take_if_nobody_has()

    def take(self, page: Page) -> None:
        """Give sound and picture to a page, because somebody there has asked for it.

        If the page has gone meanwhile, they wait for its place, and go to no other page until somebody there presses
        something.
        """
        there = [each for each in self.open if each is page or each.address == page.address]
        if not there:
            self._change(None)
            self._place = page.address
        elif there[-1] is not self.current:
            self._change(there[-1])

    def take_if_nobody_has(self) -> None:
        """Give sound and picture to the newest page if no page has them, because a call begins."""
        if self.current is None and (there := [page for page in self.open if self.would_be_current(page)]):
            self._change(there[-1])

    def ended(self, call: int) -> None:
        """Note that a call is over."""
        self.calls.discard(call)
        self._forget_place()

    def _forget_place(self) -> None:
        if not self._has_calls and self.current is None:
            self._place = None

    def leave(self, page: Page) -> None:
        """Note that the page has closed its socket."""
        page.end()
        self._close([page], None)

    def stop(self, server: object) -> None:
        """Close the pages of a server that ends."""
        self._close([page for page in self.open if page.server is server], CLOSE_STOPPING)

    def end_device(self, address: str) -> None:
        """Close the page of a device that was removed.

        Its calls go to no other page until somebody there presses something.
        """
        carried = self._place == address
        self._close([page for page in self.open if page.address == address], CLOSE_UNPROVEN)
        for listener in self._carrier_removed if carried else ():
            listener()

    def _close(self, gone: list[Page], code: int | None) -> None:
        for page in gone:
            page.end(code)
        left = tuple(page for page in self.open if page not in gone)
        if left != self.open:
            self.open = left
            self._change(self.current if self.current in left else None)

    def _change(self, current: Page | None) -> None:
        self.current = current
        if current is not None or not self._has_calls:
            self._place = current.address if current is not None else None
        for listener in tuple(self._listeners):
            listener()
