"""Posts the links of calls, each once it is on the disk. A disk that hangs keeps no call from ending.

A link that begins or answers a call is posted as long as the call lives. What the other side should learn of a call's
end is posted even if the disk comes back later than that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any
from weakref import WeakSet

from peer.calls.call_log import BEFORE_OVER
from peer.calls.line import Line
from peer.calls.session_parts import BROKEN
from shared.call.events import Failed
from shared.errors import CopybaraError

logger = logging.getLogger(__name__)

_Posting = Coroutine[Any, Any, None]


class Posting:
    """What is being posted of one node's calls. It owns the tasks that wait for the disk."""

    def __init__(self) -> None:
        self._begun: dict[Line, asyncio.Task[None]] = {}
        "Links that begin or answer calls, and aren't posted yet."

        self._last: dict[asyncio.Task[None], Line] = {}
        "What ended calls still say."

        self._unposted: WeakSet[Line] = WeakSet()
        "Calls that ended before such a link was posted, which will never be."

    async def first(self, line: Line, posting: _Posting) -> None:
        """Post a link that begins or answers a call. Raises what that raises.

        Waits no longer than BEFORE_OVER, and not for a call that is about to end. Then the call goes on while the link
        waits for the disk, and if posting fails, the call does.
        """
        task = self._begun[line] = asyncio.create_task(posting, name=f"a link of line {line.number}")
        ending = asyncio.create_task(line.ending.wait())
        try:
            await asyncio.wait([task, ending], timeout=BEFORE_OVER, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            if task.done():
                del self._begun[line]
            else:
                task.add_done_callback(lambda _: self._posted_late(line, task))
        if task.done() and not task.cancelled():
            task.result()

    def _posted_late(self, line: Line, task: asyncio.Task[None]) -> None:
        self._begun.pop(line, None)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, CopybaraError):
            line.put(Failed(error.sentence, error.hint))
        else:
            logger.error("line %d: its link couldn't be posted", line.number, exc_info=error)
            line.put(Failed(BROKEN))

    def ended(self, line: Line) -> None:
        """The call has ended. A link of it that isn't posted yet never is."""
        if (task := self._begun.get(line)) is not None:
            task.cancel()
            self._unposted.add(line)

    def never_begun(self, line: Line) -> bool:
        """Whether the other side can't know of our call, because its link was never posted."""
        return line in self._unposted

    async def last(self, line: Line, posting: _Posting) -> None:
        """Post what the other side should learn of the end. Waits no longer than BEFORE_OVER for the disk."""
        task = asyncio.create_task(posting, name=f"the last link of line {line.number}")
        self._last[task] = line
        task.add_done_callback(self._last_posted)
        await asyncio.wait([task], timeout=BEFORE_OVER)

    def waits(self, line: Line) -> bool:
        """Whether the call has ended and what it says of that waits for the disk, which hangs."""
        return line in self._last.values()

    def _last_posted(self, task: asyncio.Task[None]) -> None:
        line = self._last.pop(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        # A call that ends releases everything, even if some of it can't be posted.
        if isinstance(error, CopybaraError):
            logger.warning("line %d: %s", line.number, error.sentence)
        else:
            logger.error("line %d: its end couldn't be posted", line.number, exc_info=error)

    async def leave(self) -> None:
        """The program ends: post nothing any more."""
        if tasks := {*self._begun.values(), *self._last}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
