"""A queue for conversations of several people: news of calls, and work that was put off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from peer.calls.line import Line
from peer.calls.news import Changed, News
from peer.calls.session_events import HelloHeard
from peer.calls.together.say import Work
from peer.calls.together_news import LinkForIntroduced
from shared.messages import JoinAnswer, JoinAsk, JoinLink, JoinMessage, JoinNode, JoinOver, Members

CallLater: TypeAlias = Callable[[float, Callable[[Work], None], Work], asyncio.TimerHandle]

Heard: TypeAlias = Changed | HelloHeard | LinkForIntroduced | JoinMessage


class TogetherInbox:
    """Listens to all calls, like their other listeners."""

    def __init__(self, call_later: CallLater | None = None) -> None:
        """`call_later` calls a function after a number of seconds. None: the event loop's."""
        self._call_later = call_later
        self._waiting: asyncio.Queue[tuple[Line, Heard] | Work] = asyncio.Queue()

    def told(self, line: Line, news: News) -> None:
        """Take news of a call."""
        match news:
            case Changed() | HelloHeard() | LinkForIntroduced():
                self._waiting.put_nowait((line, news))
            case JoinAsk() | JoinAnswer() | JoinOver() | JoinNode() | JoinLink() | Members():
                self._waiting.put_nowait((line, news))

    def later(self, seconds: float, work: Work) -> asyncio.TimerHandle:
        """Do some work after `seconds`, in its turn."""
        call_later = self._call_later or asyncio.get_running_loop().call_later
        return call_later(seconds, self._waiting.put_nowait, work)

    async def next(self) -> tuple[Line, Heard] | Work:
        """Wait for the next item."""
        return await self._waiting.get()
