"""Sentences about Delta Chat itself."""

from __future__ import annotations

from bot.kinds import Kind, Sentence
from bot.texts.chat import shown

CLAIMED = Sentence(
    Kind.BOT_CLAIMED,
    "Hello! You are my owner now, and I take commands only from you. /help lists what I can do. Where I offer you "
    "something with a number, reply with that number.",
)

NOT_CLAIMED = Sentence(
    Kind.BOT_UNCLAIMED,
    "I'm not set up yet. If you are my owner, scan the QR code that copybara shows.",
)

OTHER_KEY = Sentence(
    Kind.BOT_KEY_CHANGED,
    "Your Delta Chat account has another key than when I became a device of it, so I take no commands there. Stop "
    "copybara, remove the folder deltachat in its home, and run: copybara setup deltachat",
)


def listening(address: str) -> Sentence:
    """On the terminal."""
    return Sentence(Kind.BOT_LISTENING, f"Delta Chat: {shown(address)} is reading its messages.")


def unclaimed(invite: str) -> Sentence:
    """On the terminal, while nobody owns the bot."""
    return Sentence(
        Kind.BOT_UNCLAIMED,
        f"To become the bot's owner, open this in your Delta Chat, or scan it as a QR code "
        f"(copybara setup deltachat shows it): {invite}",
    )


def in_clear(name: str, *, links_count: bool) -> Sentence:
    """To the owner, once per sender. `links_count`: whether the configuration accepts unencrypted links."""
    what = "Commands" if links_count else "Links and commands"
    return Sentence(
        Kind.BOT_NOT_ENCRYPTED,
        f"A message from {shown(name, 60)} wasn't encrypted, so I didn't read it. {what} only count in encrypted "
        "chats. Ask them to add me by QR code or in a group.",
    )
