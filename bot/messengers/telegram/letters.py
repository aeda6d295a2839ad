"""From a post to the messages that carry it: which of the ways, and what if Telegram says no. Pure."""

from __future__ import annotations

from bot.messengers.base import Post
from bot.messengers.telegram import render, texts
from bot.messengers.telegram.buttons import rows_for
from bot.messengers.telegram.limits import CAPTION_CHARACTERS
from bot.messengers.telegram.outgoing import Outgoing
from bot.messengers.telegram.routes import Way, route_of
from shared.links.kinds import as_copybara


def letter(post: Post) -> Outgoing | None:
    """The message for a post. None: there is nobody to write to."""
    if post.to == "owner":
        return _to_owner(post)
    assert post.token is not None
    route = route_of(post.chat)
    bot = post.their_bot
    by_hand = _by_hand(post, route.values[2] if route.way is Way.BUSINESS else "")
    text = render.for_the_chat(post)
    match route.way:
        case Way.BOT:
            return Outgoing(_bare(post), chat=f"@{route.values[0]}", instead=(by_hand,))
        case Way.PERSON:
            return Outgoing(text, chat=route.number, instead=(by_hand,))
        case Way.BUSINESS:
            connection, chat, *_ = route.values
            return Outgoing(text, chat=int(chat), business=connection, instead=(by_hand,))
        case Way.GROUP:
            chat, message = route.values
            if bot:
                # What a bot with privacy mode sees of another bot's messages: commands that name it.
                text = f"/answer@{bot} {text}"
            return Outgoing(text, chat=int(chat), reply_to=int(message), instead=(by_hand,))
        case Way.GUEST:
            return Outgoing(text, guest=route.values[0], instead=(by_hand,))
        case Way.INLINE if post.line is not None and post.line.provisional and post.line.connected is None:
            return None  # its first link is the result itself, and nothing else of it was ever posted
    if bot:
        return Outgoing(_bare(post), chat=f"@{bot}", instead=(by_hand,))
    return by_hand


def _to_owner(post: Post) -> Outgoing:
    if post.token is not None:
        return _by_hand(post) if post.line is not None else _card(post)
    call = post.line.id if post.line is not None else post.call or ""
    if post.handset:
        return Outgoing(render.as_html(f"{post.text}\n{texts.ABOUT_HANDSET}"), handset=True)
    words = Outgoing(render.as_html(post.text), rows=rows_for(post.actions, call))
    if post.file is None or len(post.text) > CAPTION_CHARACTERS:
        return words
    return Outgoing(words.text, file=str(post.file), instead=(words,))


def _card(post: Post) -> Outgoing:
    text, rows = render.card(post)
    return Outgoing(text, rows=rows)


def _by_hand(post: Post, user: str = "") -> Outgoing:
    text, rows = render.for_the_owner(post, user)
    return Outgoing(text, rows=rows)


def _bare(post: Post) -> str:
    """A link that only a program reads."""
    assert post.token is not None
    return f"<code>{as_copybara(post.token)}</code>"
