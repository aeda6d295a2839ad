"""The firewall rules for the overlay's device: they admit calls, and block services that listen on all addresses.

They also admit the owner's other devices, such as a phone, at the one port that serves them (docs/devices.md).

The socket of a call is bound to the overlay's own address. A service that listens on all addresses isn't, even if the
system chose its port, so it is blocked. So is a container's published port, because it is forwarded. A program that
binds a UDP port of that range to the overlay's address itself, as browsers do for their own calls, stays reachable.

The rules have their own table and unit, and change no other rules of this machine, such as those of Docker, ufw or
firewalld. What those drop stays dropped.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from bot.cli import service
from shared.config.schema import Handset

FOLDER = "/etc/copybara"
RULES = f"{FOLDER}/overlay.nft"
UNIT_NAME = "copybara-overlay-firewall.service"
UNIT = f"/etc/systemd/system/{UNIT_NAME}"

TABLE = "copybara_overlay"

PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_PORTS = "32768-60999"

DEVICE_PORT = Handset().device_port
"""The port of the default configuration. Only the first packet of a connection is admitted as new. A lone ACK, which
the kernel would answer with a reset, is dropped like everything else."""


class Loaded(Enum):
    """The state of the rules, as far as it can be seen without root, and the words about it."""

    OURS = "only calls and your phone are let in from Yggdrasil"
    OTHERS = "the rules aren't those of this version: an earlier one has written them, or somebody has changed them"
    NONE = (
        "Copybara has loaded no rules for {device}. Without rules of your own, anyone in that network reaches every "
        "program here that listens on all addresses"
    )


LOAD = "Load rules that let in only calls and your phone? What else you offer in that network, such as ssh, is closed."
LOAD_AGAIN = "Replace them by those of this version?"
LATER = "The firewall stays as it is. To change that: copybara setup overlay"
BY_HAND = "How root loads rules by hand: copybara manual overlays"


def loaded(device: str, source: Path = Path(RULES)) -> Loaded:
    """The state of the rules for this device."""
    if service.state_of(UNIT_NAME, of_user=False) != "active":
        return Loaded.NONE
    try:
        written = source.read_text(errors="replace")
    except PermissionError:
        return Loaded.OURS
    except OSError:
        return Loaded.NONE
    if written == rules(device, local_ports()):
        return Loaded.OURS
    return Loaded.OTHERS if _only(device) in written else Loaded.NONE


def _only(device: str) -> str:
    """The rule that accepts all packets on other devices."""
    return f'iifname != "{device}" accept'


def local_ports(source: Path = PORTS) -> str:
    """The range from which the system chooses ports, as nftables writes it. Calls use these ports."""
    try:
        first, last = map(int, source.read_text().split())
    except (OSError, ValueError):
        return USUAL_PORTS
    return f"{first}-{last}"


def rules(device: str, ports: str) -> str:
    """The input for nft. It makes the table from scratch, so loading it twice has the same result."""
    return f"""\
# Written by `copybara setup overlay`. Anyone in the overlay can send packets to {device}; only calls are let in.
add table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain input {{
        type filter hook input priority filter; policy accept;
        {_only(device)}
        ct state established,related accept
        meta l4proto ipv6-icmp accept
        # A call's socket is bound to the overlay's address; what listens on all addresses isn't.
        udp dport {ports} socket wildcard 0 accept
        # The owner's phone; strangers get no answer there.
        tcp dport {DEVICE_PORT} tcp flags & (fin | syn | rst | ack) == syn socket wildcard 0 accept
        drop
    }}
    chain forward {{
        # To containers, virtual machines and other networks.
        type filter hook forward priority filter; policy accept;
        {_only(device)}
        ct state established,related accept
        drop
    }}
}}
"""


def unit() -> str:
    """The unit that loads the rules at each start, and again after nftables' own rules were loaded."""
    return f"""\
# Written by `copybara setup overlay`: loads {RULES}.
[Unit]
Description=Firewall of the overlay's device, for Copybara
After=nftables.service
PartOf=nftables.service
ReloadPropagatedFrom=nftables.service
Before=yggdrasil.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {RULES}
ExecReload=/usr/sbin/nft -f {RULES}
ExecStop=/usr/sbin/nft delete table inet {TABLE}

[Install]
WantedBy=multi-user.target
"""
