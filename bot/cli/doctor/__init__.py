"""`copybara doctor`: checks everything that can be wrong, a line each with a hint. The last line sums up.

Start here: `checks_of` is the list, and each of the other files looks at one thing. check.py is what came of a look. It
makes nothing and changes nothing. May import what the command line may.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Iterator
from dataclasses import asdict

from bot.cli.doctor import desktop, devices, system
from bot.cli.doctor import home as home_checks
from bot.cli.doctor.check import Check, checked
from bot.cli.doctor.media import media_ready
from bot.cli.doctor.overlay import overlays
from bot.cli.doctor.service import background
from bot.cli.doctor.telegram import bot
from bot.home import Home
from bot.messengers.registry import configured as messengers_of
from bot.messengers.telegram import NAME as TELEGRAM
from bot.settings import settings
from bot.slow_steps import said_if_slow
from bot.streams import print_json
from shared.errors import CopybaraError, first_error
from shared.printable import visible


def doctor(home: Home, *, overlay: str | None, as_json: bool) -> int:
    """Run all checks and print them. Returns 1 if anything prevents calls."""
    checks: list[Check] = []
    for check in checks_of(home, overlay):
        checks.append(check)
        if not as_json:
            _print(check)
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": ok, "summary": summary(checks), "checks": [asdict(check) for check in checks]})
    else:
        sys.stdout.write(f"\n{summary(checks)}\n")
    return 0 if ok else 1


def summary(checks: list[Check]) -> str:
    """The last line."""
    failed = [check.name for check in checks if not check.ok]
    if not failed:
        return "Calls can be made."
    return f"Calls can't be made yet. First look at: {', '.join(failed)}."


def checks_of(home: Home, overlay: str | None) -> Iterator[Check]:
    """All checks, one after the other."""
    yield system.python()
    yield system.libraries()
    yield system.clock(synchronised=system.clock_synchronised())
    yield checked("home", lambda: home_checks.folder(home))
    running = home_checks.process(home)
    yield running
    yield checked("database", lambda: home_checks.database(home))
    try:
        config = settings(home, overlay)
    except CopybaraError as error:
        yield Check.failed("configuration", error)
        return
    yield Check("configuration", ok=True, detail=str(home.config or "none, so the defaults apply"))
    with said_if_slow("Trying what calls are answered by"):
        media = checked("media", lambda: media_ready(config))
    yield media
    with said_if_slow("Looking for microphone and speaker"):
        sound = devices.sound(config)
    yield sound
    yield devices.camera(config)
    busy = running.detail.startswith("Another")
    if port := system.handset_port(config.handset.port, enabled=config.handset.enabled, running=busy):
        yield port
    if browser := system.page_browser(enabled=config.handset.enabled):
        yield browser
    if service := background():
        yield service
    if known := desktop.links():
        yield known
    if shown := desktop.calls(config):
        yield shown
    for messenger in messengers_of(config):
        if messenger.name == TELEGRAM:
            with said_if_slow("Asking Telegram about the bot"):
                found = bot(home, config)
            yield from found
        else:
            yield checked(messenger.name, functools.partial(messenger.setup.look, home, config))
    try:
        with said_if_slow("Asking the overlay nodes of this machine, and calling ourselves"):
            found = asyncio.run(overlays(home, config))
        yield from found
    except CopybaraError as error:
        yield Check.failed("overlay", error)
    except BaseExceptionGroup as group:
        first = first_error(group)
        if not isinstance(first, CopybaraError):
            raise
        yield Check.failed("overlay", first)


def _print(check: Check) -> None:
    mark = "-   " if check.note else "ok  " if check.ok else "FAIL"
    sys.stdout.write(f"{mark} {check.name:14} {visible(check.detail)}\n")
    if check.hint:
        sys.stdout.write(f"     {'':14} hint: {visible(check.hint)}\n")
