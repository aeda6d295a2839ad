"""The check of the firewalls: whether they let calls in over the overlay's device. It changes none."""

from __future__ import annotations

from ipaddress import IPv6Address
from pathlib import Path

from bot.cli import service
from bot.cli.doctor.check import Check
from bot.cli.setup.yggdrasil import firewall
from bot.cli.setup.yggdrasil.other_firewalls import ALL_RULES, NEEDED, firewalls
from bot.terminal.as_root import as_root
from peer.overlay.choose import Finding
from peer.overlay.loopback import LoopbackOverlay
from peer.overlay.yggdrasil import YggdrasilOverlay

NAME = "firewall"

TO_LOAD = "To load those of this version: copybara setup overlay"


def firewalled(taken: Finding, root: Path = Path("/")) -> list[Check]:
    """Copybara's own rules, if the overlay is the one that they are for, and every other firewall that is on.

    Empty for calls within this machine.
    """
    if taken.interface is None or taken.overlay == LoopbackOverlay.name:
        return []
    look = f"To look: {as_root(ALL_RULES)}"
    others = [
        Check(each.name, ok=not each.stops, note=not each.stops, detail=each.detail, hint=each.hint)
        for each in firewalls(taken.interface, ipv6=isinstance(taken.address, IPv6Address), root=root)
    ]
    if service.state_of(firewall.UNIT_NAME, of_user=False) == "unknown":
        detail = "can't be seen from here: no systemd says what is on, as in a container"
        return [Check(NAME, ok=True, note=True, detail=detail, hint=f"{look}. {NEEDED}"), *others]
    if taken.overlay == YggdrasilOverlay.name:
        return [_own_rules(taken.interface), *others]
    none_is_on = "no firewall program is on. Only root can see rules that were loaded by hand"
    return others or [Check(NAME, ok=True, detail=none_is_on, hint=look)]


def _own_rules(device: str) -> Check:
    found = firewall.loaded(device)
    detail = found.value.format(device=device)
    if found is firewall.Loaded.OURS:
        return Check(NAME, ok=True, detail=detail)
    hint = f"{TO_LOAD}. To see rules of your own: {as_root(ALL_RULES)}"
    return Check(NAME, ok=True, note=True, detail=detail, hint=hint)
