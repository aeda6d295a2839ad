"""Sentences of all messengers that aren't about a call: what was lost, late or left out."""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversation import Act
from bot.kinds import Kind, Sentence
from bot.texts.chat import shown

OVER = Sentence(Kind.ENDED, "This call is over.")

INTERRUPTED = Sentence(Kind.INTERRUPTED, "This call ended because the program was interrupted. Call again.")

PASSED_ON = Sentence(
    Kind.BOT_FORWARDED, "I see no call link in that. I only carry out commands that you type, not forwarded ones."
)

MANY_CARDS = Sentence(
    Kind.CARDS_DROPPED, "Strangers are sending many contact cards. I won't show more of them for a while."
)

ACTS = {
    Act.ANSWER: "Answer",
    Act.ANSWER_AUDIO: "Answer with audio only",
    Act.HOLD_AND_ANSWER: "Hold and answer",
    Act.END_AND_ANSWER: "Hang up and answer",
    Act.DECLINE: "Decline",
    Act.BLOCK: "Block",
    Act.HANG_UP: "Hang up",
    Act.HOLD: "Hold",
    Act.RESUME: "Resume",
    Act.SAVE: "Save contact",
    Act.TRUST: "Answer automatically",
    Act.CONFIRM: "The words are the same",
    Act.DIFFER: "The words differ: hang up",
}
"The words for what the owner can do about a call, on buttons and in numbered choices."

NO_SUCH_CHOICE = Sentence(Kind.BOT_OLD_BUTTON, "That number no longer means anything.")

FOLLOWED = Sentence(Kind.BOT_ACCOUNT_ACCEPTED, "My next links for them go to that account.")

ABOUT_HANDSET = "The link works once, within an hour, and only on that computer."
"Below the sentence about the handset page, in a messenger without buttons."

THE_OTHER = "the other person"


def left_out(count: int) -> str:
    """Below a message: how many messages of the same source were left out because too many were waiting."""
    return f"… and {count} more {'message' if count == 1 else 'messages'} that I left out."


def set_aside(why: str) -> Sentence:
    """A message that came in failed, and was set aside."""
    return Sentence(
        Kind.BOT_SET_ASIDE,
        f"I couldn't handle one message and set it aside ({shown(why, 80)}). Nothing else is affected.",
    )


def not_accepted(messenger: str, why: str) -> Sentence:
    """On the terminal: the messenger refuses a message. A service's journal gets this, so it doesn't say which."""
    return Sentence(Kind.BOT_NOT_DELIVERED, f"{messenger} didn't accept one of my messages ({shown(why, 120)}).")


def not_delivered(messenger: str, text: str, why: str) -> Sentence:
    """To the owner: the messenger refuses a message."""
    return Sentence(Kind.BOT_NOT_DELIVERED, f"{not_accepted(messenger, why).sentence} It began: {shown(text, 60)}")


def cannot_store(sentence: str) -> Sentence:
    """To the owner, when the disk is full."""
    return Sentence(
        Kind.BOT_NOT_STORED,
        f"I can't save anything: {shown(sentence, 200)} I'll do what you wrote as soon as I can save it. Running calls "
        "are not affected.",
    )


def can_store() -> Sentence:
    """To the owner, when the disk takes data again."""
    return Sentence(Kind.BOT_STORED, "I can save messages again.")


def clock_is_off(whose: str, seconds: float) -> Sentence:
    """This machine's clock is `seconds` ahead of another clock, such as `Telegram's`."""
    size = abs(seconds)
    if size < 5400:
        length = f"{round(size / 60)} minutes"
    elif size < 2 * 86400:
        length = f"{round(size / 3600)} hours"
    else:
        length = f"{round(size / 86400)} days"
    return Sentence(
        Kind.BOT_CLOCK,
        f"Your computer's clock is about {length} {'ahead of' if seconds > 0 else 'behind'} {whose}. Set it: "
        "call links carry the time, and other people's programs refuse links that seem too old or too new.",
    )


CLOCKS = "If you wrote it just now, a clock is wrong: this computer's, or that of the device you wrote it on."


def notices(sentences: Sequence[str]) -> Sentence:
    """What the owner should know about this start."""
    return Sentence(Kind.NOTICES, "\n".join(sentences))


def too_late(command: str, *, senders_date: bool = False) -> Sentence:
    """A command arrived too late to be obeyed. `senders_date`: the owner's device has dated it."""
    return Sentence(
        Kind.BOT_TOO_LATE,
        f"I was away when you wrote “{shown(command, 60)}”. That was too long ago. If you still want it, "
        "write it again.",
        CLOCKS if senders_date else "",
    )


def missed_calls(sentences: Sequence[str]) -> Sentence:
    """All missed calls in one message."""
    if len(sentences) == 1:
        return Sentence(Kind.MISSED, sentences[0])
    heading = f"While I was away you missed {len(sentences)} calls:"
    return Sentence(Kind.MISSED, "\n".join([heading, *(f"• {shown(each)}" for each in sentences)]))


def other_account(name: str, account: str) -> Sentence:
    """A contact's link came from an account other than the one that gets the owner's links."""
    return Sentence(
        Kind.BOT_OTHER_ACCOUNT,
        f"Another account than before brought {shown(name)}'s link: {shown(account, 80)}. Anybody can pass a link on, "
        f"so ask {shown(name)} whether it is theirs. Until you say so, my links for them go to the first account.",
    )


def follow(name: str) -> str:
    """The choice below that sentence."""
    return f"It is {shown(name)}'s"


def began_again(what: str) -> Sentence:
    """A part of the messenger failed and was started again."""
    return Sentence(Kind.BOT_RESTARTED, f"{what} failed and was started again. To see more, run copybara with -v.")


def send_this(name: str) -> str:
    """Above a link that the owner has to carry."""
    return f"Send this to {shown(name) or THE_OTHER}:"
