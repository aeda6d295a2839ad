"""What the bot says that has to do with Telegram itself. Everything else is in bot/texts/chat.py."""

from __future__ import annotations

from collections.abc import Sequence

from bot.texts.chat import shown

STRANGER = "I'm somebody's own bot for private calls, and only take links from you. See Copybara Relay to get yours."

CLAIMED = "Hello! From now on I listen to you and to nobody else. /help shows what I can do."

NOT_CLAIMED = "I'm not set up yet. My owner starts me with a code that copybara shows in its terminal."

CONNECTED = "I'm connected to your account now, and can post links in your chats. Write /call NAME in one of them."

CONNECTED_SILENTLY = (
    "I'm connected to your account now, but may not write there. Allow me to reply to messages, or I show you each "
    "link here."
)

DISCONNECTED = "I'm not connected to your account any more."

WHERE_THE_PAGE_IS = "Handset: `copybara status` shows the address of the page."

OVER = "This call is over."

ABOUT_HANDSET = "The button works once, within an hour. On a phone it leads nowhere."

PASSED_ON = "I see no call link in that. I carry out only commands that you type yourself, not forwarded ones."

MANY_CARDS = "The same person sends many contact cards. I'm not showing any more of them for now."

UNKNOWN_BUTTON = "That button isn't one of mine any more."

INTERRUPTED = "This call ended because the program was interrupted. Call again."


def unclaimed(bot: str, code: str) -> str:
    """On the terminal, as long as nobody owns the bot."""
    return f"Open https://t.me/{bot}?start={code} in Telegram, or send @{bot}: /start {code}  That makes you its owner."


def listening(bot: str) -> str:
    """On the terminal."""
    return f"Telegram: @{bot} listens."


def unreachable() -> str:
    """On the terminal, once per outage."""
    return "Telegram can't be reached. I keep trying; calls go on."


def back() -> str:
    """On the terminal."""
    return "Telegram can be reached again."


def conflict() -> str:
    """On the terminal: 409."""
    return (
        "Another program reads this bot's messages: Telegram gives them to one only. Stop the other one, or get a "
        "token of its own for one of them from @BotFather."
    )


def revoked() -> str:
    """On the terminal: 401, several times."""
    return (
        "Telegram refuses the bot's token: it was revoked or mistyped. Get a new one from @BotFather and start "
        "copybara again. Running calls are not affected."
    )


def token_holds() -> str:
    """On the terminal, after that."""
    return "Telegram accepts the bot's token again."


def left_out(count: int) -> str:
    """Under a message: how many of the same source were dropped because too many were waiting."""
    return f"… and {count} more {'message' if count == 1 else 'messages'} that I left out."


def set_aside(why: str) -> str:
    """Something that came in couldn't be handled."""
    return f"I couldn't handle one message and set it aside ({shown(why, 80)}). Everything else goes on."


def not_delivered(text: str, why: str) -> str:
    """On the terminal, and to the owner: Telegram doesn't take a message."""
    return f"Telegram didn't accept one of my messages ({shown(why, 120)}). It began: {shown(text, 60)}"


def cannot_store(sentence: str) -> str:
    """To the owner, when the disk is full."""
    return (
        f"I can't store anything: {shown(sentence, 200)} I'll do what you wrote as soon as I can store it. "
        "Running calls are not affected."
    )


def can_store() -> str:
    """After that."""
    return "I can store messages again."


def clock_is_off(seconds: float) -> str:
    """This machine's clock and Telegram's differ."""
    size = abs(seconds)
    if size < 5400:
        length = f"{round(size / 60)} minutes"
    elif size < 2 * 86400:
        length = f"{round(size / 3600)} hours"
    else:
        length = f"{round(size / 86400)} days"
    return (
        f"Your computer's clock is about {length} {'ahead of' if seconds > 0 else 'behind'} Telegram's. Set it: call "
        "links carry the time, and other people's programs refuse those that seem too old or too new."
    )


def notices(sentences: Sequence[str]) -> str:
    """What the owner should know about this start."""
    return "\n".join(sentences)


def too_late(command: str) -> str:
    """A command that Telegram has kept while nobody read it."""
    return f"I was away when you wrote {shown(command, 60)} That is too long ago; write it again if you still want it."


def missed_calls(sentences: Sequence[str]) -> str:
    """Everything that was missed, in one message."""
    if len(sentences) == 1:
        return sentences[0]
    heading = f"While I was away you missed {len(sentences)} calls:"
    return "\n".join([heading, *(f"• {shown(each)}" for each in sentences)])
