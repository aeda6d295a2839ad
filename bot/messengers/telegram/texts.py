"""Sentences about Telegram itself. All others are in bot/texts/chat.py."""

from __future__ import annotations

from bot.conversation import Act
from bot.kinds import Kind, Sentence
from bot.messengers import texts as common
from bot.texts.chat import shown

STRANGER = Sentence(
    Kind.BOT_STRANGER,
    "I'm a bot for private calls. I work for one person and accept only call links from you. Copybara Relay gives you "
    "a bot of your own.",
)

NOT_CLAIMED = Sentence(
    Kind.BOT_UNCLAIMED, "I'm not set up yet. If you are my owner, send me the code that copybara shows in its terminal."
)

CLAIMED = Sentence(
    Kind.BOT_CLAIMED, "Hello! You are my owner now, and I take commands only from you. /help lists what I can do."
)

CONNECTED = Sentence(
    Kind.BOT_CONNECTED,
    "I'm connected to your account now, and can post links in your chats. To call somebody, write in their chat: "
    "/call NAME",
)

CONNECTED_SILENTLY = Sentence(
    Kind.BOT_CONNECTED,
    "I'm connected to your account now, but may not write in your chats. Allow me to reply to messages, or I'll show "
    "you each link here.",
)

DISCONNECTED = Sentence(Kind.BOT_DISCONNECTED, "I'm no longer connected to your account.")

ABOUT_HANDSET = "The button works once, within an hour, and only on that computer."
"Below the sentence about the handset page."


UNKNOWN_BUTTON = Sentence(Kind.BOT_OLD_BUTTON, "That button no longer works.")


def unclaimed(bot: str, code: str) -> Sentence:
    """On the terminal, while nobody owns the bot."""
    return Sentence(
        Kind.BOT_UNCLAIMED,
        f"To become the bot's owner, open https://t.me/{bot}?start={code} or send this to @{bot}:  /start {code}",
    )


def listening(bot: str) -> Sentence:
    """On the terminal."""
    return Sentence(Kind.BOT_LISTENING, f"Telegram: @{bot} is reading its messages.")


def unreachable() -> Sentence:
    """On the terminal, once per outage."""
    return Sentence(
        Kind.BOT_UNREACHABLE, "Telegram can't be reached. I'll keep trying. Running calls are not affected."
    )


def back() -> Sentence:
    """On the terminal."""
    return Sentence(Kind.BOT_REACHABLE, "Telegram can be reached again.")


def conflict() -> Sentence:
    """On the terminal: 409."""
    return Sentence(
        Kind.BOT_CONFLICT,
        "Another program is reading this bot's messages, and Telegram gives them to only one. Stop the other program, "
        "or get a second bot from @BotFather for it.",
    )


def revoked() -> Sentence:
    """On the terminal: 401, several times."""
    return Sentence(
        Kind.BOT_TOKEN_REFUSED,
        "Telegram refuses the bot's token: it was revoked or mistyped. Get a new one from @BotFather and start "
        "copybara again. Running calls are not affected.",
    )


def token_holds() -> Sentence:
    """On the terminal, after that."""
    return Sentence(Kind.BOT_TOKEN_ACCEPTED, "Telegram accepts the bot's token again.")


TAP_REFUSED = "That didn't work. I've written the reason into our chat."
"On a tapped button, where there is no room for a reason."


def tapped_late(act: Act) -> Sentence:
    """A tap may have waited at Telegram for so long that it isn't obeyed."""
    return Sentence(
        Kind.BOT_TOO_LATE,
        f"You may have tapped “{common.ACTS[act]}” some time ago, while I couldn't reach Telegram. If you still want "
        "it, tap it again.",
    )


def tap_or_send(name: str) -> str:
    """Above a link that one tap gives to the other side's bot. `name` is a contact's name, empty for anyone else."""
    whom = shown(name) or common.THE_OTHER
    return f"Tap the link to reach {whom}'s bot, or send it to {whom}:"
