"""Chooses a device: the configured one, or another one while that is missing."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

MONITOR = ".monitor"
"The end of the name of a monitor source in PulseAudio and PipeWire: it records what a speaker plays."

NO_DEVICE = "auto_null"
"The name of the placeholder speaker that both make if the machine has no speaker."


class FoundDevices(msgspec.Struct, frozen=True):
    """The devices of one kind that this machine has."""

    names: tuple[str, ...]
    "The devices that can be opened, in the system's order."

    default: str | None
    "The system's default device. Empty if the system doesn't say which it is, None if it has none."


def may_be_taken(name: str) -> bool:
    """Whether the name is of a real device, and neither a monitor source nor the placeholder."""
    return not name.endswith(MONITOR) and name != NO_DEVICE


def choose(wanted: str, found: FoundDevices, *, last: str = "", failed: Collection[str] = ()) -> str | None:
    """The name of the device to use. Empty: the system's default. None: there is no device.

    `wanted` is the configured name, empty for the system's default. `last` is the device used before, empty at the
    beginning. Devices in `failed` couldn't be opened and are left out. A monitor source never replaces a microphone,
    because the other side would hear itself.
    """
    if wanted and wanted in found.names and wanted not in failed:
        return wanted
    instead = bool(wanted) or not (not last or last.endswith(MONITOR))
    default: tuple[str, ...] = () if found.default is None else (found.default,)
    for name in (*default, *found.names):
        if name in failed or (wanted and name == wanted) or name.removesuffix(MONITOR) == NO_DEVICE:
            continue
        if name.endswith(MONITOR) and (instead or name != found.default):
            continue
        return name
    return None
