"""What the desktop's notifications say. Others' names are in it: the desktop gets them as plain text."""

from __future__ import annotations

from bot.conversation import Act
from bot.texts import chat
from bot.texts.page import trust_words
from peer.calls.line import Line
from shared.contacts import Contact
from shared.errors import CopybaraError
from shared.media import Media

LABELS = {
    Act.ANSWER: "Answer",
    Act.ANSWER_AUDIO: "Answer with audio only",
    Act.HOLD_AND_ANSWER: "Hold and answer",
    Act.END_AND_ANSWER: "Hang up and answer",
    Act.DECLINE: "Decline",
}

OPEN_PAGE = "Open the page"


def rings(line: Line, contact: Contact | None) -> tuple[str, str]:
    """Who is calling, and how we know."""
    how = " with video" if Media.VIDEO in line.media else ""
    name = chat.shown(line.name)
    # Some desktops show no more than this line.
    if line.link.keyed and not line.proven:
        return f"Someone is calling{how} as {name}, without your key", trust_words(line, contact)
    return f"{chat.begun(name)} is calling{how}", trust_words(line, contact)


def missed(line: Line) -> tuple[str, str]:
    """A call that rang and nobody answered."""
    return chat.ended_unproven(line) or f"You missed a call from {chat.shown(line.name)}", ""


def missed_strangers(number: int) -> tuple[str, str]:
    """Several calls of people who aren't contacts, which rang and nobody answered."""
    return f"You missed {number} calls from people who aren't in your contacts", ""


def not_done(error: CopybaraError) -> tuple[str, str]:
    """What was chosen in a notification didn't work."""
    return error.sentence, error.hint
