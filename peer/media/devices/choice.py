"""Which device a call uses: the configured one, or what is there instead until that is back."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

MONITOR = ".monitor"
"How PulseAudio and PipeWire end the names of sources that hear what a speaker plays."

NO_DEVICE = "auto_null"
"The speaker that both of them make where there is none."


class FoundDevices(msgspec.Struct, frozen=True):
    """The devices of one kind that there are."""

    names: tuple[str, ...]
    "Those that can be opened, in the system's order."

    default: str | None
    "The one that the system would take; empty if it doesn't say which that is, None if there is none."


def may_be_taken(name: str) -> bool:
    """Whether that is a device of its own: not what hears a speaker, nor what stands for none."""
    return not name.endswith(MONITOR) and name != NO_DEVICE


def choose(wanted: str, found: FoundDevices, *, last: str = "", failed: Collection[str] = ()) -> str | None:
    """The name of the device to use; None if there is none. Empty is the system's default.

    `wanted` is the configured one, empty for the system's default; `last` is what was used before, empty at the
    beginning; those that have `failed` to open are left out. What hears a speaker is no microphone to take in place of
    another: the other side would hear itself.
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
