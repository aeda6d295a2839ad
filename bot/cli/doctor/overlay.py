"""Checks of the overlays: the node, its peers, a call to ourselves, and the target of the own name."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot.cli.doctor.check import Check, looking
from bot.cli.doctor.firewall import firewalled
from bot.cli.doctor.local_network import local_network
from bot.cli.doctor.service import yggdrasil_node
from bot.friends_peers import friends_peers
from bot.home import Home
from bot.name_systems import systems
from bot.settings import own_name
from bot.texts.overlay import alone, only_near
from peer.overlay import Overlay
from peer.overlay.choose import Finding, OverlayReport, configured, examine
from peer.overlay.loopback import LoopbackOverlay
from peer.overlay.yggdrasil import admin_of
from shared.config.schema import Config
from shared.errors import CopybaraError, OverlayDown, OverlayError, OverlayForbidden
from shared.names import endings
from shared.names.lookup import normal
from shared.names.records import node_records
from shared.names.trace import Trace
from shared.sentences import joined

NONE_HINT = "Run `copybara setup`; or start the overlay that you have. To try it on this computer alone: copybara demo"


FRIENDS = {
    "no": "",
    "perhaps": ". If a private one connects you, a friend needs it too: `copybara invite` says how they get it",
    "yes": ". A private one connects you, and a friend needs it too: `copybara invite` says how they get it",
}
"What is said about the peers, by whether a friend needs them."


async def overlays(home: Home, config: Config) -> list[Check]:
    """The state of each overlay, and a call to ourselves over the overlay that would be used."""
    with _overlays(home, config) as candidates:
        with looking("for an overlay's node on this machine"):
            report = await examine(config.overlay, candidates)
        checks = [_found(finding, wanted=config.overlay) for finding in report.findings]
        taken = report.taken
        if taken is None:
            hint = _most_telling(report) or NONE_HINT
            dead = await asyncio.to_thread(yggdrasil_node) if "yggdrasil" in _silent(report) else None
            return [
                *checks,
                *([dead] if dead else []),
                Check("overlay", ok=False, detail="there is no network for calls yet (an overlay)", hint=hint),
            ]
        checks.append(
            Check(
                "overlay",
                ok=True,
                detail=f"{taken.overlay}: a call would bind {taken.address}"
                + (f" on {taken.interface}" if taken.interface else "")
                + (f", packets up to {taken.mtu} bytes" if taken.mtu else ""),
            )
        )
        if at_home := local_network(config, taken.interface):
            checks.append(at_home)
        with looking("for the node's peers"):
            checks += await _peers(config, taken)
        with looking("at the firewall"):
            checks += await asyncio.to_thread(firewalled, taken)
        with looking("whether we can call ourselves"):
            checks.append(await _self_call(taken))
        with looking("up your own name"):
            checks += await _own_name(config, taken)
        return checks


@contextlib.contextmanager
def _overlays(home: Home, config: Config) -> Iterator[list[Overlay]]:
    """The overlays that may be used.

    Loopback makes its node when asked for it, so here it does so in a temporary folder.
    """
    with contextlib.ExitStack() as stack:
        found = [overlay for overlay in configured(config, home.folder) if overlay.name != "loopback"]
        if config.overlay == "loopback":
            folder = home.folder
            if not home.node_key.exists():
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="copybara-doctor-")))
            found.append(LoopbackOverlay(folder))
        yield found


def _most_telling(report: OverlayReport) -> str:
    """The hint for a node that exists and can't be used or asked. Empty if there is none."""
    for finding in report.findings:
        if finding.error is not None and (finding.node is not None or isinstance(finding.error, OverlayForbidden)):
            return finding.error.hint
    return ""


def _silent(report: OverlayReport) -> list[str]:
    """The overlays whose node doesn't reply."""
    return [each.overlay for each in report.findings if each.node is None and type(each.error) is OverlayDown]


def _found(finding: Finding, *, wanted: str) -> Check:
    if finding.usable:
        detail = f"node {finding.node}" + (f". {finding.why_not}" if finding.why_not else "")
        return Check(finding.overlay, ok=True, detail=detail)
    # If another overlay works, a missing one is no fault. The next line reports that.
    missed = wanted == finding.overlay
    hint = finding.error.hint if missed and finding.error else ""
    return Check(finding.overlay, ok=not missed, note=not missed, detail=f"not used: {finding.why_not}", hint=hint)


async def _peers(config: Config, taken: Finding) -> list[Check]:
    """Whether the Yggdrasil node is connected to anybody. Staex's node doesn't say."""
    if taken.overlay != "yggdrasil":
        return []
    try:
        peers = await admin_of(config.yggdrasil).peers()
    except OverlayError as error:
        return [Check("peers", ok=True, note=True, detail=error.sentence)]
    up = [peer for peer in peers if peer.up]
    if not up:
        said = alone(taken.overlay)
        return [Check("peers", ok=False, detail=said.sentence, hint=said.hint)]
    friends = await friends_peers(config, taken.overlay)
    detail = f"Yggdrasil has {len(up)} peer{'' if len(up) == 1 else 's'}{FRIENDS[friends.needed]}"
    return [Check("peers", ok=True, detail=joined(detail, only_near(friends.lines)))]


async def _self_call(taken: Finding) -> Check:
    from peer.transport.self_test import call_self

    assert taken.address is not None
    try:
        seconds = await call_self(taken.address, taken.interface)
    except TimeoutError:
        hint = "A firewall may block UDP on this computer's own addresses (the device lo)."
        return Check("self call", ok=False, detail="nothing arrived at our own address", hint=hint)
    except CopybaraError as error:
        return Check.failed("self call", error)
    return Check("self call", ok=True, detail=f"connected to ourselves in {seconds * 1000:.0f} ms")


async def _own_name(config: Config, taken: Finding) -> list[Check]:
    """Whether the owner's name leads to this node. Calls work without it, so this is only a warning."""
    name = own_name(config)
    if not name:
        return []
    system = next((each for each in systems(config.names) if endings.ending(name) in each.tlds), None)
    if system is None:
        hint = f"Names that can be looked up end in {endings.in_words()}."
        return [Check("own name", ok=True, note=True, detail=f"{name} can't be looked up", hint=hint)]
    try:
        record = await system.look_up(await normal(name), node_records(taken.overlay), Trace())
    except CopybaraError as error:
        return [Check("own name", ok=True, note=True, detail=error.sentence, hint=error.hint)]
    if record.node == taken.node:
        return [Check("own name", ok=True, detail=f"{name} leads to this node, says {record.server}")]
    hint = "Anyone who calls that name reaches the other node. `copybara card --records` prints what to write there."
    detail = f"{name} leads to another node: {record.node}"
    return [Check("own name", ok=True, note=True, detail=detail, hint=hint)]
