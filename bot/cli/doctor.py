"""`copybara doctor`: checks everything that can be wrong, a line each, with a hint."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from bot.cli.doctor_media import media_ready
from bot.home import Home, HomeLock
from bot.messengers.registry import configured as messengers_of
from bot.settings import NAME_ENDS, own_name, settings
from peer.overlay.choose import Finding, configured, examine
from shared.config.schema import Config
from shared.errors import CopybaraError, HomeInUse
from shared.names.configured import systems
from shared.names.lookup import normal
from shared.names.records import node_records
from shared.names.trace import Trace
from shared.store import Store

BUILT = 1_780_000_000
"Unix seconds, May 2026: a clock before that is wrong, and links would be refused."


@dataclass(frozen=True, slots=True)
class Check:
    """One line."""

    name: str
    ok: bool
    "Whether it stands in no call's way."

    detail: str
    hint: str = ""
    note: bool = False
    "Only for information: something that is missing and isn't needed."


def doctor(home: Home, *, overlay: str | None, as_json: bool) -> int:
    """Run all checks and print them. Returns 1 if anything stands in the way of a call."""
    checks: list[Check] = []
    for check in _checks(home, overlay):
        checks.append(check)
        if not as_json:
            _print(check)
    ok = all(check.ok for check in checks)
    if as_json:
        sys.stdout.write(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}) + "\n")
    elif ok:
        sys.stdout.write("\nCalls can be made.\n")
    return 0 if ok else 1


def _checks(home: Home, overlay: str | None) -> Iterator[Check]:
    yield _python()
    yield _libraries()
    yield _clock()
    yield _checked("home", lambda: _home(home))
    yield _running(home)
    yield _checked("database", lambda: _database(home))
    try:
        config = settings(home, overlay)
    except CopybaraError as error:
        yield Check("configuration", ok=False, detail=error.sentence, hint=error.hint)
        return
    yield Check("configuration", ok=True, detail=str(home.config or "none, so the defaults hold"))
    yield _checked("media", lambda: media_ready(config))
    for messenger in messengers_of(config):
        yield _checked(messenger.name, functools.partial(messenger.setup.look, home, config))
    yield from asyncio.run(_overlay(home, config))


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check("python", ok, sys.version.split()[0], "" if ok else "Python 3.11 or newer is needed.")


def _libraries() -> Check:
    try:
        found = ", ".join(f"{name} {version(name)}" for name in ("aiortc", "aioice", "cryptography", "av"))
    except PackageNotFoundError as missing:
        return Check("libraries", ok=False, detail=f"{missing.name} is missing.", hint="Install copybara again.")
    return Check("libraries", ok=True, detail=found)


def _clock() -> Check:
    now = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    ok = time.time() > BUILT
    return Check("clock", ok, now, "" if ok else "Set the clock: links carry the time they were made.")


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=look())
    except CopybaraError as error:
        return Check(name, ok=False, detail=error.sentence, hint=error.hint)


def _running(home: Home) -> Check:
    try:
        with HomeLock(home):
            return Check("process", ok=True, detail="no copybara runs with this home")
    except HomeInUse as running:
        return Check("process", ok=True, detail=running.sentence)
    except CopybaraError as error:
        return Check("process", ok=False, detail=error.sentence, hint=error.hint)


def _home(home: Home) -> str:
    home.prepare()
    if home.others_may_look_in:
        return f"{home.folder}. Other users see the names of the files in it; to change that: chmod 700 {home.folder}"
    return str(home.folder)


def _database(home: Home) -> str:
    with Store(home.database) as store:
        contacts = len(store.contacts())
    return f"{contacts} contact{'' if contacts == 1 else 's'}"


async def _overlay(home: Home, config: Config) -> list[Check]:
    """What each overlay says, and a call to ourselves over the one that would be taken."""
    overlays = configured(config, home.folder)
    if config.overlay != "loopback":
        overlays = [overlay for overlay in overlays if overlay.name != "loopback"]
    report = await examine(config.overlay, overlays)
    checks = [_found(finding, wanted=config.overlay) for finding in report.findings]
    taken = report.taken
    if taken is None:
        hint = "Start the overlay's node, see docs/overlays.md. To try on one machine: --overlay loopback"
        return [*checks, Check("overlay", ok=False, detail="no overlay can be used for calls", hint=hint)]
    checks.append(
        Check(
            "overlay",
            ok=True,
            detail=f"{taken.overlay}: a call would bind {taken.address}"
            + (f" on {taken.interface}" if taken.interface else "")
            + (f", packets up to {taken.mtu} bytes" if taken.mtu else ""),
        )
    )
    return [*checks, await _self_call(taken), *await _own_name(config, taken)]


async def _own_name(config: Config, taken: Finding) -> list[Check]:
    """Whether the owner's name leads to this node. Calls can be made without; so it is never more than a warning."""
    name = own_name(config)
    if not name:
        return []
    system = next((each for each in systems(config.names) if name.rpartition(".")[2] in each.tlds), None)
    if system is None:
        hint = f"Names that can be looked up end in {', '.join(NAME_ENDS)}."
        return [Check("own name", ok=True, note=True, detail=f"{name} is none that can be looked up", hint=hint)]
    try:
        record = await system.look_up(await normal(name), node_records(taken.overlay), Trace())
    except CopybaraError as error:
        return [Check("own name", ok=True, note=True, detail=error.sentence, hint=error.hint)]
    if record.node == taken.node:
        return [Check("own name", ok=True, detail=f"{name} leads to this node, says {record.server}")]
    hint = "Whoever calls that name reaches the other node. `copybara card --records` prints what to write there."
    detail = f"{name} leads to another node: {record.node}"
    return [Check("own name", ok=True, note=True, detail=detail, hint=hint)]


def _found(finding: Finding, *, wanted: str) -> Check:
    if finding.usable:
        detail = f"node {finding.node}" + (f". {finding.why_not}" if finding.why_not else "")
        return Check(finding.overlay, ok=True, detail=detail)
    # One that is missing is no fault as long as another one works; that is the next line's matter.
    missed = wanted == finding.overlay
    return Check(finding.overlay, ok=not missed, note=not missed, detail=f"not taken: {finding.why_not}")


async def _self_call(taken: Finding) -> Check:
    from peer.transport.self_test import call_self

    assert taken.address is not None
    try:
        seconds = await call_self(taken.address, taken.interface)
    except TimeoutError:
        hint = "A firewall may block UDP on the overlay's device."
        return Check("self call", ok=False, detail="nothing arrived at our own address", hint=hint)
    except CopybaraError as error:
        return Check("self call", ok=False, detail=error.sentence, hint=error.hint)
    return Check("self call", ok=True, detail=f"connected to ourselves in {seconds * 1000:.0f} ms")


def _print(check: Check) -> None:
    mark = "-   " if check.note else "ok  " if check.ok else "FAIL"
    sys.stdout.write(f"{mark} {check.name:14} {check.detail}\n")
    if check.hint:
        sys.stdout.write(f"     {'':14} hint: {check.hint}\n")
