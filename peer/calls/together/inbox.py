"""What conversations of several people have to do: what happens in calls, and what was put off, one after the other."""

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
    """Hears all calls, as their other listeners do."""

    def __init__(self, call_later: CallLater | None = None) -> None:
        """`call_later` does something after a number of seconds; None: the loop's."""
        self._call_later = call_later
        self._waiting: asyncio.Queue[tuple[Line, Heard] | Work] = asyncio.Queue()

    def told(self, line: Line, news: News) -> None:
        """Something has happened to a call."""
        match news:
            case Changed() | HelloHeard() | LinkForIntroduced():
                self._waiting.put_nowait((line, news))
            case JoinAsk() | JoinAnswer() | JoinOver() | JoinNode() | JoinLink() | Members():
                self._waiting.put_nowait((line, news))

    def later(self, seconds: float, work: Work) -> asyncio.TimerHandle:
        """Let something be done in its turn, after that time."""
        call_later = self._call_later or asyncio.get_running_loop().call_later
        return call_later(seconds, self._waiting.put_nowait, work)

    async def next(self) -> tuple[Line, Heard] | Work:
        """Wait for what comes next."""
        return await self._waiting.get()
