"""The page of a program that has no overlay yet. It says what to do, and is replaced by the real page later.

`copybara start` opens it, because the owner looks at the browser. A service shows it at the address of the owner's
bookmark. A script gets the error.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from bot.browser import open_page, with_link
from bot.command_socket import AskPage, Question, Reply, listening
from bot.page.service import listening_at
from bot.terminal.streams import print_text
from bot.texts import no_overlay as texts
from shared.errors import NodeChanged, OverlayError

LOOK_SECONDS = 2.0
"How often to look for the overlay."

Found = TypeVar("Found")


async def wait_until_available(
    find: Callable[[], Awaitable[Found]],
    stopping: asyncio.Event,
    *,
    port: int,
    key: bytes,
    command_socket: Path,
    inherited: socket.socket | None = None,
    opens: bool = True,
    link: str = "",
    shown: Callable[[], None] = lambda: None,
    looks_again: Callable[[], None] = lambda: None,
) -> Found | None:
    """Find the overlay. While there is none, show a page that says so. Returns None if the program should stop.

    `port`, `key` and `inherited` are the handset page's, which will explain `link`. `opens`: open the page in the
    browser. `shown` is called when the page is there; it becomes the real page later. `looks_again` is called before
    each further look. Raises NodeChanged, and what `find` raises, except OverlayError.
    """
    try:
        return await find()
    except NodeChanged:
        raise
    except OverlayError as error:
        missing = error
    from bot.page.waiting_page import WaitingPage, differs, stops

    waiting = WaitingPage(missing, texts.for_the_page, listening_at(port, inherited)[0], key)

    async def reply(question: Question) -> Reply:
        if isinstance(question, AskPage):
            return Reply(page=waiting.address())
        raise waiting.error

    async with waiting.running(), listening(command_socket, reply):
        for line in texts.in_the_terminal(waiting.error) if opens else texts.in_the_journal(waiting.error):
            print_text(line)
        if opens:
            await asyncio.to_thread(open_page, with_link(waiting.address(), link))
        shown()
        while not await stops(stopping, LOOK_SECONDS):
            looks_again()
            try:
                return await find()
            except NodeChanged:
                raise
            except OverlayError as error:
                if differs(error, waiting.error):
                    waiting.show(error)
    return None
