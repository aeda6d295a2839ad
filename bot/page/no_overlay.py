"""The page of a program that has no overlay yet: it says what to do, and gives way to the true page once one is there.

`copybara start` opens it, because its owner looks at the browser, and a service has it where their bookmark leads. A
script gets the error.
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
"How often it is looked for."

Found = TypeVar("Found")


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
        missing = error
    from bot.page.waiting_page import WaitingPage, says_otherwise, stops

    waiting = WaitingPage(missing, texts.for_the_page, listening_at(port, held)[0], key)

    async def reply(question: Question) -> Reply:
        if isinstance(question, AskPage):
            return Reply(page=waiting.address())
        raise waiting.error

    async with waiting.running(), listening(command_socket, reply):
        for line in texts.in_the_terminal(waiting.error) if opens else texts.in_the_journal(waiting.error):
            print_text(line)
        if opens:
            await asyncio.to_thread(open_page, with_link(waiting.address(), link))
        there()
        while not await stops(stopping, LOOK_SECONDS):
            looks_again()
            try:
                return await find()
            except NodeChanged:
                raise
            except OverlayError as error:
                if says_otherwise(error, waiting.error):
                    waiting.show(error)
    return None
