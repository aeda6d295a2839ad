"""Which pages are connected, and which of them has sound and picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from peer.handset.downloads import Downloads
from peer.handset.loopback_socket import LoopbackSocket
from peer.handset.page_socket import PageSocket
from peer.handset.protocol import CLOSE_STOPPING, CLOSE_TAKEN_OVER, CLOSE_UNPROVEN, Problem, TakenOver, ToPage
from shared.errors import CopybaraError

MAX_WAITING = 1_000
"Messages that may wait for a page. One that reads none is as good as gone."

CLOSE_OVERRUN = 1008
"WebSocket close code: policy violation (RFC 6455, section 7.4.1)."


class Page:
    """One connected page: what to send to it, in order, and whether it is still there."""

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
        """`device` is the name of the device that it is on, and `address` the device's; both empty: this machine.

        `open_socket` opens the socket for its sound and picture, and raises OverlayError. `server` is where it came in.
        `tab` and `takes` are those of Prove.
        """
        self.server = server
        self.tab = tab
        self.takes = takes
        self.device = device
        self.address = address
        self.open_socket = open_socket
        self.gone = asyncio.Event()
        "Set when the page has left, or has to."

        self.close_code: int | None = None
        "The code to close its socket with; None when the page itself has closed it."

        self._messages: asyncio.Queue[ToPage | None] = asyncio.Queue()

    def send(self, message: ToPage) -> None:
        """Queue a message. Nothing happens once the page is gone."""
        if self.gone.is_set():
            return
        if self._messages.qsize() >= MAX_WAITING:
            self.end(CLOSE_OVERRUN)
        else:
            self._messages.put_nowait(message)

    def problem(
        self, error: CopybaraError, hint: str | None = None, *, call: int | None = None, about: int | None = None
    ) -> None:
        """Say that something didn't work; `hint` takes the place of the error's own."""
        own = error.hint if hint is None else hint
        self.send(Problem(kind=error.kind, sentence=error.sentence, hint=own, call=call, id=about))

    def end(self, close_code: int | None = None) -> None:
        """Send what waits, then close the socket with this code."""
        if not self.gone.is_set():
            self.close_code = close_code
            self.gone.set()
            self._messages.put_nowait(None)

    async def next(self) -> ToPage | None:
        """The next message for the page; None when there will be no more."""
        message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)
        return message


class Pages:
    """The pages that are open, one on each device and one on this machine, and their listeners.

    All of them see all calls. One, `current`, has sound and picture: the one that took them, or came while none had. In
    a call they wait for the place that had them last: a page there may only be loaded again, and nobody has pressed
    anything at another.
    """

    def __init__(self) -> None:
        self.current: Page | None = None
        self.open: tuple[Page, ...] = ()
        "The one that came last is the last."

        self.calls: set[int] = set()
        "The numbers of those that are made at a page now."

        self._place: str | None = None
        "The address of the page that has sound and picture, or had them last in the calls that there are."

        self._expects = False
        "Whether calls of the last run are still to be taken up."

        self.downloads = Downloads()
        "What the pages of devices may save."

        self._listeners: list[Callable[[], None]] = []
        self._carrier_removed: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever a page has come or gone, or `current` has changed."""
        self._listeners.append(listener)

    def when_carrier_removed(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the device that has the calls' sound and picture, or had them last, is none any more."""
        self._carrier_removed.append(listener)

    def ignore(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def send(self, message: ToPage) -> None:
        """Tell every page."""
        for page in self.open:
            page.send(message)

    def come(self, page: Page) -> None:
        """A page is there. The one that was open at the same place gets a message, and is closed."""
        becomes_current = self.would_be_current(page)
        for before in self.open:
            if before.address == page.address:
                before.send(TakenOver())
                before.end(CLOSE_TAKEN_OVER)
        self.open = (*(each for each in self.open if each.address != page.address), page)
        self._change(page if becomes_current else self.current)

    def has_to_ask(self, page: Page) -> bool:
        """Whether this page would take a call away from another tab, and no person has asked for that.

        Any web page, or a link, can make the browser open our page. The tab that has the call may reload.
        """
        has = self.current
        if has is None or has.address != page.address or page.takes:
            return False
        return bool(self.calls) and not (page.tab and page.tab == has.tab)

    def would_be_current(self, page: Page) -> bool:
        """Whether this page has sound and picture, or would have them as soon as it comes."""
        place = self.current.address if self.current is not None else self._place if self._has_calls else None
        return place in (None, page.address)

    @property
    def _has_calls(self) -> bool:
        return bool(self.calls) or self._expects

    def expect(self, place: str) -> None:
        """Calls of the last run are taken up next: sound and picture wait for a page at that address."""
        self._place, self._expects = place, True

    def expected(self) -> None:
        """They were, as far as they are made at a page."""
        if self._expects:
            self._expects = False
            self._forget_place()
            self.take_if_nobody_has()

    def take(self, page: Page) -> None:
        """Give sound and picture to a page: somebody there has asked for it. If it has gone meanwhile they wait for its
        place, and come to no other page without a press there.
        """
        there = [each for each in self.open if each is page or each.address == page.address]
        if not there:
            self._change(None)
            self._place = page.address
        elif there[-1] is not self.current:
            self._change(there[-1])

    def take_if_nobody_has(self) -> None:
        """Give them to the page that came last, if none has them: a call begins."""
        if self.current is None and (there := [page for page in self.open if self.would_be_current(page)]):
            self._change(there[-1])

    def ended(self, call: int) -> None:
        """A call is over."""
        self.calls.discard(call)
        self._forget_place()

    def _forget_place(self) -> None:
        if not self._has_calls and self.current is None:
            self._place = None

    def leave(self, page: Page) -> None:
        """The page has closed its socket."""
        page.end()
        self._close([page], None)

    def stop(self, server: object) -> None:
        """A server ends: close the pages that have come in there."""
        self._close([page for page in self.open if page.server is server], CLOSE_STOPPING)

    def end_device(self, address: str) -> None:
        """The device at that address is no device any more: close its page. What was made there comes to no other page
        without a press there.
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
