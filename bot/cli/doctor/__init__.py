"""`copybara doctor`: checks everything that can go wrong, with a line and a hint for each. The last line sums up.

Start here: `checks_of` is the list of checks, and each of the other files checks one thing. check.py has the result of
a check. Checks change nothing. May import what the command line may.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from bot.cli.doctor import desktop, devices, system
from bot.cli.doctor import home as home_checks
from bot.cli.doctor.check import Check, checked, looking
from bot.cli.doctor.media import media_ready
from bot.cli.doctor.overlay import overlays
from bot.cli.doctor.service import background
from bot.cli.doctor.telegram import bot
from bot.cli.setup.yggdrasil.other_firewalls import NAMES as FIREWALLS
from bot.home import Home
from bot.messengers.registry import configured as messengers_of
from bot.messengers.telegram import NAME as TELEGRAM
from bot.program_source import installed_folder, program_source
from bot.settings import settings
from bot.terminal.streams import print_json, print_text
from bot.texts.invitation import no_source_here
from peer.overlay.loopback import LoopbackOverlay
from shared.config.schema import Config
from shared.errors import CopybaraError, first_error
from shared.printable import visible

ONLY_HERE = LoopbackOverlay.name
"The name of the check for a network that reaches only this machine."

INDENT = 20
"The column in which the result of a check begins."


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
        print_text(f"\n{summary(checks)}")
    return 0 if ok else 1


def summary(checks: list[Check]) -> str:
    """The last line."""
    failed = [check.name for check in checks if not check.ok]
    if not failed and any(check.name == ONLY_HERE for check in checks):
        return (
            "Calls can be made on this computer only, for trying: no friend can be reached. For that, run: copybara "
            "setup overlay"
        )
    if not failed and (unseen := [check.name for check in checks if check.name in FIREWALLS and check.note]):
        return f"Nothing that can be seen here prevents calls. Only root can see whether {' or '.join(unseen)} does."
    if not failed:
        return "Nothing on this computer prevents calls."
    return f"Calls can't be made yet. First look at: {', '.join(failed)}."


def checks_of(home: Home, overlay: str | None) -> Iterator[Check]:
    """All checks, one after the other."""
    yield system.python()
    yield system.libraries()
    yield system.clock(synchronised=system.clock_synchronised())
    with looking("at your home"):
        folder = checked("home", lambda: home_checks.folder(home))
        running = home_checks.process(home)
        database = checked("database", lambda: home_checks.database(home))
    yield from (folder, running, database)
    try:
        config = settings(home, overlay)
    except CopybaraError as error:
        yield Check.failed("configuration", error)
        return
    yield Check("configuration", ok=True, detail=str(home.config or "none, so the defaults apply"))
    with looking("at what answers calls"):
        media = checked("media", lambda: media_ready(config))
    yield media
    with looking("for microphone, speaker and camera"):
        devices_found = (devices.sound(config), devices.camera(config))
    yield from devices_found
    for where, look in _parts(home, config, running=running.ok and running.detail != home_checks.NONE_RUNS):
        with looking(where):
            there = look()
        if there:
            yield there
    for messenger in messengers_of(config):
        with looking(f"at your account: {messenger.name}"):
            if messenger.name == TELEGRAM:
                found = bot(home, config)
            else:
                found = [checked(messenger.name, functools.partial(messenger.setup().look, home, config))]
        yield from found
    try:
        yield from asyncio.run(overlays(home, config))
    except CopybaraError as error:
        yield Check.failed("overlay", error)
    except BaseExceptionGroup as group:
        first = first_error(group)
        if not isinstance(first, CopybaraError):
            raise
        yield Check.failed("overlay", first)


def _parts(home: Home, config: Config, *, running: bool) -> list[tuple[str, Callable[[], Check | None]]]:
    """Checks of parts that some machines lack. `running`: a copybara of this home may be using the page's port."""
    page = config.handset
    return [
        ("at the invitation", lambda: invited(program_source(config), installed_folder())),
        ("at the page's port", lambda: system.handset_port(page.port, enabled=page.enabled, running=running)),
        ("for a browser", lambda: system.page_browser(enabled=page.enabled)),
        ("at the service", lambda: background(home, config)),
        ("at the desktop's files", desktop.links),
        ("for a desktop that shows calls", lambda: desktop.calls(config)),
    ]


def invited(source: str, folder: Path | None) -> Check:
    """Whether an invitation says where to get the program, which was installed from `folder`."""
    if source:
        return Check("invitation", ok=True, detail=f"says to get the program from {source}")
    note = no_source_here(folder)
    return Check("invitation", ok=True, note=True, detail=note.sentence, hint=note.hint)


def _print(check: Check) -> None:
    mark = "-   " if check.note else "ok  " if check.ok else "FAIL"
    print_text(f"{mark} {check.name:14} {visible(check.detail)}", hanging=INDENT)
    if check.hint:
        print_text(f"{'':{INDENT}}hint: {visible(check.hint)}", hanging=INDENT + len("hint: "))
