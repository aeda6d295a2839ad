"""Decides what is stored of a judged message, if anything. Pure.

Only encrypted messages of verified devices count. The owner commands with what they type: everything in the room with
the bot, and commands about a call in a room with others. Of anybody else's messages only the links are stored. Edits
are ignored, so that a message that was carried out says nothing new later. Reactions never get here.
"""

from __future__ import annotations

import enum

from bot.conversation import readable
from bot.messengers.kept_text import ADDRESSED, is_about_a_call, links_in
from bot.messengers.matrix import NAME
from bot.messengers.matrix.canonical import part, text
from bot.messengers.matrix.people import Standing
from bot.messengers.matrix.reading import RoomMessage
from bot.messengers.plain.places import Place, PlainWay
from bot.messengers.plain.values import Heard

MOST_CHARACTERS = 64 * 1024
"The most characters of a text in an event (specification, Size limits)."


TEXTS = ("m.text", "m.notice")
FILES = ("m.image", "m.file", "m.video", "m.audio")
"Messages that may have a caption (specification, Media captions). The file itself is never fetched."


class Audience(enum.Enum):
    """The other readers of a room."""

    OWNERS = "owner's"
    "Only the owner and the bot."

    TWO = "two"
    "One other person or bot."

    SEVERAL = "several"


def text_of(message: RoomMessage) -> str:
    """The text of a message. Empty for edits, and for other types of message."""
    content = message.content
    kind = text(content, "msgtype")
    if message.type != "m.room.message" or kind not in (*TEXTS, *FILES):
        return ""
    if kind in FILES and text(content, "filename") in ("", text(content, "body", most=MOST_CHARACTERS)):
        return ""  # this is the file's name, and no caption
    if text(content, "m.relates_to", "rel_type") == "m.replace" or part(content, "m.new_content"):
        return ""
    return readable(_without_quote(text(content, "body", most=MOST_CHARACTERS)))


def has_effect(message: RoomMessage, owner: str) -> bool:
    """Whether a message would do something if it came from a verified device. `owner` is the owner's user id."""
    words = text_of(message)
    return bool(links_in(words) or (message.sender == owner and ADDRESSED.match(words)))


def heard(message: RoomMessage, audience: Audience, *, unverified: bool) -> Heard | None:
    """What is stored of a message. None: nothing.

    `unverified`: whether links of unverified devices are read as well.
    """
    words = text_of(message)
    if not words:
        return None
    if message.standing is Standing.OWNER:
        return _from_owner(message, words, audience)
    if message.standing is not Standing.VERIFIED and not unverified:
        return None
    links = links_in(words)
    if not links:
        return None
    place = (
        Place(NAME, PlainWay.PERSON, message.sender)
        if audience is Audience.TWO
        else Place(NAME, PlainWay.GROUP, message.room)
    )
    sender = message.sender
    writer = sender if message.standing is Standing.VERIFIED else ""
    return Heard(links, place.chat, date=message.date, sender=sender, shown=sender, writer=writer)


def _from_owner(message: RoomMessage, words: str, audience: Audience) -> Heard | None:
    is_notice = text(message.content, "msgtype") != "m.text"
    if audience is Audience.OWNERS and not is_notice:
        return Heard(words, Place(NAME, PlainWay.OWNER).chat, from_owner=True, alone=True, date=message.date)
    chat = Place(NAME, PlainWay.GROUP, message.room).chat
    if links := links_in(words):
        return Heard(links, chat, from_owner=True, date=message.date)
    if is_about_a_call(words) and not is_notice:
        return Heard(words, chat, from_owner=True, date=message.date)
    return None


def _without_quote(body: str) -> str:
    """A reply without the lines that it quotes (specification, Rich replies, fallbacks)."""
    lines = body.split("\n")
    if not lines[0].startswith("> "):
        return body
    start = next((number for number, line in enumerate(lines) if not line.startswith(">")), len(lines))
    return "\n".join(lines[start:]).lstrip("\n")
