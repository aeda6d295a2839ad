"""The page of a program that has no overlay yet: it says what to do, and gives way to the true page once one is there.

`copybara start` opens it, because its owner looks at the browser, and a service has it where their bookmark leads. A
script gets the error.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from bot.browser import open_page, with_link
from bot.command_socket import AskPage, Question, Reply, listening
from bot.page.service import listening_at
from bot.streams import print_text
from bot.texts import no_overlay as texts
from peer.handset.page import Page, Pages
from peer.handset.protocol import FromPage, NoOverlay
from shared.errors import HandsetError, NodeChanged, OverlayError

LOOK_SECONDS = 2.0
"How often it is looked for."

PLACE = "start"
"Whom the page's address is for."

Found = TypeVar("Found")


class _Waiting:
    """What the page shows. It can ask for nothing."""

    def __init__(self, error: OverlayError) -> None:
        self.error = error

    async def hello(self, page: Page) -> NoOverlay:
        """See Listener."""
        return texts.for_the_page(self.error)

    async def heard(self, page: Page, message: FromPage) -> None:
        """See Listener."""
        page.problem(self.error, about=message.id)

    def took(self, page: Page, data: bytes) -> None:
        """See Listener."""
        raise HandsetError

    def left(self, page: Page) -> None:
        """See Listener."""


async def until_there(
    find: Callable[[], Awaitable[Found]],
    stopping: asyncio.Event,
    *,
    port: int,
    key: bytes,
    command_socket: Path,
    held: socket.socket | None = None,
    opens: bool = True,
    link: str = "",
    there: Callable[[], None] = lambda: None,
    looks_again: Callable[[], None] = lambda: None,
) -> Found | None:
    """Find the overlay; while there is none, show a page that says so. None if the program is to stop before.

    `port`, `key` and `held` are those of the handset page, which explains `link` then. `opens`: in the browser. `there`
    is called once the page is there, which then goes on as the true one; `looks_again` before each further look.
    Raises NodeChanged, and what `find` raises beside OverlayError.
    """
    try:
        return await find()
    except NodeChanged:
        raise
    except OverlayError as error:
        waiting = _Waiting(error)
    from peer.handset.server import HandsetServer

    pages = Pages()
    server = HandsetServer(pages, waiting, listening_at(port, held)[0], key)

    def address() -> str:
        return server.session.address_with(server.tickets.issue(PLACE, lambda: None))

    async def reply(question: Question) -> Reply:
        if isinstance(question, AskPage):
            return Reply(page=address())
        raise waiting.error

    async with server.running(), listening(command_socket, reply):
        for line in texts.in_the_terminal(waiting.error) if opens else texts.in_the_journal(waiting.error):
            print_text(line)
        if opens:
            await asyncio.to_thread(open_page, with_link(address(), link))
        there()
        while not await _stops(stopping):
            looks_again()
            try:
                return await find()
            except NodeChanged:
                raise
            except OverlayError as error:
                if (error.sentence, error.hint) != (waiting.error.sentence, waiting.error.hint):
                    waiting.error = error
                    pages.send(texts.for_the_page(error))
    return None


async def _stops(stopping: asyncio.Event) -> bool:
    """Whether the program is to stop, after a pause."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LOOK_SECONDS):
            await stopping.wait()
    return stopping.is_set()
