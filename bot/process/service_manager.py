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

STATUS = "STATUS="
"Before a line about how it stands, which `systemctl status` shows; with nothing after it there is nothing to say."

LONGEST_STATUS = 2000
"Bytes: systemd reads no more than 4096 of a message."

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
        self._is_ready = False
        self._changed: asyncio.Event | None = None

    def tell(self, what: str) -> None:
        """Say one thing, after what couldn't be said yet. Never waits; nobody there is no error."""
        if not self.listens:
            return
        self._is_ready = self._is_ready or what == READY
        if what not in self._unsaid:
            self._unsaid.append(what)
        self._say()
        if self._changed is not None:
            self._changed.set()

    def tell_status(self, text: str) -> None:
        """Say how it stands; empty: as it should. Of several lines one is made."""
        line = " ".join(text.split()).encode()[:LONGEST_STATUS]
        self.tell(f"{STATUS}{line.decode(errors='ignore')}")

    def _say(self) -> None:
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            while self._unsaid:
                try:
                    sock.sendto(self._unsaid[0].encode(), address)
                except BlockingIOError:  # it reads nothing at the moment, and has as much as it takes
                    return
                except OSError:
                    pass
                del self._unsaid[0]

    async def keep_telling(self) -> None:
        """Once we are ready, say that we live, as often as is wanted, and never end. A loop that hangs says nothing."""
        changed = self._changed = asyncio.Event()  # each try to start has an event loop of its own
        while not self._is_ready:
            await changed.wait()
            changed.clear()
        while True:
            if self.seconds is not None:
                self.tell(ALIVE)
            else:
                while not self._unsaid:
                    await changed.wait()
                    changed.clear()
                self._say()
            await asyncio.sleep(self.seconds or AGAIN_SECONDS)
