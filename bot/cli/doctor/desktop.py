"""Checks of the desktop: whether it opens links and shows calls. Calls work without both."""

from __future__ import annotations

import asyncio

from bot.browser import has_browser
from bot.cli.doctor.check import Check
from bot.desktop.install import anything_installed, installed
from bot.desktop.notification_server import notification_server
from bot.desktop.places import Places
from bot.desktop.session_bus import session_bus
from shared.config.schema import Config
from shared.errors import NoNotifications, StoreError
from shared.printable import visible

LOG_IN = "Run it in the session of your desktop. Calls still ring on the page and in the chat."

MAX_NAME = 80
"The longest name of a notification server, in characters."


def links() -> Check | None:
    """Whether a click on a link opens the page. None if there is no desktop."""
    try:
        return _links(Places.of_user())
    except StoreError as error:
        return Check("desktop", ok=True, note=True, detail=error.sentence, hint=error.hint)


def _links(places: Places) -> Check | None:
    if installed(places):
        how = "and it starts when you log in" if places.autostart.exists() else "and it doesn't start when you log in"
        return Check("desktop", ok=True, detail=f"links copybara:… open the page, {how}")
    if not has_browser():
        return None
    what = "another program opens links copybara:…" if anything_installed(places) else "links copybara:… open nothing"
    return Check("desktop", ok=True, note=True, detail=what, hint="To let them open the page: copybara desktop install")


def calls(config: Config) -> Check | None:
    """Whether the desktop shows incoming calls. None if that is switched off, or nobody would see it."""
    if not config.desktop.notify or not (session_bus() or has_browser()):
        return None
    try:
        return asyncio.run(_calls())
    except NoNotifications as error:
        return Check("notifications", ok=True, note=True, detail=error.sentence, hint=error.hint)


async def _calls() -> Check:
    address = session_bus()
    if not address:
        raise NoNotifications("There is no session bus, so the desktop shows no calls.", LOG_IN)
    async with notification_server(address) as server:
        name, capabilities = await server.name()
    how = "with buttons" if "actions" in capabilities else "without buttons: it has none"
    return Check("notifications", ok=True, detail=f"{visible(name[:MAX_NAME])} shows calls that ring, {how}")
