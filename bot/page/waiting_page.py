"""A page that says what the program waits for. It can ask for nothing, and gives way to the true page at the end."""

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
"Whom the page's address is for."

_Error = TypeVar("_Error", bound=CopybaraError)


class WaitingPage(Generic[_Error]):
    """Shows one error at a time, as `in_words` has it."""

    def __init__(
        self, error: _Error, in_words: Callable[[_Error], NoOverlay | CantStart], listening: socket.socket, key: bytes
    ) -> None:
        """`key` are the 32 bytes of the home that pages of earlier runs know."""
        self.error = error
        self._in_words = in_words
        self._pages = Pages()
        self._server = HandsetServer(self._pages, self, listening, key)

    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Serve it for the length of the block."""
        return self._server.running()

    def address(self) -> str:
        """Where a browser opens it, once."""
        return self._server.session.address_with(self._server.tickets.issue(PLACE, lambda: None))

    def show(self, error: _Error) -> None:
        """Show another one from now on."""
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


def says_otherwise(found: CopybaraError, shown: CopybaraError) -> bool:
    """Whether another reason is found than the one that is shown."""
    return (found.sentence, found.hint) != (shown.sentence, shown.hint)


async def stops(stopping: asyncio.Event, seconds: float) -> bool:
    """Whether the program is to stop, after a pause."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
    return stopping.is_set()
