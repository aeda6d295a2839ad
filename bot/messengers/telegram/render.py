"""What posts look like in Telegram: HTML with everything foreign escaped, links in the form that works, buttons."""

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
"core.telegram.org/api/links#share-links: lets one choose a chat, and has the address there as a draft."


def link_for(token: str, bot: str | None) -> str:
    """The link that is handed to the other side: one tap where their bot is known and the token fits."""
    if bot and len(token) <= START_CHARACTERS:
        return as_telegram(token, bot)
    return as_copybara(token)


def as_html(text: str) -> str:
    """A text of several lines: invisible characters gone, markup escaped, not longer than a message."""
    # Not splitlines(), which loses the last line break, and breaks where Telegram doesn't.
    safe = "\n".join(shown(line, MESSAGE_CHARACTERS) for line in text.replace("\r\n", "\n").split("\n"))
    return html.escape(safe[: MESSAGE_CHARACTERS - 1], quote=False)


def with_link(text: str, token: str, link: str) -> str:
    """A post's text as HTML, its link in the given form. What can't be tapped can be copied by a tap."""
    before, _, after = text.partition(as_copybara(token))
    shown_link = html.escape(link) if link.startswith("https:") else f"<code>{html.escape(link)}</code>"
    return f"{as_html(before)}{shown_link}{as_html(after)}".strip()


def for_the_chat(post: Post) -> str:
    """A link as the other side is to read it."""
    assert post.token is not None
    return with_link(post.text, post.token, link_for(post.token, post.their_bot))


def for_the_owner(post: Post, user_name: str = "") -> tuple[str, Rows, Draft]:
    """A link that the owner has to carry, with what makes that easy. `user_name` is the other's, if it has just been
    seen.
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
    """A message with the button that sends its link on: to that user, or to a chat that is chosen."""
    address = draft_address(draft.text, user_name)
    words = f"Send it to {shown(draft.name, 40)}" if draft.name and user_name else "Send it"
    if not draft.text.startswith("https:"):
        text += f'\n<a href="{html.escape(address)}">Open a chat with it</a>'
    first = rows[0] if rows else ()
    return text, ((*first, Button(words, url=address)), *rows[1:])


def draft_address(text: str, user: str) -> str:
    """An address that opens a chat with `text` written and not sent: that user's, else one to be chosen."""
    if user:
        return f"https://t.me/{user}?text={quote(text, safe='')}"
    return f"{SHARE}{quote(text, safe='')}"


def card(post: Post) -> tuple[str, Rows]:
    """The owner's own card, to be given away."""
    assert post.token is not None
    link = as_copybara(post.token)
    return with_link(post.text, post.token, link), (
        (*copy_button(link), Button("Send it", url=draft_address(link, ""))),
    )
