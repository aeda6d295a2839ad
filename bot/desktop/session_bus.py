"""Where the user's session bus is (D-Bus Specification, "Well-known Message Bus Instances")."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

UNIX = "unix:"
"The session of this user is on this machine; an address over a network is no such thing."


def session_bus(environment: Mapping[str, str] = os.environ) -> str:
    """The bus's address; empty if there is none."""
    given = environment.get("DBUS_SESSION_BUS_ADDRESS", "")
    if given:
        return given if given.startswith(UNIX) else ""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    bus = Path(runtime) / "bus"
    return f"{UNIX}path={bus}" if runtime and bus.is_socket() else ""
