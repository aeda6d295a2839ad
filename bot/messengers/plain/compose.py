"""Turns a post into a message: where it goes, and what to send if the messenger refuses it. Pure."""

from __future__ import annotations

import msgspec

from bot.conversation import Post
from bot.messengers import texts
from bot.messengers.numbered_choices import Choice
from bot.messengers.outbox import Priority
from bot.messengers.plain import replies
from bot.messengers.plain.places import Place, PlainWay, place_of
from bot.messengers.plain.values import Outgoing
from bot.texts.chat import with_commands


def compose(
    post: Post,
    messenger: str,
    *,
    known: str | None = None,
    brought: str | None = None,
    choices: list[Choice] | None = None,
    answers: bool = False,
    source: str = "",
    now: int = 0,
) -> Outgoing:
    """The message for a post.

    `known` is the messenger's id of the person who writes the links of the post's contact, if the program has learned
    it. `brought` is the id of the person who brought the link that the post answers; empty: the owner; None: not known.
    `choices` are the owner's possible replies. `answers`: the owner waits for the message. `source` is the id of the
    person whose message caused the post; empty: the owner. `now` is in Unix seconds.
    """
    if post.to == "owner":
        message = _to_owner(post, messenger, choices or [])
    else:
        message = _to_the_other_side(post, messenger, known, brought)
    if post.to == "chat" or (post.token is not None and post.line is not None):
        urgency = Priority.LINK
    else:
        urgency = Priority.ANSWER if answers or choices else Priority.NEWS
    if not source and post.line is not None:
        source = f"call {post.line.id}"
    instead = tuple(msgspec.structs.replace(other, urgency=urgency, written=now) for other in message.instead)
    return msgspec.structs.replace(
        message, urgency=urgency, source=source if urgency is Priority.NEWS else "", written=now, instead=instead
    )


def numbered(choices: list[Choice], words: dict[str, str]) -> str:
    """The line under a message that lists the possible replies. Empty if there are none."""
    if not choices:
        return ""
    return "\nReply " + ", ".join(f"{choice.number}: {words[choice.what]}" for choice in choices)


def _to_owner(post: Post, messenger: str, choices: list[Choice]) -> Outgoing:
    owner = Place(messenger, PlainWay.OWNER).chat
    if post.handset:
        return Outgoing(f"{post.text}\n{texts.ABOUT_HANDSET}", owner, handset=True)
    # If there are no numbers, the post's text names the command instead.
    text = post.text + numbered(choices, {choice.what: replies.words(choice.what) for choice in choices})
    text = text if choices else with_commands(post, None)
    if post.file is not None:
        return Outgoing(text, owner, file=str(post.file), instead=(Outgoing(text, owner),))
    return Outgoing(text, owner)


def _to_the_other_side(post: Post, messenger: str, known: str | None, brought: str | None) -> Outgoing:
    place = place_of(messenger, post.chat)
    by_hand = _by_hand(post, messenger)
    theirs = Outgoing(post.text, Place(messenger, PlainWay.PERSON, known).chat, instead=(by_hand,)) if known else None
    match place.way:
        case PlainWay.OWNER:
            return theirs or by_hand
        case PlainWay.GROUP if post.answers:
            return theirs or by_hand
        case PlainWay.PERSON if post.contact is not None and known is not None and known != place.value:
            # Somebody else brought the link. The answer goes to the person who writes the contact's links.
            return theirs or by_hand
        case PlainWay.PERSON if post.contact is not None and known is None and _unproven(post):
            return by_hand
        case PlainWay.GROUP if theirs is not None and _answers(post) and brought not in ("", known):
            # Anybody can make a group and wait there for an answer that the contact never sees.
            return theirs
    return Outgoing(post.text, place.chat, instead=(by_hand,))


def _unproven(post: Post) -> bool:
    """Whether nothing proves that the contact wrote the link that this post answers."""
    return post.answers or (_answers(post) and post.line is not None and not post.line.proven)


def _answers(post: Post) -> bool:
    """Whether the post answers somebody else's link."""
    return post.line is not None and post.line.call.role == "callee"


def _by_hand(post: Post, messenger: str) -> Outgoing:
    name = post.contact.name if post.contact else ""
    return Outgoing(f"{texts.send_this(name)}\n{post.text}", Place(messenger, PlainWay.OWNER).chat)
