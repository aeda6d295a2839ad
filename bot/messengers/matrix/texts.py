"""Sentences about Matrix itself."""

from __future__ import annotations

from bot.kinds import Kind, Sentence
from bot.messengers.matrix.notices import Counted
from bot.messengers.matrix.people import Standing
from bot.texts.chat import shown

CANNOT_STORE = Sentence(
    Kind.BOT_NOT_STORED,
    "I can't save anything: the disk is full, or another program has the database open. I'll do what you wrote as soon "
    "as I can save it. Running calls are not affected.",
)
"To the owner. It is encrypted in advance, because nothing can be encrypted once nothing can be stored."

UNCLAIMED = Sentence(
    Kind.BOT_UNCLAIMED, "Nobody is the Matrix bot's owner yet. Stop copybara and run: copybara setup matrix"
)

UNREACHABLE = Sentence(
    Kind.BOT_UNREACHABLE, "The Matrix server can't be reached. I'll keep trying. Running calls are not affected."
)

REACHABLE = Sentence(Kind.BOT_REACHABLE, "The Matrix server can be reached again.")

TOKEN_REFUSED = Sentence(
    Kind.BOT_TOKEN_REFUSED,
    "The Matrix server doesn't know this device any more: it was logged out. Stop copybara and run: "
    "copybara setup matrix. Running calls are not affected.",
)

TOKEN_ACCEPTED = Sentence(Kind.BOT_TOKEN_ACCEPTED, "The Matrix server accepts this device again.")

UNREAD = Sentence(
    Kind.BOT_UNREAD,
    "There were too many new messages in a room while I was away. I read the latest thousand of them. If somebody "
    "called you there before that, ask them to call again.",
)

ACCEPT_KEY = "accept"
"The choice under `changed`, as the wire knows it."

ACCEPT_KEY_WORDS = "It is them, use their new key"
"The choice under `changed`, as people read it."

_WHY = {
    None: "wasn't encrypted",
    Standing.UNSIGNED: "came from a device that they haven't verified. They can verify it in its app",
    Standing.UNKNOWN: "came from a device that isn't in their list",
}


def listening(user: str) -> Sentence:
    """On the terminal."""
    return Sentence(Kind.BOT_LISTENING, f"Matrix: {shown(user, 80)} is reading its messages.")


def not_read(user: str, standing: Standing | None) -> Sentence:
    """To the owner, once per device: why a link or a command in a message did nothing."""
    return Sentence(
        Kind.BOT_NOT_ENCRYPTED,
        f"I didn't act on a message from {shown(user, 80)}: it {_WHY[standing]}. Links and commands count only in "
        "encrypted messages from verified devices.",
    )


def many_not_read(counted: Counted) -> Sentence:
    """To the owner, once for everything beyond the first few: from how many devices messages were ignored."""
    names = ", ".join(shown(user, 80) for user in counted.people[:3])
    others = f" and {len(counted.people) - 3:,} others" if len(counted.people) > 3 else ""
    devices = f"{counted.things:,} more device" + ("s" if counted.things > 1 else "")
    return Sentence(
        Kind.BOT_NOT_ENCRYPTED,
        f"I didn't act on messages from {'' if counted.is_all else 'at least '}{devices} of {names}{others}. I won't "
        "tell you about more of theirs today.",
    )


def changed(user: str, key: str) -> Sentence:
    """To the owner, once per identity: somebody has a different key than before."""
    return Sentence(
        Kind.BOT_KEY_CHANGED,
        f"{shown(user, 80)} has a new key, or somebody is pretending to be them. I won't read their links until you "
        f"say it's them. Ask them through another channel first: the new key begins with {shown(key[:8], 8)}.",
    )


def owners_key_changed(user: str) -> Sentence:
    """To the terminal and the owner, once: the owner's account has a different key."""
    return Sentence(
        Kind.BOT_KEY_CHANGED,
        f"{shown(user, 80)} has a new key, and I take commands only from the one you verified. If you reset it, stop "
        "copybara and verify it again: copybara setup matrix",
    )


def accepted(user: str) -> Sentence:
    """After the owner accepted a new key."""
    return Sentence(Kind.BOT_KEY_ACCEPTED, f"I use {shown(user, 80)}'s new key from now on.")


def nothing_to_accept(user: str) -> str:
    """There is no new key to accept."""
    return f"{shown(user, 80)} shows no new key."


def withheld(user: str) -> Sentence:
    """To the owner, once per person: their app withholds its keys from us."""
    return Sentence(
        Kind.BOT_KEY_WITHHELD,
        f"{shown(user, 80)}'s app keeps its messages from me, because it hasn't verified me. In Element they can "
        "verify me from my profile.",
    )
