"""What a program that systemd has started tells it: that it is ready, and again and again that it lives.

The protocol is sd_notify(3)'s.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import MutableMapping

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"

AGAIN_SECONDS = 1.0
"How soon to say again what it didn't take."

MICROSECONDS = 1_000_000


class ServiceManager:
    """Speaks to what has started us, if that wants to hear anything."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """The variables are taken out of the environment, so that no child believes that they are for it."""
        self._address = environment.pop("NOTIFY_SOCKET", "")
        every, process = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        mine = process in ("", str(os.getpid()))
        self.seconds = int(every) / MICROSECONDS / 2 if mine and every.isdecimal() and int(every) else None
        "How often it wants to hear that we live; None: never."

        self.listens = self._address[:1] in ("/", "@")
        "Whether it wants to hear anything."

        self._unsaid: list[str] = []
        self._is_full = asyncio.Event()
        self._is_ready = asyncio.Event()

    def tell(self, what: str) -> None:
        """Say one thing, after what couldn't be said yet. Never waits; nobody there is no error."""
        if not self.listens:
            return
        if what == READY:
            self._is_ready.set()
        if what not in self._unsaid:
            self._unsaid.append(what)
        self._say()

    def _say(self) -> None:
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            while self._unsaid:
                try:
                    sock.sendto(self._unsaid[0].encode(), address)
                except BlockingIOError:  # it reads nothing at the moment, and has as much as it takes
                    self._is_full.set()
                    return
                except OSError:
                    pass
                del self._unsaid[0]
        self._is_full.clear()

    async def keep_telling(self) -> None:
        """Once we are ready, say that we live, as often as is wanted, and never end. A loop that hangs says nothing."""
        await self._is_ready.wait()
        while True:
            if self.seconds is not None:
                self.tell(ALIVE)
            else:
                await self._is_full.wait()
                self._say()
            await asyncio.sleep(self.seconds or AGAIN_SECONDS)
