"""The firewall's rules for the overlay's device: calls come in, what listens on all addresses doesn't.

So do the owner's other devices, such as a phone, at the one port where they are served (docs/devices.md).

The socket of a call is bound to the overlay's own address. A service that listens on all addresses is not, even if its
port is one that the system chose; nor is a container's published port, which is forwarded. A program that binds a UDP
port of that range to the overlay's address itself, as browsers do for calls of their own, stays reachable there.

They are a table and a unit of their own, so that no other rules of this machine are touched. Docker's, ufw's and
firewalld's stay; what any of them drops stays dropped.
"""

from __future__ import annotations

from pathlib import Path

from shared.config.schema import Handset

FOLDER = "/etc/copybara"
RULES = f"{FOLDER}/overlay.nft"
UNIT_NAME = "copybara-overlay-firewall.service"
UNIT = f"/etc/systemd/system/{UNIT_NAME}"

TABLE = "copybara_overlay"

PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL_PORTS = "32768-60999"

DEVICE_PORT = Handset().device_port
"""Of the configuration's default. Only the beginning of a connection is let in as something new: a lone ACK, which the
kernel would answer with a reset, is dropped like everything else."""


def local_ports(source: Path = PORTS) -> str:
    """The ports that the system chooses from, as nftables writes them: calls take one of them."""
    try:
        first, last = map(int, source.read_text().split())
    except (OSError, ValueError):
        return USUAL_PORTS
    return f"{first}-{last}"


def rules(device: str, ports: str) -> str:
    """What nft loads: the table is made again each time, so loading it twice is as good as once."""
    return f"""\
# Written by `copybara setup overlay`. Anyone in the overlay can send packets to {device}; only calls are let in.
add table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname != "{device}" accept
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
        iifname != "{device}" accept
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
