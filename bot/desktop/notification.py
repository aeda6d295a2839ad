"""What a notification says, and how it is put for a server: Desktop Notifications Specification 1.2. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from bot.conversation import Act
from bot.desktop.install import ICON
from bot.desktop.places import ID
from bot.texts import desktop as texts
from peer.calls.line import Line
from shared.contacts import Contact
from shared.errors import CopybaraError
from shared.media import Media
from shared.printable import visible

OPEN_PAGE = "default"
"The action of a click on the notification itself."

MAX_TEXT = 400
"Characters of a summary or a body; a server shows a few lines."

NEVER = 0
"Milliseconds until it goes: it stays until it is closed."

Urgency = Literal[0, 1, 2]
LOW: Urgency = 0
NORMAL: Urgency = 1
CRITICAL: Urgency = 2


class Notification(msgspec.Struct, frozen=True):
    """One, as it is meant."""

    summary: str
    body: str
    category: str
    "One of the specification's, or empty."

    urgency: Urgency = NORMAL
    actions: tuple[tuple[str, str], ...] = ()
    "What can be done about it: a key, and what stands on the button."

    sound: str = ""
    "A name of the Sound Naming Specification, for servers that play sounds. Empty: none."


def incoming(line: Line, contact: Contact | None, *, has_page: bool, sound: bool, beside: bool = False) -> Notification:
    """A call rings. `sound`: the server plays what it has for that. `beside`: the owner is in another one."""
    audio = (Act.ANSWER_AUDIO,) if Media.VIDEO in line.media else ()
    answers = (Act.HOLD_AND_ANSWER, Act.END_AND_ANSWER) if beside else (Act.ANSWER, *audio)
    acts = (*answers, Act.DECLINE)
    actions = tuple((act.value, texts.LABELS[act]) for act in acts)
    summary, body = texts.rings(line, contact)
    tone = "phone-incoming-call" if sound else ""
    return Notification(summary, body, "call.incoming", CRITICAL, (*actions, *_page(has_page)), tone)


def missed(line: Line, strangers: int, *, has_page: bool) -> Notification:
    """A call rang, and nobody answered. `strangers`: how many of theirs nobody has looked at, if it is one of these."""
    said = texts.missed_strangers(strangers) if strangers > 1 else texts.missed(line)
    return Notification(*said, "call.unanswered", actions=_page(has_page))


def not_done(error: CopybaraError) -> Notification:
    """What was chosen in a notification didn't work."""
    return Notification(*texts.not_done(error), "")


def as_sent(
    notification: Notification, capabilities: Collection[str], replaces: int
) -> tuple[str, int, str, str, str, list[str], dict[str, tuple[str, object]], int]:
    """The arguments of `Notify`, without what that server can't do; each hint is a D-Bus type and a value.

    `replaces` is the number of the notification that this one takes the place of, or 0.
    """
    body = _text(notification.body) if "body" in capabilities else ""
    if "body-markup" in capabilities:
        # Loaded here: with its two thousand names of characters it takes half a megabyte.
        from html import escape

        body = escape(body, quote=False)
    actions = [word for action in notification.actions for word in action] if "actions" in capabilities else []
    return (
        "Copybara Relay",
        replaces,
        ICON.as_uri(),
        _text(notification.summary),
        body,
        actions,
        dict(_hints(notification)),
        NEVER,
    )


def _hints(notification: Notification) -> Mapping[str, tuple[str, object]]:
    hints: dict[str, tuple[str, object]] = {"urgency": ("y", notification.urgency), "desktop-entry": ("s", ID)}
    if notification.category:
        hints["category"] = ("s", notification.category)
    if notification.sound:
        hints["sound-name"] = ("s", notification.sound)
    else:
        hints["suppress-sound"] = ("b", True)
    return hints


def _text(text: str) -> str:
    """One line in which nothing is hidden, and not a long one."""
    clean = visible(text[: MAX_TEXT + 1])
    return f"{clean[:MAX_TEXT]}…" if len(clean) > MAX_TEXT else clean


def _page(has_page: bool) -> tuple[tuple[str, str], ...]:
    return ((OPEN_PAGE, texts.OPEN_PAGE),) if has_page else ()
