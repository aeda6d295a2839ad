"""What the owner reads about their other devices, such as a phone, in the chat and at the command line."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import Kind, Sentence
from bot.texts.times import date_and_time
from shared.errors import CopybaraError
from shared.paired_device import DeviceWay, PairedDevice

NONE = "No other devices."

NO_ADDRESS = (
    "That isn't a device's address.",
    "The overlay's app on the phone shows it, such as 200:1234::1. Or leave it out.",
)

NO_LAN = (
    "Devices can't come over your home's network: that isn't switched on.",
    "Write this computer's address there under [devices] of copybara.toml, such as "
    'lan = "192.168.1.5", and start me again.',
)

LAN_GIVES_UP = (
    "Over your home's network, anyone in it can see that the phone and this computer talk, when and how much, and "
    "anyone who takes the phone's address there can find the server, but nobody can see, hear or join a call, and the "
    "other side still learns no address but this node's. One thing is up to you: anyone who takes this computer's "
    "address there can pass for your home if you go past the browser's warning a second time. Better install the "
    "authority on the phone."
)
"What the home's network gives up beside the overlay."

NO_PAGE = (
    "The page is switched off, so no device can use it.",
    "Set `enabled = true` under [handset] of copybara.toml, and start me again.",
)

USAGE = (
    "That isn't a way to use /devices.",
    "Write /devices, /devices add NAME, /devices add NAME lan, /devices confirm CODE, /devices cancel, or /devices "
    "remove NAME.",
)

ONLY_AT_HOME = (
    "Devices are added and removed at home only, so that a lost phone can't let others in.",
    "Use the page on your computer, the chat, or: copybara devices",
)

ALLOWED_AT_HOME = (
    "Automatic answers and files without asking are allowed at home only, so that a lost phone can't let others in.",
    "Use the page on your computer, or the chat.",
)

NOTHING_TO_CANCEL = "No device is being added.", ""


def name_taken(name: str) -> tuple[str, str]:
    """A device has that name."""
    return f"There is already a device {name}.", "Choose another name, or remove that one first."


def without_addresses(error: CopybaraError) -> CopybaraError:
    """Why devices can't be served in the home's network, for a chat that others can read."""
    return type(error)(
        "This computer doesn't have the address under [devices] in a local network.",
        "`copybara doctor` says which it has. This chat isn't encrypted from end to end, so they aren't here.",
    )


def devices(known: Sequence[PairedDevice], connected: Sequence[bool], *, addresses: bool = True) -> Sentence:
    """The list; `connected` says of each whether its page is open."""
    if not known:
        return Sentence(Kind.DEVICES, NONE, "/devices add NAME adds a phone.")
    lines = [
        line(
            name=device.name,
            address=device.address if addresses else "",
            way=device.way,
            seen=device.seen,
            connected=now,
        )
        for device, now in zip(known, connected, strict=True)
    ]
    return Sentence(Kind.DEVICES, "\n".join(lines), "\n/devices remove NAME locks one out at once.")


def pairing_open(
    name: str, address: str, seconds: int, *, certificate: str, authority: str, open_to_all: bool, lan: bool
) -> Sentence:
    """What to do next. `certificate` and `authority` are their fingerprints; `lan`: over the home's network.

    Both are said here and on no page of the device: somebody who took this computer's address would serve that page.
    """
    given = f"\n{seen}" if (seen := given_up(open_to_all=open_to_all, lan=lan)) else ""
    return Sentence(
        Kind.DEVICE_PAIRING,
        f"Open this on {name}, within {-(-seconds // 60)} minutes. It works once:\n{address}\n"
        "Its browser will warn you, because your home vouches for itself. Go on only if the certificate that the "
        f"browser itself shows has the SHA-256 fingerprint\n{certificate}\nThen the device shows a code.\n"
        "If you install the certificate authority there, the device's own settings must show one certificate with the "
        f"SHA-256 fingerprint\n{authority}\nDon't trust a fingerprint that a page shows.{given}",
    )


def pairing_open_elsewhere(name: str, seconds: int) -> Sentence:
    """The same in a chat that others can read: it holds neither the address nor its secret."""
    return Sentence(
        Kind.DEVICE_PAIRING,
        f"{name} can be added now, for {-(-seconds // 60)} minutes. This chat isn't encrypted from end to end, so the "
        "address isn't here: the page on your computer shows it, under My devices.",
        f"\nOr in a terminal at home: copybara devices add {name}",
    )


def given_up(*, open_to_all: bool, lan: bool) -> str:
    """What others can see while a device is added, and what the home's network gives up afterwards; may be empty."""
    where = "your home's network" if lan else "the overlay"
    seen = (
        f"Until then others in {where} can see that there is a server; with the device's address they can't."
        if open_to_all
        else ""
    )
    return " ".join(filter(None, (seen, LAN_GIVES_UP if lan else "")))


def waits(name: str, visitor: str | None, code: str) -> Sentence:
    """A device has opened the address. Its own isn't named in a chat that others can read."""
    where = f" at {visitor}" if visitor is not None else ""
    return Sentence(
        Kind.DEVICE_WAITS,
        f"A device{where} wants to be {name}. Its code must be {code}. If your device shows another code or "
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
    return Sentence(
        Kind.DEVICE_REMOVED,
        f"Removed {device.name}: it is locked out, and what it had open has ended, calls included.",
    )


def not_erased(device: PairedDevice, error: CopybaraError, *, noted: bool) -> tuple[str, str]:
    """It is locked out, and its key is still on the disk. `noted`: the next start knows that."""
    stop = "" if noted else f" Don't stop me before that: the next start would let {device.name} in again."
    return (
        f"{device.name} is locked out, and what it had open has ended, calls included, but its key is still on the "
        f"disk. {error.sentence}",
        f"I keep trying to erase it, and tell you when it is erased.{stop} {error.hint}".strip(),
    )


def erased(device: PairedDevice) -> Sentence:
    """What couldn't be done when it was removed."""
    return Sentence(Kind.DEVICE_REMOVED, f"The key of {device.name}, which you removed, is erased now.")


def done_at(name: str, sentence: Sentence | None = None) -> Sentence:
    """The contact book or the card was changed at that device: how, unless it is said where others can read it."""
    if sentence is None:
        return Sentence(Kind.DEVICE_CHANGED_BOOK, f"Your contacts or your card were changed on {name}.")
    return Sentence(Kind.DEVICE_CHANGED_BOOK, f"On {name}: {sentence.sentence}", sentence.hint)


def more_changes(count: int) -> str:
    """Below the changes that devices have made to the contact book: how many there are beside those."""
    return f"… and {count} more {'change' if count == 1 else 'changes'}: look through your contacts."


def ringing(devices: Sequence[tuple[str, bool]]) -> str:
    """Beside a call that rings: on which devices it rings, and what to do on the others, which have no page open.

    No address: strangers make this message come, and others may be able to read the chat.
    """
    there = ", ".join(name for name, is_open in devices if is_open)
    others = " or ".join(name for name, is_open in devices if not is_open)
    to_open = f"\nTo answer on {others}, open its page there (bookmark or home screen)." if others else ""
    return (f"\nIt also rings on {there}." if there else "") + to_open


def line(*, name: str, address: str, way: str = "", seen: int, connected: bool, **_: object) -> str:
    """A device in a list; `seen` in Unix seconds. An older program that runs says nothing of the way."""
    when = "connected now" if connected else f"last seen {date_and_time(seen)}"
    where = f"{address}{' in your home network' if way == DeviceWay.LAN else ''}".strip()
    return f"{name}: {where}, {when}" if where else f"{name}: {when}"
