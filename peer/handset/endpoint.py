"""The media endpoint `handset`: connects a call to the open page, or waits for a page."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from peer.handset.answer_notice import AnswerNotice
from peer.handset.browser_leg import BrowserLeg
from peer.handset.page import Page, Pages
from peer.handset.protocol import Offer
from peer.media.ending import end
from peer.transport.profile import MEDIA, Kind
from peer.transport.relay import Relay, RelayCounters
from shared.errors import CopybaraError
from shared.media import Media

if TYPE_CHECKING:
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)

MAX_TRIES = 5
"How many legs to a page may fail in a row. After that the page must ask for another one."

STABLE_SECONDS = 10.0
"A leg that lasted longer than this doesn't count as failed."

TOGETHER_SECONDS = 0.05
"How long an offer waits after a stream has begun. Usually the other stream follows at once, and one offer has both."

MOVE_SECONDS = 5.0
"""How long a page may keep a call after another page has taken it. The new page's browser may first ask for the
microphone, or its system may have suspended it."""

_legs = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Leaving:
    """The page that has a call's sound and picture until the page that takes over sends its own."""

    page: Page
    task: asyncio.Task[None]
    "The task that keeps the leg to the leaving page."

    browser: BrowserLeg
    number: int
    "The number of the leg."

    offered: dict[Kind, int]
    "The SSRCs of the other side's streams that the page knows."

    until: asyncio.TimerHandle
    "Ends the page's time after MOVE_SECONDS."

    changed: asyncio.Event = field(default_factory=asyncio.Event)
    "Set when the new page sends one more kind of media, and when the leaving page has lost them."


class HandsetEndpoint:
    """Connects one call to the page.

    Pages may come, go and reload. The call's own leg may be lost and dialled again.
    """

    name = "handset"

    def __init__(
        self, pages: Pages, call: int, moved: Callable[[], None] = lambda: None, move_seconds: float = MOVE_SECONDS
    ) -> None:
        """`call` is the call's number on the page.

        `moved` is called when a page has given the call to another page.
        """
        self._moved = moved
        self._move_seconds = move_seconds
        self._leaving: Leaving | None = None
        self.counters = RelayCounters()
        "Counts what has passed through all legs."

        self._pages = pages
        self._page: Page | None = None
        "The page with sound and picture."

        self._call = call
        self._media = Media.NONE
        self._overlay: Leg | None = None
        self._browser: BrowserLeg | None = None
        self._relay: Relay | None = None
        self._seen: dict[Kind, int] = {}
        self._offered: dict[Kind, int] = {}
        "The SSRCs of the other side's streams that the page knows."

        self._soon: asyncio.TimerHandle | None = None
        self._stop_listening: Callable[[], None] | None = None
        "Stops listening for new streams of the other side."

        self._from_the_first = False
        "Whether a page was connected before any sound of the other side came."

        self._notice: AnswerNotice | None = None
        "The notice that isn't passed on to a page, if there is one."

        self._number = 0
        self._answer: asyncio.Future[str] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        "Owns all tasks of this endpoint."

        self._task: asyncio.Task[None] | None = None

    @property
    def joined(self) -> bool:
        """Whether sound and picture can pass between the call and a page now."""
        return self._relay is not None

    @property
    def leaving(self) -> Page | None:
        """The page that still has sound and picture while another page takes over."""
        if self._leaving is not None:
            return self._leaving.page
        return self._page if self._moves else None  # listeners of the pages may ask before this one

    @property
    def _moves(self) -> bool:
        """Whether the page with sound and picture can keep them until another page has taken over."""
        before, page, browser = self._page, self._pages.current, self._browser
        has_leg = browser is not None and not browser.closed.is_set()
        return has_leg and before is not page is not None and before in self._pages.open

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Connect this leg of the call to the page, instead of the previous leg."""
        self._tasks = tasks
        again = media != self._media or (self._overlay is not None and self._overlay.variant != leg.variant)
        self._unjoin()
        self._overlay, self._media = leg, media
        if self._task is None:
            self._pages.take_if_nobody_has()
            self._pages.listen(self._page_changed)
            self._begin_again()
        elif again:
            # Fewer kinds were agreed on than asked for, so the page gets a new offer.
            self._let_go()
            self._begin_again()
        else:
            await self._join()

    async def detach(self) -> None:
        """End the leg to the page."""
        self._pages.ignore(self._page_changed)
        self._unjoin()
        self._overlay = None
        task, self._task = self._task, None
        leaving, self._leaving = self._leaving, None
        await end(task)
        if leaving is not None:
            leaving.until.cancel()
            await end(leaving.task)

    def answered(self, leg: int, sdp: str) -> None:
        """Take the page's answer to the offer of a leg. A late answer to another leg's offer is ignored."""
        if leg != self._number or self._answer is None:
            return
        if not self._answer.done():
            self._answer.set_result(sdp)
        elif self._relay is not None and Media.VIDEO in self._media and self._overlay is not None:
            # Once the browser knows the streams, it starts the picture again.
            self._start(self._overlay.request_keyframe())

    def offer_again(self) -> None:
        """Make a new leg, because the page asks for one."""
        if self._overlay is not None:
            self._begin_again()

    def answered_automatically(self) -> bool:
        """Note that the other side answered automatically, so its sound begins with the notice.

        Returns whether a page hears all of it. If not, none of it is passed on, so that the page can play the notice.
        """
        if self._relay is not None and self._from_the_first:
            return True
        self._notice = AnswerNotice(self._overlay) if self._overlay is not None else None
        return False

    def _page_changed(self) -> None:
        if self._leaving is not None and self._leaving.page not in self._pages.open:
            self._let_go()  # the page has gone, or was locked out
        if self._page is not self._pages.current:
            self._begin_again()

    def _begin_again(self) -> None:
        """Serve the page that has the calls now.

        The previous page keeps sound and picture until the other side gets those of the new one.
        """
        page, before, task, browser = self._pages.current, self._page, self._task, self._browser
        if self._leaving is None and self._moves and before is not None and task is not None and browser is not None:
            until = asyncio.get_running_loop().call_later(self._move_seconds, self._let_go)
            self._leaving = Leaving(before, task, browser, self._number, self._offered, until)
        elif task is not None:
            task.cancel()
        if self._leaving is not None and page is self._leaving.page and self._take_back(self._leaving):
            return
        if self._leaving is not None and page in (None, self._leaving.page):
            self._let_go()
        self._page = page
        self._task = self._start(self._serve(page))

    def _take_back(self, leaving: Leaving) -> bool:
        """Let the leaving page keep sound and picture after all. Returns whether its leg still exists."""
        if leaving.task.done() or leaving.browser.closed.is_set():
            return False
        leaving.until.cancel()
        stays = self.joined and self._browser is leaving.browser
        self._page, self._task, self._browser, self._leaving = leaving.page, leaving.task, leaving.browser, None
        self._number, self._offered = leaving.number, leaving.offered
        if stays:
            self._stream_began()
        else:  # the other page had just taken over
            self._unjoin()
            self._start(self._join())
        return True

    def _let_go(self) -> None:
        """Take sound and picture away from the leaving page."""
        leaving, self._leaving = self._leaving, None
        if leaving is not None:
            leaving.until.cancel()
            leaving.changed.set()
            leaving.task.cancel()
            self._moved()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        assert self._tasks is not None
        try:
            return self._tasks.create_task(work, name=f"handset of call {self._call}")
        except RuntimeError:  # the call is ending, and its task group takes no more tasks
            work.close()
            return None

    async def _serve(self, page: Page | None) -> None:
        """Keep a leg to the page while that page has the calls."""
        if self._overlay is not None:
            await self._overlay.sound_free.wait()
        failed = 0
        loop = asyncio.get_running_loop()
        while page is not None and page is self._page and failed < MAX_TRIES:
            began = loop.time()
            try:
                await self._serve_leg(page)
            except CopybaraError as error:
                logger.info("call %d: %s", self._call, error.sentence)
                page.problem(error, call=self._call)
            failed = 0 if loop.time() - began > STABLE_SECONDS else failed + 1
        if self._leaving is not None and self._leaving.task is asyncio.current_task():
            self._let_go()  # its leg has ended before the other page had one

    async def _serve_leg(self, page: Page) -> None:
        assert self._overlay is not None
        overlay = self._overlay
        browser = BrowserLeg(await page.open_socket(), self._media, overlay.variant, overlay.tap_failed)
        try:
            self._number = next(_legs)
            self._answer = asyncio.get_running_loop().create_future()
            self._offer(page, browser)
            await browser.connect(await self._answer)
            if (leaving := self._leaving) is not None:
                await self._sends(browser, leaving)
            self._browser = browser
            await self._join()
            if leaving is not None:
                self._let_go()
                await browser.request_keyframe()  # its first picture came too early
            await browser.closed.wait()
        finally:
            if self._browser is browser:
                self._unjoin()
                self._browser = None
            await browser.close()

    async def _sends(self, browser: BrowserLeg, leaving: Leaving) -> None:
        """Wait until a page sends all kinds of media of the call, or the leaving page has lost them."""
        counters, changed = browser.counters, leaving.changed
        wanted = [counters.of(kind) for kind, flag in MEDIA.items() if flag in self._media]
        stop = counters.streams.listen(lambda kind: changed.set())
        try:
            while self._leaving is leaving and not all(counter.packets for counter in wanted):
                await changed.wait()
                changed.clear()
        finally:
            stop()

    def _offer(self, page: Page, browser: BrowserLeg) -> None:
        self._offered = dict(self._ssrcs())
        page.send(Offer(call=self._call, leg=self._number, sdp=browser.offer(self._offered)))

    def _stream_began(self) -> None:
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._tell_streams)

    def _tell_streams(self) -> None:
        """If the page doesn't know which streams belong together, send another offer of the same leg."""
        self._soon = None
        page, browser = self._page, self._browser
        if self._leaving is None and page is not None and browser is not None and self._ssrcs() != self._offered:
            self._offer(page, browser)

    async def _join(self) -> None:
        self._unjoin()
        if self._overlay is None or self._browser is None:
            return
        self._from_the_first = self._from_the_first or self._overlay.counters.audio.first_arrival is None
        self._relay = Relay(self._overlay, self._browser, self._media, self.counters, self._is_notice)
        self._relay.start()
        self._stop_listening = self._overlay.counters.streams.listen(lambda kind: self._stream_began())
        self._stream_began()
        if Media.VIDEO in self._media:
            # The page itself would notice that it has no key frame, but a moment later.
            await self._overlay.request_keyframe()

    def _unjoin(self) -> None:
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.stop()
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _is_notice(self, packet: bytes) -> bool:
        return self._notice is not None and self._notice.has(packet)

    def _ssrcs(self) -> dict[Kind, int]:
        """The other side's last SSRC of each kind. Dialling again doesn't change it."""
        if self._overlay is not None:
            for kind in MEDIA:
                newest = self._overlay.counters.of(kind).newest
                if newest is not None:
                    self._seen[kind] = newest
        return self._seen
