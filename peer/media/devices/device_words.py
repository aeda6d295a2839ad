"""What the owner reads when a device goes, comes back, or is missing when a call begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from peer.media.trouble import MediaTrouble
from shared.errors import MediaError
from shared.media import Media


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """A kind of device, and the words for it."""

    word: str
    "Also its key under [devices] in the configuration."

    without: str
    "What it means for the owner that there is none."

    sends: Media = Media.NONE
    "The kind of media that the device sends."


MICROPHONE = DeviceKind("microphone", "They can't hear you.", Media.AUDIO)
SPEAKER = DeviceKind("speaker", "You can't hear them.")
CAMERA = DeviceKind("camera", "They can't see you.", Media.VIDEO)


def at_the_beginning(kind: DeviceKind, wanted: str, now: str | None, why: MediaError | None) -> MediaTrouble | None:
    """What to say when a call begins with the device `now` (None: no device).

    `why` is the error that kept another device from opening.
    """
    if now is not None and (now == wanted or (not wanted and why is None)):
        return None
    if why is not None:
        reason, hint = why.sentence, why.hint
    elif wanted:
        reason, hint = (
            f"Your {kind.word} {wanted} isn't there.",
            f"Check `{kind.word}` under [devices] of copybara.toml.",
        )
    else:
        reason, hint = f"There is no {kind.word}.", "Plug one in: it will be used at once."
    return MediaTrouble(f"{reason} {_used(kind, now)}", hint)


def changed(
    kind: DeviceKind, wanted: str, last: str, before: str | None, now: str | None, why: MediaError | None
) -> MediaTrouble | None:
    """What to say when `now` replaces `before` (None: no device). None if the owner needs to hear nothing.

    `last` is the last device used: it differs from `before` only if that is None. `why` is the error that kept a device
    from opening.
    """
    if now == before:
        return None
    if now is not None and (now == wanted or (before is None and now == last)):
        return MediaTrouble(f"Your {_named(kind, now)} is back.")
    if before is None:
        return MediaTrouble(f"Your {kind.word} is {now or 'the default one'} now.")
    gone = f"Your {_named(kind, before)} is gone."
    if now is None:
        return MediaTrouble(f"{gone} {kind.without}", why.sentence if why else "Plug one in: it will be used at once.")
    return MediaTrouble(f"{gone} {_used(kind, now)}")


def plugged_in(come: Sequence[tuple[DeviceKind, str]], *, configured: bool) -> MediaTrouble:
    """What to say about one or more devices that were plugged in during a call and aren't used.

    `configured`: the owner named other devices in the configuration.
    """
    names = " and ".join(f"the {kind.word} {name}" for kind, name in come)
    kinds = " and ".join(dict.fromkeys(f"`{kind.word}`" for kind, _ in come))
    how = (
        f"To use it from the next call on, set {kinds} under [devices] of copybara.toml."
        if configured
        else "To use it at once, make it the default in your desktop's sound settings."
    )
    return MediaTrouble(f"You plugged in {names}.", how)


def _used(kind: DeviceKind, now: str | None) -> str:
    if now is None:
        return kind.without
    return f"Using {now} instead." if now else f"Using the default {kind.word} instead."


def _named(kind: DeviceKind, name: str) -> str:
    return f"{kind.word} {name}".strip()
