"""A page that says what the program waits for. It has no controls, and is replaced by the real page at the end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Generic, TypeVar

from peer.handset.page import Page, Pages
from peer.handset.protocol import CantStart, FromPage, NoOverlay
from peer.handset.server import HandsetServer
from shared.errors import CopybaraError, HandsetError

PLACE = "start"
"The name under which the page's address is made."

_Error = TypeVar("_Error", bound=CopybaraError)


class WaitingPage(Generic[_Error]):
    """Shows one error at a time, in the words of `in_words`."""

    def __init__(
        self, error: _Error, in_words: Callable[[_Error], NoOverlay | CantStart], listening: socket.socket, key: bytes
    ) -> None:
        """`key` is the home's 32-byte key, which pages of earlier runs know."""
        self.error = error
        self._in_words = in_words
        self._pages = Pages()
        self._server = HandsetServer(self._pages, self, listening, key)

    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Serve the page during the block."""
        return self._server.running()

    def address(self) -> str:
        """The address with which a browser opens it once."""
        return self._server.session.address_with(self._server.tickets.issue(PLACE, lambda: None))

    def show(self, error: _Error) -> None:
        """Show another error from now on."""
        self.error = error
        self._pages.send(self._in_words(error))

    async def hello(self, page: Page) -> NoOverlay | CantStart:
        """See PageListener."""
        return self._in_words(self.error)

    async def heard(self, page: Page, message: FromPage) -> None:
        """See PageListener."""
        page.problem(self.error, about=message.id)

    def took(self, page: Page, data: bytes) -> None:
        """See PageListener."""
        raise HandsetError

    def left(self, page: Page) -> None:
        """See PageListener."""


def differs(found: CopybaraError, shown: CopybaraError) -> bool:
    """Whether a new error differs from the one that is shown."""
    return (found.sentence, found.hint) != (shown.sentence, shown.hint)


async def stops(stopping: asyncio.Event, seconds: float) -> bool:
    """Whether the program should stop, after a pause of `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
    return stopping.is_set()
