"""The firewall programs of this computer, and whether they stop calls, as far as that can be known without root.

The kernel shows its rules to root alone. Everybody may see which programs load some, and ufw's main settings. Nothing
is asked that changes a rule, or that makes a desktop ask for a password, as `firewall-cmd` does. Copybara's own rules
are in firewall.py. Those here concern any overlay.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.asked import asked
from bot.cli.service import SECONDS
from bot.cli.setup.yggdrasil.firewall import local_ports
from bot.terminal.as_root import as_root

ALL_RULES = "nft list ruleset"
"Root's command that shows what the kernel follows."

UNSEEN = "{}. If they let no calls in on {}, those that you make to contacts fail"
"Between contacts the other side sends the first packet. Your own first packet opens the way for the answers to it."

NEEDED = "What calls need: copybara manual overlays"

FIREWALLD = "firewalld.service"

LOADERS = {
    "nftables.service": ALL_RULES,
    "netfilter-persistent.service": ALL_RULES,
    "iptables.service": "iptables-save",
    "ip6tables.service": "ip6tables-save",
    "shorewall.service": "shorewall show",
    "shorewall6.service": "shorewall6 show",
}
"Services that load rules which somebody has written, and the command that shows root the rules."

NAMES = frozenset({"ufw", *(unit.removesuffix(".service") for unit in (FIREWALLD, *LOADERS))})
"Every name that a `Firewall` may have."

_REFUSES = re.compile(r"\b(drop|reject|include|queue)\b")
"What a file for nft needs to refuse a packet, itself or in another file."

YES = ("yes", "YES")
"What ufw takes for yes."


@dataclass(frozen=True, slots=True)
class Firewall:
    """A program whose rules are loaded, and that may refuse what the other side of a call sends."""

    name: str

    stops: bool
    "Whether it surely stops calls. Otherwise only root can see whether it does."

    detail: str

    hint: str


def firewalls(device: str, *, ipv6: bool, root: Path = Path("/")) -> Iterator[Firewall]:
    """Those that stop calls over this network device, or may. `ipv6`: the overlay's addresses are IPv6."""
    if _setting(root / "etc/ufw/ufw.conf", "ENABLED") in YES:
        yield from _ufw(device, root / "etc/default/ufw", ipv6=ipv6)
    active = _active(FIREWALLD, *LOADERS)
    if FIREWALLD in active:
        yield Firewall(
            "firewalld",
            stops=False,
            detail=UNSEEN.format("is on, and only root can see its rules", device),
            hint=f"To look: {as_root('firewall-cmd --list-all')}. {NEEDED}",
        )
    for unit, shows in LOADERS.items():
        if unit in active and not (unit == "nftables.service" and _refuses_nothing(root / "etc/nftables.conf")):
            yield Firewall(
                unit.removesuffix(".service"),
                stops=False,
                detail=UNSEEN.format("has loaded rules that only root can see", device),
                hint=f"To look: {as_root(shows)}. {NEEDED}",
            )


def _ufw(device: str, defaults: Path, *, ipv6: bool) -> Iterator[Firewall]:
    if ipv6 and _setting(defaults, "IPV6") in ("no", "NO"):
        yield Firewall(
            "ufw",
            stops=True,
            detail=f"refuses all IPv6, so no call gets through: {defaults} says IPV6=no",
            hint=f"Write IPV6=yes there. Then: {as_root('ufw disable')}, and: {as_root('ufw enable')}",
        )
    elif _setting(defaults, "DEFAULT_INPUT_POLICY") != "ACCEPT":
        allow = f"ufw allow in on {device} to any port {local_ports().replace('-', ':')} proto udp"
        yield Firewall(
            "ufw",
            stops=False,
            detail=UNSEEN.format("is on, and only root can see its rules", device),
            hint=f"To look: {as_root('ufw status')}. To let calls in: {as_root(allow)}",
        )


def _setting(file: Path, name: str) -> str:
    """The value of a setting in a file of shell variables. Empty if it can't be read or isn't there."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    values = [value for key, _, value in (line.partition("=") for line in lines) if key.strip() == name]
    return values[-1].strip().strip("\"'") if values else ""


def _refuses_nothing(file: Path) -> bool:
    """Whether the rules in this file let everything in, as those that Debian's package brings do."""
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return False
    return not any(_REFUSES.search(line.partition("#")[0]) for line in lines)


def _active(*units: str) -> set[str]:
    """Those of systemd's units that are active. Empty if it doesn't say."""
    if shutil.which("systemctl") is None:
        return set()
    states = asked(["systemctl", "is-active", *units], SECONDS).stdout.split()
    return {unit for unit, state in zip(units, states, strict=False) if state == "active"}
