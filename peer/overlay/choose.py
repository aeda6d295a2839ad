"""Chooses the overlay for calls, and reports what was found, for `copybara doctor`.

`auto` takes the first of Staex and Yggdrasil that replies and has its own device. It never falls back to loopback,
because that gives no privacy: a person must ask for it by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from peer.overlay import AUTOMATIC, Address, Overlay, overlay_name
from peer.overlay.device_kind import LOCAL_NETWORKS
from peer.overlay.interfaces import Machine, ThisMachine
from peer.overlay.loopback import LoopbackOverlay
from peer.overlay.staex import StaexOverlay
from peer.overlay.yggdrasil import YggdrasilOverlay
from peer.overlay.yggdrasil_admin import STOPPED
from shared.config.schema import Config
from shared.errors import CopybaraError, OverlayDown, OverlayError, OverlayForbidden, StoreError
from shared.node_id import NodeId
from shared.overlay_names import OverlayName

NO_OVERLAY_HINT = (
    "Run `copybara setup`: it finds the overlay that you have, or installs one. "
    "To try the program on this computer alone: --overlay loopback."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one overlay."""

    overlay: str

    node: NodeId | None = None
    "Our node id in it, if the node replies."

    address: Address | None = None
    "The address that a call would bind, if there is one."

    interface: str | None = None
    "The device with that address."

    mtu: int | None = None
    "The largest packet of the device, in bytes."

    kind: str | None = None
    "The kind of device, if the kernel says so."

    error: CopybaraError | None = None
    "The reason why it can't be used."

    why_not: str = ""
    "The reason why it wasn't chosen, as a sentence. Empty for the chosen one."

    @property
    def usable(self) -> bool:
        """Whether calls could go through it."""
        return self.error is None


class OverlayReport(msgspec.Struct, frozen=True):
    """All findings, in the order of preference."""

    wanted: OverlayName
    findings: tuple[Finding, ...]

    @property
    def taken(self) -> Finding | None:
        """The chosen overlay."""
        return next((finding for finding in self.findings if not finding.why_not), None)


class OverlayChoice(msgspec.Struct, frozen=True):
    """The chosen overlay, and the report that led to it."""

    overlay: Overlay
    report: OverlayReport


def configured(config: Config, home: Path) -> list[Overlay]:
    """All overlays as configured. None of them has been asked yet. Raises ConfigError."""
    return [StaexOverlay(config.staex), YggdrasilOverlay(config.yggdrasil), LoopbackOverlay(home)]


async def choose(wanted: OverlayName, overlays: Sequence[Overlay], machine: Machine | None = None) -> OverlayChoice:
    """Choose the wanted overlay, or for `auto` the preferred one that works.

    `overlays` are the configured ones; only those that may be chosen are asked. If a certain overlay is wanted, raises
    its error (OverlayDown, BadAddress). For `auto` it raises OverlayForbidden if a node may not be asked, the
    OverlayDown of an installed overlay that doesn't run, or an OverlayDown with every reason in its hint.
    """
    candidates = [overlay for overlay in overlays if _may_take(wanted, overlay)]
    report = await examine(wanted, candidates, machine)
    taken = report.taken
    if taken is None:
        raise _none_found(report)
    return OverlayChoice(next(overlay for overlay in candidates if overlay.name == taken.overlay), report)


async def examine(wanted: OverlayName, overlays: Sequence[Overlay], machine: Machine | None = None) -> OverlayReport:
    """Ask all of these overlays at once. Say for each why it is chosen or not. Raises nothing."""
    ordered = sorted(overlays, key=_preference)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(look_at(overlay, machine)) for overlay in ordered]
    findings: list[Finding] = []
    taken = ""
    for overlay, task in zip(ordered, tasks, strict=True):
        finding = task.result()
        if finding.error is not None:
            why_not = finding.error.sentence
        elif not _may_take(wanted, overlay):
            why_not = _not_wanted(wanted, overlay)
        elif wanted == "auto" and (local := _local_network(finding)):
            why_not = local
        elif taken:
            why_not = f"It works too, but {taken} comes first."
        else:
            taken, why_not = overlay.name, ""
        findings.append(replace(finding, why_not=why_not))
    return OverlayReport(wanted, tuple(findings))


async def look_at(overlay: Overlay, machine: Machine | None = None) -> Finding:
    """What the overlay's node says now, and the device that a call would use. Raises nothing."""
    node: NodeId | None = None
    try:
        node = await overlay.node_id()
        address = await overlay.own_address()
        interfaces = (machine or ThisMachine()).interfaces()
    except (OverlayError, StoreError) as error:
        return Finding(overlay.name, node=node, error=error)
    carrier = next((interface for interface in interfaces if interface.name == overlay.interface), None)
    if carrier is None:
        return Finding(overlay.name, node, address, overlay.interface)
    return Finding(overlay.name, node, address, carrier.name, carrier.mtu, carrier.kind)


def _local_network(finding: Finding) -> str:
    """Why `auto` doesn't choose an overlay on that device. Empty if it may.

    Any program can pretend to be a Staex node, and give an address of a container bridge or a network card.
    """
    what = LOCAL_NETWORKS.get(finding.kind or "")
    if what is None:
        return ""
    return (
        f"Its address is on {finding.interface}, {what}, which no overlay uses. "
        f'If it is right, set overlay = "{finding.overlay}".'
    )


def _preference(overlay: Overlay) -> int:
    return AUTOMATIC.index(overlay.name) if overlay.name in AUTOMATIC else len(AUTOMATIC)


def _may_take(wanted: OverlayName, overlay: Overlay) -> bool:
    return overlay.name in AUTOMATIC if wanted == "auto" else overlay.name == wanted


def _not_wanted(wanted: OverlayName, overlay: Overlay) -> str:
    if wanted == "auto":
        return f"{overlay_name(overlay.name)} is never chosen automatically: it gives no privacy."
    return f"The configuration wants {wanted}."


def _none_found(report: OverlayReport) -> CopybaraError:
    if report.wanted != "auto" and report.findings and report.findings[0].error is not None:
        return report.findings[0].error
    for finding in report.findings:
        if isinstance(finding.error, OverlayForbidden):
            return finding.error
    for finding in report.findings:
        if finding.error is not None and finding.error.sentence == STOPPED:
            return finding.error
    # What to do comes first, because a newcomer doesn't know the overlays' names.
    reasons = " ".join(finding.why_not for finding in report.findings)
    return OverlayDown("No overlay network was found.", f"{NO_OVERLAY_HINT} What was found: {reasons}")
