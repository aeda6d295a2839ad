"""The terminal of a program that takes no commands there. It shows where the page is, and reads nothing.

`copybara start` also shows there what happens. If the output isn't a terminal, it only gets the program's state and
that of the overlay: a file or a service's journal must contain neither who calls whom nor the page's key.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable

from bot.browser import has_browser, logged_in_as, open_page, with_link
from bot.conversation import Capabilities, HandsetPage, Listener, Post
from bot.kinds import Kind
from bot.terminal import texts
from bot.terminal.slow_steps import said_if_slow
from bot.terminal.streams import only_the_user_reads, print_json, print_text
from bot.terminal.wrapping import NEWS
from bot.texts.as_typed import as_typed
from peer.calls.line import Line

PLACE = "start"
"The name under which the page's address is made when this file opens the page."

HOW_THINGS_STAND = (Kind.OVERLAY_DOWN, Kind.OVERLAY_ALONE, Kind.OVERLAY_BACK)


class Screen:
    """What the owner of a program without a console sees."""

    capabilities = Capabilities(at_terminal=False, private=True, by_hand=True, rings_again=False)

    def __init__(
        self, *, as_json: bool, starts: bool, opens: bool, link: str = "", names: Callable[[], Iterable[str]] = tuple
    ) -> None:
        """`starts`: the owner ran `copybara start`. `opens`: the owner wants the page in the browser, with `link`.

        `names` gives the names of the contacts.
        """
        self._names = names
        self._as_json = as_json
        self._starts = starts
        self._link = link
        self.opens = starts and opens and has_browser()
        "Whether the page will be opened in the browser."

        self._until_ready = contextlib.ExitStack()
        if starts:
            self._until_ready.enter_context(said_if_slow("Starting"))
        self._open_already = False
        self._opening: asyncio.Queue[str] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Nothing has to run besides `run`."""
        yield

    async def run(self, listener: Listener) -> None:
        """Open the page each time it is requested, until cancelled."""
        while True:
            await asyncio.to_thread(open_page, await self._opening.get())

    def has_opened(self) -> None:
        """Note that the page was opened before the program was ready. That page becomes the real one."""
        self._until_ready.close()
        self._open_already = True

    def ready(self, node: str, notices: list[str], handset: HandsetPage | None) -> None:
        """Say where the page is, and open it."""
        self._until_ready.close()
        address = handset.address if handset else None
        if self._as_json:
            print_json({"type": "ready", "kind": Kind.READY, "node": node, "handset": address})
        elif not self._starts:
            self._print(*map(as_typed, notices), texts.own_address(node), *([self._page(address)] if address else []))
        elif handset is not None and address:
            how = texts.how_to_open(address, opens=self.opens, lasts=handset.lasts, desktop=has_browser())
            if not self.opens and only_the_user_reads() and (login := logged_in_as()):
                how = texts.from_elsewhere(address, login)
            self._print(*map(as_typed, notices), self._page(address), how, texts.STAYS, "")
        else:
            self._print(*map(as_typed, notices), texts.NO_PAGE, texts.STAYS, "")
        if self.opens and handset is not None and not self._open_already:
            # Other users can see a browser's command line, so this address works once and doesn't contain the key.
            self._opening.put_nowait(with_link(handset.address_for(PLACE, lambda: None), self._link))

    def _page(self, address: str) -> str:
        return (texts.page_at(address) if only_the_user_reads() else texts.WHERE_THE_PAGE_IS).text

    def handles(self, chat: str) -> bool:
        """Always False: no conversation is here."""
        return False

    def post(self, post: Post) -> None:
        """Show the post if the terminal shows what happens, or if it is about the overlay."""
        watched = self._starts and only_the_user_reads()
        if self._as_json or not (watched or post.kind in HOW_THINGS_STAND):
            return
        if post.to == "owner":
            for line in texts.written(post.text) if post.kind == Kind.TEXT else [as_typed(post.text, self._names())]:
                print_text(line, at_least=NEWS)
        elif post.kind in texts.SAYS_THAT_IT_IS_OVER:
            # The page may show another call by now.
            self._print(texts.send_this(post.kind).capitalize(), post.text)

    def call_changed(self, line: Line) -> None:
        """Do nothing: the posts show a call's state."""

    def _print(self, *lines: str) -> None:
        for line in lines:
            print_text(line)
