"""What the bot says that has to do with Telegram itself. Everything else is in bot/texts/chat.py."""

from __future__ import annotations

from collections.abc import Sequence

from bot.kinds import Kind, Sentence
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

WHERE_THE_PAGE_IS = Sentence(Kind.HANDSET_PAGE, "The address of the handset page: copybara status")


def page_at(address: str) -> Sentence:
    """On a terminal, which only its user reads: the address holds the key."""
    return Sentence(Kind.HANDSET_PAGE, f"Handset: {address}")


ABOUT_HANDSET = "The button works once, within an hour, and only on that computer."
"Under the sentence about the handset page."

OVER = Sentence(Kind.ENDED, "This call is over.")

INTERRUPTED = Sentence(Kind.INTERRUPTED, "This call ended because the program was interrupted. Call again.")

PASSED_ON = Sentence(
    Kind.BOT_FORWARDED, "I see no call link in that. I only carry out commands that you type, not forwarded ones."
)

MANY_CARDS = Sentence(
    Kind.CARDS_DROPPED, "The same person is sending many contact cards. I won't show more for a while."
)

UNKNOWN_BUTTON = Sentence(Kind.BOT_OLD_BUTTON, "That button no longer works.")


def unclaimed(bot: str, code: str) -> Sentence:
    """On the terminal, as long as nobody owns the bot."""
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


def left_out(count: int) -> str:
    """Under a message: how many of the same source were dropped because too many were waiting."""
    return f"… and {count} more {'message' if count == 1 else 'messages'} that I left out."


def set_aside(why: str) -> Sentence:
    """Something that came in couldn't be handled."""
    return Sentence(
        Kind.BOT_SET_ASIDE,
        f"I couldn't handle one message and set it aside ({shown(why, 80)}). Nothing else is affected.",
    )


def not_delivered(text: str, why: str) -> Sentence:
    """On the terminal, and to the owner: Telegram doesn't take a message."""
    return Sentence(
        Kind.BOT_NOT_DELIVERED,
        f"Telegram didn't accept one of my messages ({shown(why, 120)}). It began: {shown(text, 60)}",
    )


def cannot_store(sentence: str) -> Sentence:
    """To the owner, when the disk is full."""
    return Sentence(
        Kind.BOT_NOT_STORED,
        f"I can't save anything: {shown(sentence, 200)} I'll do what you wrote as soon as I can save it. Running calls "
        "are not affected.",
    )


def can_store() -> Sentence:
    """After that."""
    return Sentence(Kind.BOT_STORED, "I can save messages again.")


def clock_is_off(seconds: float) -> Sentence:
    """This machine's clock and Telegram's differ."""
    size = abs(seconds)
    if size < 5400:
        length = f"{round(size / 60)} minutes"
    elif size < 2 * 86400:
        length = f"{round(size / 3600)} hours"
    else:
        length = f"{round(size / 86400)} days"
    return Sentence(
        Kind.BOT_CLOCK,
        f"Your computer's clock is about {length} {'ahead of' if seconds > 0 else 'behind'} Telegram's. Set it: call "
        "links carry the time, and other people's programs refuse links that seem too old or too new.",
    )


def notices(sentences: Sequence[str]) -> Sentence:
    """What the owner should know about this start."""
    return Sentence(Kind.NOTICES, "\n".join(sentences))


def too_late(command: str) -> Sentence:
    """A command that Telegram has kept while nobody read it."""
    return Sentence(
        Kind.BOT_TOO_LATE,
        f"I was away when you wrote “{shown(command, 60)}”. That was too long ago. If you still want it, "
        "write it again.",
    )


def missed_calls(sentences: Sequence[str]) -> Sentence:
    """Everything that was missed, in one message."""
    if len(sentences) == 1:
        return Sentence(Kind.MISSED, sentences[0])
    heading = f"While I was away you missed {len(sentences)} calls:"
    return Sentence(Kind.MISSED, "\n".join([heading, *(f"• {shown(each)}" for each in sentences)]))


def began_again(what: str) -> Sentence:
    """A part of the messenger failed."""
    return Sentence(Kind.BOT_RESTARTED, f"{what} failed and was started again. To see more, run copybara with -v.")


def tap_or_send(name: str) -> str:
    """Above a link that a tap hands to the other side's bot; `name` is a contact's, empty for anyone else."""
    whom = shown(name) or THE_OTHER
    return f"Tap the link to reach {whom}'s bot, or send it to {whom}:"


def send_this(name: str) -> str:
    """Above a link that the owner has to carry."""
    return f"Send this to {shown(name) or THE_OTHER}:"


THE_OTHER = "the other person"
