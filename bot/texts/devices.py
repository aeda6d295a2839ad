"""What the owner reads about their other devices, such as a phone, in the chat and at the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.kinds import Kind, Sentence
from shared.paired_device import PairedDevice

NONE = "No other devices."

NO_ADDRESS = (
    "That isn't a device's overlay address.",
    "The overlay's app on the phone shows it, such as 200:1234::1. Or leave it out.",
)

NO_PAGE = (
    "The page is switched off, so no device can use it.",
    "Set enabled = true under [handset], and start me again.",
)

USAGE = (
    "That isn't a way to use /devices.",
    "Write /devices, /devices add NAME, /devices confirm CODE, /devices cancel, or /devices remove NAME",
)

NOTHING_TO_CANCEL = "No device is being added.", ""


def name_taken(name: str) -> tuple[str, str]:
    """A device has that name."""
    return f"There is already a device {name}.", "Choose another name, or remove that one first."


def devices(known: Sequence[PairedDevice], connected: Sequence[bool]) -> Sentence:
    """The list; `connected` says of each whether its page is open."""
    if not known:
        return Sentence(Kind.DEVICES, NONE, "/devices add NAME adds a phone.")
    lines = [_line(device, now) for device, now in zip(known, connected, strict=True)]
    return Sentence(Kind.DEVICES, "\n".join(lines), "\n/devices remove NAME locks one out at once.")


def pairing_open(name: str, address: str, fingerprint: str, seconds: int, *, open_to_all: bool) -> Sentence:
    """What to do next."""
    seen = (
        " Until then others in the overlay can see that there is a server; "
        "with the device's overlay address after its name they can't."
    )
    return Sentence(
        Kind.DEVICE_PAIRING,
        f"Open this on {name}, within {-(-seconds // 60)} minutes. It works once:\n{address}\n"
        "Its browser will warn you, because your home vouches for itself. The certificate's authority has the "
        f"SHA-256 fingerprint\n{fingerprint}\nThen the device shows a code.{seen if open_to_all else ''}",
    )


def waits(name: str, visitor: str, code: str) -> Sentence:
    """A device has opened the address."""
    return Sentence(
        Kind.DEVICE_WAITS,
        f"A device at {visitor} wants to be {name}. Its code must be {code}. If your device shows another code or "
        "none, somebody else has opened the address.",
        f"\nIf they are the same: /devices confirm {code}\nIf not: /devices cancel",
    )


def added(device: PairedDevice) -> Sentence:
    """The owner has confirmed the code."""
    return Sentence(
        Kind.DEVICE_ADDED,
        f"{device.name} is one of your devices now. Calls ring there while its page is open.",
        f"/devices remove {device.name} locks it out.",
    )


def cancelled() -> Sentence:
    """The pairing is over."""
    return Sentence(Kind.DEVICE_CANCELLED, "No device is added. The address doesn't work any more.")


def removed(device: PairedDevice) -> Sentence:
    """It is none any more."""
    return Sentence(Kind.DEVICE_REMOVED, f"Removed {device.name}: it is locked out, and what it had open has ended.")


def _line(device: PairedDevice, connected: bool) -> str:
    day = datetime.fromtimestamp(device.seen, UTC).astimezone()
    seen = "connected now" if connected else f"last seen {day:%Y-%m-%d %H:%M}"
    return f"{device.name}: {device.address}, {seen}"
