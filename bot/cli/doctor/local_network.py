"""The check of the local network, if it serves devices without the overlay."""

from __future__ import annotations

from ipaddress import ip_address

from bot.cli.doctor.check import Check
from bot.texts.devices import LAN_GIVES_UP
from peer.handset.devices.places import local_interface
from peer.overlay.interfaces import Machine, ThisMachine
from shared.config.schema import Config
from shared.errors import CopybaraError

NAME = "home network"


def local_network(config: Config, overlays: str | None, machine: Machine | None = None) -> Check | None:
    """Whether this computer has the address that `lan` names, and what that exposes. None: not configured.

    `overlays` is the overlay's network device. The result never prevents calls.
    """
    if not (lan := config.devices.lan):
        return None
    try:
        interface = local_interface(ip_address(lan), (machine or ThisMachine()).interfaces(), overlays)
    except CopybaraError as error:
        return Check(NAME, ok=True, note=True, detail=error.sentence, hint=error.hint)
    return Check(NAME, ok=True, detail=f"devices are served at {lan} on {interface.name}, too. {LAN_GIVES_UP}")
