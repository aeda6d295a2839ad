"""How posts look in Telegram: HTML with foreign text escaped, links in the form that works, and buttons."""

from __future__ import annotations

import html
from urllib.parse import quote

from bot.conversation import Post
from bot.messengers import texts as common
from bot.messengers.telegram import texts
from bot.messengers.telegram.buttons import Button, Rows, copy_button
from bot.messengers.telegram.limits import MESSAGE_CHARACTERS, START_CHARACTERS
from bot.messengers.telegram.outgoing import Draft
from bot.texts.chat import shown
from shared.links.kinds import as_copybara, as_telegram

SHARE = "https://t.me/share/url?url="
"core.telegram.org/api/links#share-links: the user chooses a chat, and the address is its draft."


def link_for(token: str, bot: str | None) -> str:
    """The link for the other side. If their bot is known and the token fits, one tap is enough."""
    if bot and len(token) <= START_CHARACTERS:
        return as_telegram(token, bot)
    return as_copybara(token)


def as_html(text: str) -> str:
    """A text of several lines without invisible characters, escaped, and at most as long as a message."""
    # splitlines() would lose the last line break, and break lines where Telegram doesn't.
    safe = "\n".join(shown(line, MESSAGE_CHARACTERS) for line in text.replace("\r\n", "\n").split("\n"))
    return html.escape(safe[: MESSAGE_CHARACTERS - 1], quote=False)


def with_link(text: str, token: str, link: str) -> str:
    """A post's text as HTML, with its link in the given form. If the link can't be tapped, a tap copies it."""
    before, _, after = text.partition(as_copybara(token))
    shown_link = html.escape(link) if link.startswith("https:") else f"<code>{html.escape(link)}</code>"
    return f"{as_html(before)}{shown_link}{as_html(after)}".strip()


def for_the_chat(post: Post) -> str:
    """A link as the other side reads it."""
    assert post.token is not None
    return with_link(post.text, post.token, link_for(post.token, post.their_bot))


def for_the_owner(post: Post, user_name: str = "") -> tuple[str, Rows, Draft]:
    """A link that the owner has to carry, with buttons that help.

    `user_name` is the other side's, if it was just seen.
    """
    assert post.token is not None
    contact = post.contact
    link = link_for(post.token, post.their_bot)
    name = contact.name if contact else ""
    how = texts.tap_or_send(name) if link.startswith("https:") else common.send_this(name)
    text = f"{as_html(how)}\n{with_link(as_copybara(post.token), post.token, link)}"
    user = contact.telegram_user or 0 if contact else 0
    kept_name = contact.telegram_name or "" if contact else ""
    copy = copy_button(link)
    return text, (copy,) if copy else (), Draft(link, name, user, user_name, kept_name)


def with_draft(text: str, rows: Rows, draft: Draft, user_name: str) -> tuple[str, Rows]:
    """A message with the button that passes its link on: to that user, or to a chat that the owner chooses."""
    address = draft_address(draft.text, user_name)
    words = f"Send it to {shown(draft.name, 40)}" if draft.name and user_name else "Send it"
    if not draft.text.startswith("https:"):
        text += f'\n<a href="{html.escape(address)}">Open a chat with it</a>'
    first = rows[0] if rows else ()
    return text, ((*first, Button(words, url=address)), *rows[1:])


def draft_address(text: str, user: str) -> str:
    """An address that opens a chat with `text` as a draft: that user's chat, or one that the owner chooses."""
    if user:
        return f"https://t.me/{user}?text={quote(text, safe='')}"
    return f"{SHARE}{quote(text, safe='')}"


def card(post: Post) -> tuple[str, Rows]:
    """The owner's own card, to give away."""
    assert post.token is not None
    link = as_copybara(post.token)
    return with_link(post.text, post.token, link), (
        (*copy_button(link), Button("Send it", url=draft_address(link, ""))),
    )
