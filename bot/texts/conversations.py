"""What the owner reads about conversations of several people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.kinds import Kind, Sentence
from bot.texts.chat import begun, listed, whose

if TYPE_CHECKING:
    from peer.calls.line import Line
    from peer.calls.together_news import CantMeet, CircleChanged, Joined, Left, NotMerged

NAMELESS = "somebody whom they haven't saved"

ANOTHER = "somebody else"
"Where names that the other side gives don't belong."

SEVERAL_ASKED = "Several people have asked you.", "Say whom you answer: /agree NAME or /refuse NAME"

NOT_SAID_HERE = (
    "Others could write that here in your place, and let somebody in who would hear you.",
    "Say it on the page, or at the computer: copybara merge, copybara agree",
)

AGREED = Sentence(Kind.CONVERSATION_AGREED, "You agreed. As soon as all others have, you are in one conversation.")
REFUSED = Sentence(Kind.CONVERSATION_REFUSED, "You refused. Your calls stay as they are, and nobody got your node id.")


def asking(names: Sequence[str]) -> Sentence:
    """The others are being asked."""
    return Sentence(
        Kind.CONVERSATION_ASKING,
        f"Asking {listed(names)} whether they want to be in one conversation.",
        "/refuse takes it back",
    )


def another_asks(line: Line) -> tuple[str, str]:
    """Of two calls with one node the one has asked that doesn't prove who it is."""
    node = line.peer.short
    return (
        f"{line.name} asks nothing in the call that has your key. The call without it does.",
        f"If you want to answer that: /agree {node} or /refuse {node}",
    )


def asks_another_thing(line: Line) -> tuple[str, str]:
    """What the owner may want to answer isn't asked any more, and the same person asks something else."""
    return f"{whose(line)} asks something else by now.", "Read it, wait ten seconds, then answer it."


def asks_no_more(gone: Line, line: Line) -> tuple[str, str]:
    """What the owner may want to answer isn't asked any more, and there is another question."""
    handle = line.shown.contact or line.peer.short
    return (
        f"{whose(gone)} no longer asks. {begun(whose(line))} does.",
        f"To answer that: /agree {handle} or /refuse {handle}",
    )


def asked(line: Line, names: Sequence[str], *, clear: bool = False) -> Sentence:
    """Somebody asks the owner. `clear`: without what they call the others."""
    who = listed([ANOTHER if clear else f"“{name}”" if name else NAMELESS for name in names])
    them = "They get" if len(names) == 1 else "All of them get"
    return Sentence(
        Kind.CONVERSATION_ASKED,
        f"{whose(line)} wants to make one conversation of this call and the one with {who}. If you agree, you hear and "
        f"see each other. {them} your node id and your overlay address, and you get theirs.",
        "/agree or /refuse",
    )


def over(line: Line) -> Sentence:
    """Nothing comes of what somebody asked."""
    return Sentence(
        Kind.CONVERSATION_OFF,
        f"Nothing comes of the conversation that {whose(line)} asked for. Your call stays as it is.",
    )


def not_merged(line: Line, news: NotMerged) -> Sentence:
    """Nothing comes of what the owner asked."""
    text = {
        "refused": f"{whose(line)} doesn't want to be in one conversation.",
        "gone": f"Nothing comes of the conversation with {whose(line)}: somebody has hung up.",
        "late": "Nothing comes of the conversation: not all have answered.",
        "taken-back": "You took it back.",
    }[news.why]
    return Sentence(Kind.CONVERSATION_OFF, f"{text} Your calls stay as they are.")


def joined(line: Line, news: Joined, *, clear: bool = False) -> Sentence:
    """Somebody is in the conversation. `clear`: without what another calls them."""
    if news.called is None:
        return Sentence(Kind.CONVERSATION_JOINED, f"You are in one conversation with {listed(news.others)}.")
    known = line.shown.contact is not None
    who = f"“{news.called}” ({line.label})" if news.called and not (known or clear) else line.label
    text = f"{who} is in the conversation with you and {listed(news.others)}."
    if not known:
        text += " They aren't in your contacts: all you know of them is what you heard."
    elif not line.proven:
        text += " This call doesn't prove that it is them."
    return Sentence(Kind.CONVERSATION_JOINED, text)


def left(news: Left) -> Sentence:
    """Somebody has left."""
    return Sentence(Kind.CONVERSATION_LEFT, f"{news.name} has left the conversation. {_stays(news.others)}")


def circle(news: CircleChanged) -> Sentence:
    """It has changed which people hear each other."""
    said = [f"{one} and {other} don't hear each other." for one, other in news.apart]
    if news.unseen:
        nodes = listed([f"node {node}…" for node in news.unseen])
        said.append(f"Others in it are also connected with {nodes}, and you aren't.")
    text = " ".join(["In your conversation:", *said] if said else [ALL_HEAR])
    return Sentence(Kind.CONVERSATION_CIRCLE, text, "/merge asks them again" if news.apart else "")


ALL_HEAR = "In your conversation everyone hears everyone again."


def cant_meet(news: CantMeet, *, clear: bool = False) -> Sentence:
    """Somebody in it can't be called or answered. `clear`: without what another calls them."""
    who = ANOTHER if clear else f"“{news.name}”" if news.name else NAMELESS
    return Sentence(Kind.CONVERSATION_CANT_MEET, f"You can't be connected with {who}. {news.why}")


def _stays(others: Sequence[str]) -> str:
    return f"You are still with {listed(others)}."
