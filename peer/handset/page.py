"""Which pages are connected. Of several only the newest has the calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from peer.handset.protocol import CLOSE_STOPPING, CLOSE_TAKEN_OVER, Problem, TakenOver, ToPage
from shared.errors import CopybaraError

MAX_WAITING = 1_000
"Messages that may wait for a page. One that reads none is as good as gone."

CLOSE_OVERRUN = 1008
"WebSocket close code: policy violation (RFC 6455, section 7.4.1)."


class Page:
    """One connected page: what to send to it, in order, and whether it is still there."""

    def __init__(self) -> None:
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
    """The one page that has the calls, if any, and its listeners."""

    def __init__(self) -> None:
        self.current: Page | None = None
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` whenever `current` has changed."""
        self._listeners.append(listener)

    def ignore(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def send(self, message: ToPage) -> None:
        """Tell the page that has the calls, if there is one."""
        if self.current is not None:
            self.current.send(message)

    def take(self, page: Page) -> None:
        """Give this page the calls; the one that had them gets a message, and is closed."""
        if self.current is not None:
            self.current.send(TakenOver())
            self.current.end(CLOSE_TAKEN_OVER)
        self._change(page)

    def leave(self, page: Page) -> None:
        """The page has closed its socket."""
        page.end()
        if self.current is page:
            self._change(None)

    def stop(self) -> None:
        """The program ends."""
        if self.current is not None:
            self.current.end(CLOSE_STOPPING)
            self._change(None)

    def _change(self, page: Page | None) -> None:
        self.current = page
        for listener in tuple(self._listeners):
            listener()
