"""If a service can't start, its page says why, because the owner looks there.

If the service ended instead, systemd would start it again and again while the browser waits for a reply. Then systemd
would give up and close the port.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Awaitable, Callable

from bot.page.waiting_page import WaitingPage, differs, stops
from bot.process.ending import Ending
from bot.process.service_manager import READY, STOPPING, ServiceManager
from bot.terminal.streams import print_text
from bot.texts import cant_start as texts
from shared.errors import ConfigError, CopybaraError, DamagedStore
from shared.kept_running import Part, kept_running

LOOK_SECONDS = 2.0
"How often to check whether the owner has corrected the configuration."

TRY_SECONDS = 10.0
"How often to try everything else again."


async def wait_until_repaired(
    error: CopybaraError,
    look: Callable[[], Awaitable[None]],
    manager: ServiceManager,
    *,
    inherited: socket.socket | None,
    key: bytes,
) -> bool:
    """Say why the program can't start, until it may be tried again. Returns False if the program should stop.

    `look` raises the reason why it still can't start. `inherited` is the page's socket if systemd holds one, and `key`
    is the page's key. If a database was set aside, this waits for the owner, because the next start makes an empty one.
    """
    ending = Ending()
    living = Part("Telling systemd that the program lives", manager.keep_telling)
    page = WaitingPage(error, texts.for_the_page, inherited.dup(), key) if inherited is not None else None

    def say() -> None:
        print_text(texts.for_systemd(error))
        manager.tell_status(texts.for_systemd(error))

    async with kept_running(living), page.running() if page else contextlib.nullcontext():
        say()
        manager.tell(READY)
        while not await stops(ending.wanted, LOOK_SECONDS if isinstance(error, ConfigError) else TRY_SECONDS):
            if isinstance(error, DamagedStore):
                continue
            try:
                await look()
            except CopybaraError as found:
                if differs(found, error):
                    error = found
                    say()
                    if page:
                        page.show(error)
            else:
                manager.tell_status("")
                return True
        manager.tell(STOPPING)
    return False
