"""Ends the program when it is asked to from outside: politely at first, at once if it is asked again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable
from typing import TypeVar

from bot.terminal.texts import AT_ONCE

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"Ctrl-C, a service that is stopped, a terminal that is closed: each ends all calls with a goodbye to the other side."

SAME_PRESS_SECONDS = 0.3
"A second Ctrl-C within this is the same: a key that bounces must not cut the last words short."

INTERRUPTED = 130
"The exit code of a program that Ctrl-C has ended at once, as shells have it."

_Result = TypeVar("_Result")


class Ending:
    """Listens to SIGNALS from the moment it is made, which has to be in the event loop."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        "Set by the first of SIGNALS that isn't ignored, as nohup does with SIGHUP; or from inside."

        self.signal: signal.Signals | None = None
        "The first of them."

        self._asked = 0.0
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self._signalled, number)

    async def unless_wanted(self, work: Awaitable[_Result]) -> _Result | None:
        """The result of `work`, or None if the end is wanted before there is one. Raises what `work` raises."""
        task, wanted = asyncio.ensure_future(work), asyncio.ensure_future(self.wanted.wait())
        try:
            await asyncio.wait((task, wanted), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wanted.cancel()
            if not task.done():
                task.cancel()
            await asyncio.wait((task, wanted))
        return None if task.cancelled() else task.result()

    def _signalled(self, number: signal.Signals) -> None:
        now = time.monotonic()
        if self.signal is None:
            self.signal, self._asked = number, now
            self.wanted.set()
        elif number is signal.SIGINT and now - self._asked > SAME_PRESS_SECONDS:
            # As if killed, which the database and both sides of a call survive.
            with contextlib.suppress(OSError):
                os.write(2, f"\n{AT_ONCE}\n".encode())
            os._exit(INTERRUPTED)
