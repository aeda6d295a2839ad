"""What a Yggdrasil node's configuration becomes. Pure: the node itself reads its HJSON and gives us JSON.

The same for 0.4 and 0.5, whose settings with these names mean the same. JSON is valid HJSON, so either node reads it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from shared.errors import OverlayError

DEVICE = "ygg0"
"The name of the node's device, which the firewall's rules need."

NO_DEVICE = "none"

ALONE: dict[str, Any] = {"MulticastInterfaces": [], "NodeInfoPrivacy": True}
"The node announces itself to nobody on the local network, and says nothing about this machine."

SECRET = "PrivateKey"  # noqa: S105 - the name of a setting

MOST_BYTES = 1024 * 1024


def parsed(text: str) -> dict[str, Any]:
    """The settings that a node has written as JSON. Raises OverlayError for what is none."""
    try:
        settings = json.loads(text) if len(text) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict) or not (SECRET in settings or "PrivateKeyPath" in settings):
        raise OverlayError(
            "Yggdrasil didn't write its configuration as expected.", "How to do it by hand: copybara manual overlays"
        )
    return settings


def is_of_05(settings: dict[str, Any]) -> bool:
    """Whether the node is of 0.5, which doesn't talk to those of 0.4: only 0.4 writes its public key."""
    return "PublicKey" not in settings


def changed(settings: dict[str, Any], peers: Sequence[str]) -> dict[str, Any]:
    """The settings with these peers added, and whatever else calls need. What somebody has set up stays as it is."""
    result = dict(settings)
    before = _texts(settings.get("Peers"))
    if not before and not _texts(settings.get("Listen")):
        # As it was installed: nobody has decided anything yet.
        result |= ALONE | {"IfName": DEVICE}
    elif settings.get("IfName") == NO_DEVICE:
        result["IfName"] = DEVICE
    result["Peers"] = [*before, *(peer for peer in peers if peer not in before)]
    return result


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What was changed, a line each, for the owner to read. The private key is in none of them."""
    names = [name for name in after if after[name] != before.get(name) and name != SECRET]
    return [f"{name}: {json.dumps(after[name])}" for name in names]


def device_of(settings: dict[str, Any]) -> str:
    """The node's device; empty if the system chooses its name."""
    name = settings.get("IfName")
    return name if isinstance(name, str) and name not in ("auto", NO_DEVICE) else ""


def as_text(settings: dict[str, Any]) -> str:
    """What goes into the node's file."""
    return json.dumps(settings, indent=2) + "\n"


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
