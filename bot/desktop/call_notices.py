"""Shows calls as notifications of the desktop, and does what the person chooses in them.

A listener of the switchboard says which notifications there should be; `run` brings the desktop to show them. Whatever
the desktop does (dies, hangs, restarts, answers nonsense) costs nothing but the notification.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.conversation import Act, Action
from bot.desktop import notification as notifications
from bot.desktop.notification import Notification
from bot.desktop.notification_server import (
    GOODBYE_SECONDS,
    ActivationToken,
    BusGone,
    Closed,
    Heard,
    Invoked,
    NotificationServer,
    OtherServer,
    notification_server,
)
from bot.desktop.session_bus import session_bus
from peer.calls.line import Line
from peer.calls.news import Changed, News, Rings
from shared.call.table import EndReason, State
from shared.errors import CopybaraError, NoNotifications
from shared.store import Store

logger = logging.getLogger(__name__)

SETTLES_SECONDS = 0.7
"A notification can appear under a pointer that clicks: what is chosen sooner isn't meant. As on the page."

PAGE_SECONDS = 1.0
"Between two openings of the page by one notification: a double click, or a server that repeats itself, opens one."

MAX_MISSED = 20
"Missed calls whose notifications stay, one for each contact and one for all strangers."

STRANGERS = "strangers"

MAX_HEARD = 1_000
"What the desktop may say at once; the rest is dropped."

MISSED = (EndReason.MISSED, EndReason.REMOTE_CANCELLED)

ANSWERS = (Act.ANSWER, Act.ANSWER_AUDIO, Act.HOLD_AND_ANSWER, Act.END_AND_ANSWER, Act.DECLINE)


@dataclass(eq=False, slots=True)
class _Notice:
    """One notification, and how it stands with the desktop."""

    notification: Notification
    line: Line | None = None
    "Of a call that rings."

    chat: str = ""
    strangers: int = 0
    "How many missed calls of strangers it tells of."

    number: int = 0
    "The server's; 0: it isn't shown."

    since: float = 0.0
    "When it was shown, by the event loop's clock."

    opened: float = float("-inf")
    "When it opened the page last, by the same clock."

    server: str = ""
    "Which server has shown it."

    failed: bool = False
    "It can't be shown, as long as there is no other server."

    put_away: bool = False
    "It was shown, and put away."


class CallNotices:
    """The notifications of one program."""

    def __init__(
        self,
        store: Store,
        lines: Sequence[Line] = (),
        *,
        has_page: bool,
        sound: bool,
        settles_seconds: float = SETTLES_SECONDS,
    ) -> None:
        """`lines` are all calls. `sound`: the desktop may sound for calls that ring.

        What is chosen within `settles_seconds` after a notification appeared isn't meant.
        """
        self._store = store
        self._lines = lines
        self._has_page = has_page
        self._sound = sound
        self._settles_seconds = settles_seconds
        self._ringing: dict[int, _Notice] = {}
        "By the number of the line."

        self._staying: OrderedDict[str, _Notice] = OrderedDict()
        "Missed calls, by the contact's node or STRANGERS; and what didn't work."

        self._unwanted: list[_Notice] = []
        self._heard: deque[Heard] = deque()
        "What the desktop has said, in order. A choice can be here before the number that it is about."

        self._tokens: dict[int, str] = {}
        self._doing: set[_Notice] = set()
        self._gone = False
        self._wake = asyncio.Event()
        self._logged = ""

    def told(self, line: Line, news: News) -> None:
        """See CallListener."""
        match news:
            case Rings():
                self._ringing.setdefault(line.number, _Notice(self._incoming(line), line, line.chat))
            case Changed() if line.call.state is not State.RINGING:
                notice = self._ringing.pop(line.number, None)
                if notice is None:
                    return
                self._unwanted.append(notice)
                if line.call.reason in MISSED:
                    self._missed(line)
            case _:
                return
        self._wake.set()

    def _incoming(self, line: Line) -> Notification:
        return notifications.incoming(
            line,
            self._store.contact_of(line.peer),
            has_page=self._has_page,
            sound=self._sound,
            beside=any(other.engaged and not other.on_hold for other in self._lines),
        )

    def _missed(self, line: Line) -> None:
        """All strangers share a notification: they can choose any number of nodes."""
        about, strangers = str(line.peer), 0
        if self._store.contact_of(line.peer) is None:
            about = STRANGERS
            before = self._staying.get(about)
            strangers = before.strangers + 1 if before is not None and not before.put_away else 1
        self._stays(about, notifications.missed(line, strangers, has_page=self._has_page), strangers)

    def _stays(self, about: str, shown: Notification, strangers: int = 0) -> None:
        if (before := self._staying.pop(about, None)) is not None:
            self._unwanted.append(before)
        self._staying[about] = _Notice(shown, strangers=strangers)
        while len(self._staying) > MAX_MISSED:
            self._unwanted.append(self._staying.popitem(last=False)[1])

    async def run(
        self, act: Callable[[Action, str], Awaitable[object]], open_page: Callable[[str], Awaitable[None]]
    ) -> None:
        """Show them, as long as the program runs.

        `act` does what was chosen, in a conversation; it raises CopybaraError. `open_page` opens the page with an
        activation token, which may be empty.
        """
        if not session_bus():
            self._log("There is no session bus: the desktop shows no calls.")
        while True:
            await self._wake.wait()
            self._wake.clear()
            if address := session_bus():
                try:
                    await self._serve(address, act, open_page)
                except NoNotifications as error:
                    self._log(error.sentence)
                self._forget()
            else:
                self._unwanted.clear()

    async def _serve(
        self,
        address: str,
        act: Callable[[Action, str], Awaitable[object]],
        open_page: Callable[[str], Awaitable[None]],
    ) -> None:
        """Until the bus goes. Raises NoNotifications if it can't be reached."""
        self._gone = False
        async with notification_server(address, self._hear) as server:
            try:
                async with asyncio.TaskGroup() as group:
                    while not self._gone:
                        await self._show(server)
                        while self._heard:
                            if (chosen := self._take(self._heard.popleft())) is not None:
                                group.create_task(self._do(*chosen, act, open_page))
                        await self._wake.wait()
                        self._wake.clear()
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GOODBYE_SECONDS):
                        for notice in (*self._ringing.values(), *self._unwanted):
                            if notice.number and not self._gone:
                                with contextlib.suppress(NoNotifications):
                                    await server.close(notice.number)

    async def _show(self, server: NotificationServer) -> None:
        """Bring the desktop to show what there is."""
        unwanted, self._unwanted = self._unwanted, []
        for notice in unwanted:
            if notice.number:
                with contextlib.suppress(NoNotifications):
                    await server.close(notice.number)
        for notice in (*self._ringing.values(), *self._staying.values()):
            if notice.number or notice.put_away or notice.failed or self._gone:
                continue
            try:
                notice.number = await _shown(server, notice.notification)
            except NoNotifications as error:
                self._log(error.sentence)
                notice.failed = True
            else:
                notice.failed = notice.number == 0  # which the specification excludes
                notice.server = server.owner
                notice.since = asyncio.get_running_loop().time()

    def _hear(self, event: Heard) -> None:
        """What happens on the desktop."""
        if isinstance(event, BusGone):
            self._gone = True
        elif len(self._heard) < MAX_HEARD:
            self._heard.append(event)
        self._wake.set()

    def _take(self, event: Heard) -> tuple[_Notice, str, str] | None:
        """Note what has happened. Returns what is to be done: a notification, what was chosen, an activation token."""
        if isinstance(event, OtherServer):
            self._other_server(event.owner)
        elif not isinstance(event, BusGone) and (notice := self._of(event.number)) is not None:
            match event:
                case ActivationToken():
                    self._tokens[event.number] = event.token
                case Closed():
                    notice.number, notice.put_away = 0, True
                case Invoked():
                    return self._chosen(notice, event.key)
        return None

    def _chosen(self, notice: _Notice, key: str) -> tuple[_Notice, str, str] | None:
        """What was chosen and is to be done. What came too soon is shown once more instead, and so is a call of which
        something else is known by now: that it has no proof any more, or whose it is.
        """
        now = asyncio.get_running_loop().time()
        if notice.line is not None and key in ANSWERS:
            before, notice.notification = notice.notification, self._incoming(notice.line)
            read = (before.summary, before.body) == (notice.notification.summary, notice.notification.body)
            if now - notice.since < self._settles_seconds or (key != Act.DECLINE and not read):
                self._again(notice)
                return None
        if key in ANSWERS:
            if notice in self._doing:
                return None
            self._doing.add(notice)
        else:
            # No server makes us open a hundred pages.
            if now - notice.opened < PAGE_SECONDS:
                return None
            notice.opened = now
        return notice, key, self._tokens.pop(notice.number, "")

    def _other_server(self, owner: str) -> None:
        """What another one has shown is gone. A call that rings is shown again; what stayed was there to be read."""
        for notice in (*self._ringing.values(), *self._staying.values()):
            if notice.server != owner:
                notice.put_away = notice.put_away or (notice.line is None and notice.number != 0)
                notice.number, notice.failed = 0, False
        self._tokens.clear()
        self._wake.set()

    def _again(self, notice: _Notice) -> None:
        self._unwanted.append(_Notice(notice.notification, number=notice.number))
        notice.number, notice.put_away = 0, False
        self._wake.set()

    async def _do(
        self,
        notice: _Notice,
        key: str,
        token: str,
        act: Callable[[Action, str], Awaitable[object]],
        open_page: Callable[[str], Awaitable[None]],
    ) -> None:
        """Do what was chosen; what goes wrong costs no more than that."""
        try:
            if notice.line is not None and key in ANSWERS:
                await act(Action(Act(key), notice.line.id), notice.chat)
            if key != Act.DECLINE and self._has_page:
                await open_page(token)
        except CopybaraError as error:
            self._stays("not done", notifications.not_done(error))
            self._again(notice)
        except Exception:
            logger.exception("what was chosen in a notification couldn't be done")
        finally:
            if key in ANSWERS:
                self._doing.discard(notice)
        self._wake.set()

    def _of(self, number: int) -> _Notice | None:
        """The notification with that number."""
        every = (*self._ringing.values(), *self._staying.values())
        return next((notice for notice in every if notice.number == number != 0), None)

    def _forget(self) -> None:
        """The bus is gone, and with it everything that was shown."""
        self._unwanted.clear()
        self._tokens.clear()
        self._heard.clear()
        for notice in (*self._ringing.values(), *self._staying.values()):
            notice.number, notice.failed = 0, True

    def _log(self, sentence: str) -> None:
        """Say it once, and again only if something else was said meanwhile. No names: a journal may be read."""
        if sentence != self._logged:
            logger.info("notifications: %s", sentence)
            self._logged = sentence


async def _shown(server: NotificationServer, notification: Notification) -> int:
    """Show it; returns its number. If the program ends meanwhile it goes again. Raises NoNotifications."""
    showing = asyncio.create_task(server.show(notification))
    try:
        return await asyncio.shield(showing)
    except asyncio.CancelledError:
        with contextlib.suppress(TimeoutError, NoNotifications):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await server.close(await showing, GOODBYE_SECONDS)
        raise
