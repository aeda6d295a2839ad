"""Decides what is stored of a message, if anything. Pure.

Only encrypted messages are read; the configuration can also allow unencrypted links of others. The owner commands with
what they typed in their own app. Forwarded text, and text written by a program, is read for links like anybody else's.
Of other people's messages only the links are stored; a message without links is ignored. If the bot is another device
of the owner's account, the owner is SELF, and the chat with the bot is "Saved messages".
"""

from __future__ import annotations

import re

from bot.conversation import readable
from bot.messengers.deltachat.account import LAST_SPECIAL_CONTACT, SELF, ChatInfo, Message
from bot.messengers.kept_text import ADDRESSED, is_about_a_call, links_in
from bot.messengers.plain.places import Place, PlainWay
from bot.messengers.plain.values import Heard

_WHOSE_APP = re.compile(r"\s*/contact\s+deltachat\s+(?P<name>\S(?:.{0,38}\S)?)\s*", re.IGNORECASE)

SINGLE, GROUP, CALL = "Single", "Group", "Call"


def is_from_somebody(message: Message, owner: int | None) -> bool:
    """Whether a person or program has written the message and it is complete. The core and this device don't count."""
    owners_device = message.from_id == owner == SELF and message.received_timestamp > 0
    somebody = message.from_id > LAST_SPECIAL_CONTACT or owners_device
    return somebody and not message.is_info and message.download_state == "Done"


def is_app_call(message: Message) -> bool:
    """Whether somebody else has pressed their app's call button."""
    return is_from_somebody(message, None) and message.show_padlock and message.view_type == CALL


def asks_whose_app(message: Message, chat: ChatInfo, owner: int | None) -> str:
    """The name after the owner's `/contact deltachat`, in their own chat. Empty for any other message."""
    typed = message.show_padlock and not (message.is_forwarded or message.is_bot or message.override_sender_name)
    if not is_from_somebody(message, owner) or message.from_id != owner or not chat.is_encrypted or not typed:
        return ""
    if not _is_alone(chat, owner):
        return ""
    asked = _WHOSE_APP.fullmatch(readable(message.text))
    return asked["name"] if asked is not None else ""


def is_in_clear(message: Message, owner: int | None, *, unencrypted: bool = False) -> bool:
    """Whether a message would matter but is ignored because it wasn't encrypted.

    The owner hears of it once per sender.
    """
    if message.show_padlock or not is_from_somebody(message, owner):
        return False
    text = readable(message.text)
    links = links_in(text)
    return bool(links or is_about_a_call(text)) and not (links and unencrypted and message.from_id != owner)


def heard(
    message: Message, chat: ChatInfo, owner: int | None, messenger: str, *, unencrypted: bool = False
) -> Heard | None:
    """What is stored of a message. None: nothing.

    `owner` is the contact with the owner's key. `unencrypted`: whether unencrypted links of others are read as well.
    """
    is_encrypted = message.show_padlock and chat.is_encrypted
    if not is_from_somebody(message, owner) or not (is_encrypted or (unencrypted and message.from_id != owner)):
        return None
    if message.view_type == CALL or chat.chat_type not in (SINGLE, GROUP):
        return None
    if chat.is_self_talk and message.from_id != owner:
        return None  # somebody else wrote it, and the owner saved it from another chat
    text = readable(message.text)
    if message.from_id == owner:
        return _from_owner(message, _is_alone(chat, owner), text, messenger)
    links = links_in(text)
    if not links:
        return None
    way, value = (PlainWay.PERSON, message.from_id) if chat.chat_type == SINGLE else (PlainWay.GROUP, message.chat_id)
    passed_on = message.is_forwarded or message.override_sender_name is not None
    return Heard(
        links,
        Place(messenger, way, str(value)).chat,
        date=message.timestamp,
        sender=f"contact {message.from_id}",
        shown="" if passed_on else message.sender.display_name,
        writer=str(message.from_id) if is_encrypted else "",
        passed_on=passed_on,
    )


def _is_alone(chat: ChatInfo, owner: int | None) -> bool:
    """Whether only the owner and the bot read a chat in which the owner has written."""
    return chat.is_self_talk if owner == SELF else chat.chat_type == SINGLE


def _from_owner(message: Message, alone: bool, text: str, messenger: str) -> Heard | None:
    place = Place(messenger, PlainWay.OWNER) if alone else Place(messenger, PlainWay.GROUP, str(message.chat_id))
    if message.is_forwarded or message.is_bot or message.override_sender_name is not None:
        links = links_in(text)
        if alone or links:
            return Heard(links, place.chat, from_owner=True, alone=alone, date=message.timestamp, passed_on=True)
        return None
    if alone:
        return Heard(text, place.chat, from_owner=True, alone=True, date=message.timestamp)
    if links := links_in(text):
        return Heard(links, place.chat, from_owner=True, date=message.timestamp)
    if is_about_a_call(text) and (command := ADDRESSED.match(text)) and not command["bot"]:
        return Heard(text, place.chat, from_owner=True, date=message.timestamp)
    return None
