"""Turns a post into messages: which way they go, and what to send if Telegram refuses. Pure."""

from __future__ import annotations

from typing import assert_never

import msgspec

from bot.conversation import Post
from bot.messengers.outbox import Priority
from bot.messengers.telegram import render, texts
from bot.messengers.telegram.buttons import rows_for
from bot.messengers.telegram.conversations import TelegramChat, Way, conversation_of
from bot.messengers.telegram.limits import CAPTION_CHARACTERS
from bot.messengers.telegram.outgoing import TelegramPost
from peer.calls.line import Line
from shared.contacts import Contact
from shared.links.kinds import as_copybara


def compose(post: Post, *, answers: bool = False, source: str = "", now: int = 0) -> TelegramPost | None:
    """The message for a post. None: there is nobody to write to.

    `answers`: the owner waits for the message. `source` is the id of the person whose message caused the post; empty:
    the owner. `now` is in Unix seconds.
    """
    message = _to_owner(post) if post.to == "owner" else _to_the_other_side(post)
    if message is None:
        return None
    if post.to == "chat" or (post.token is not None and post.line is not None):
        urgency = Priority.LINK
    else:
        urgency = Priority.ANSWER if answers else Priority.NEWS
    if not source and post.line is not None:
        source = f"call {post.line.id}"
    instead = tuple(msgspec.structs.replace(other, urgency=urgency, written=now) for other in message.instead)
    return msgspec.structs.replace(
        message, urgency=urgency, source=source if urgency is Priority.NEWS else "", written=now, instead=instead
    )


def _to_the_other_side(post: Post) -> TelegramPost | None:
    assert post.token is not None
    place = conversation_of(post.chat)
    bot = post.their_bot
    by_hand = _by_hand(post, place.values[2] if place.way is Way.BUSINESS else "")
    if _is_relayed(post, place):
        # Somebody other than the link's writer brought it. The answer goes to the writer's known account.
        return TelegramPost(_bare(post), chat=f"@{bot}", instead=(by_hand,)) if bot else by_hand
    text = render.for_the_chat(post)
    match place.way:
        case Way.BOT:
            return TelegramPost(_bare(post), chat=f"@{place.values[0]}", instead=(by_hand,))
        case Way.PERSON:
            return TelegramPost(text, chat=place.number, instead=(by_hand,))
        case Way.BUSINESS:
            connection, chat, *_ = place.values
            return TelegramPost(text, chat=int(chat), business=connection, instead=(by_hand,))
        case Way.GROUP:
            chat, message, _ = place.values
            if bot:
                # In privacy mode a bot sees only those messages of another bot that are commands with its name.
                text = f"/answer@{bot} {text}"
            return TelegramPost(text, chat=int(chat), reply_to=int(message), instead=(by_hand,))
        case Way.GUEST:
            return TelegramPost(text, guest=place.values[0], instead=(by_hand,))
        case Way.INLINE if (
            post.line is not None and post.line.shown.provisional and post.line.connection.connected is None
        ):
            return None  # its first link is the inline result itself, and nothing else was posted
    if bot:
        return TelegramPost(_bare(post), chat=f"@{bot}", instead=(by_hand,))
    return by_hand


def _is_relayed(post: Post, place: TelegramChat) -> bool:
    """Whether a contact's link came from an account that isn't known to be theirs, though one of theirs is known.

    If no account of the contact is known, the answer goes to the chat of the link if the link is proven, and otherwise
    the owner carries it. For a stranger's link, the account that brought it counts.
    """
    contact, line = post.contact, post.line
    if contact is None:
        return False
    contact = _as_known(contact, line)
    known: str | None
    match place.way:
        case Way.BOT:
            known, brought = contact.telegram_bot, place.values[0]
        case Way.PERSON:
            known, brought = _text(contact.telegram_user), place.values[0]
        case Way.BUSINESS:
            known, brought = _text(contact.telegram_user), place.values[1]
        case Way.GROUP | Way.GUEST:
            return post.answers or _comes_from_another(place.values[-1], contact)
        case Way.OWNER | Way.INLINE:
            return False  # the owner wrote there
        case another:
            assert_never(another)
    if known is None:
        return post.answers or (line is not None and not line.proven)
    return known.lower() != brought.lower()


def _as_known(contact: Contact, line: Line | None) -> Contact:
    """What is known of the contact in that call. If the call is proven, an unproven account says nothing against it."""
    return contact.without_unproven() if line is not None and line.proven else contact


def _comes_from_another(brought: str, contact: Contact) -> bool:
    """Whether the link came into a chat with others, and from neither the owner nor the contact, as far as is known.

    Anybody can make such a chat, and wait there for an answer that the contact never sees.
    """
    user, bot = _text(contact.telegram_user), contact.telegram_bot
    accounts = {user, f"@{bot.lower()}" if bot else None}
    if not brought or brought.lower() in accounts:
        return False
    return bot is not None or (user is not None and not brought.startswith("@"))


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _to_owner(post: Post) -> TelegramPost:
    if post.token is not None:
        return _by_hand(post) if post.line is not None else _card(post)
    call = post.line.id if post.line is not None else post.call or ""
    if post.handset:
        return TelegramPost(render.as_html(f"{post.text}\n{texts.ABOUT_HANDSET}"), handset=True)
    words = TelegramPost(render.as_html(post.text), rows=rows_for(post.actions, call, post.words, post.trusts))
    if post.file is None or len(post.text) > CAPTION_CHARACTERS:
        return words
    return TelegramPost(words.text, file=str(post.file), instead=(words,))


def _card(post: Post) -> TelegramPost:
    text, rows = render.card(post)
    return TelegramPost(text, rows=rows)


def _by_hand(post: Post, user_name: str = "") -> TelegramPost:
    text, rows, draft = render.for_the_owner(post, user_name)
    return TelegramPost(text, rows=rows, draft=draft)


def _bare(post: Post) -> str:
    """The link alone, for a program."""
    assert post.token is not None
    return f"<code>{as_copybara(post.token)}</code>"
