"""Decides how much of a message's text is stored: commands of the owner, and links of anyone. Pure."""

from __future__ import annotations

import re

from shared.links.kinds import BadLink, as_copybara, decode, find
from shared.printable import as_command

ADDRESSED = re.compile(r"\s*/(?P<word>[A-Za-z_]{1,32})(?:@(?P<bot>\w{1,32}))?(?=\s|$)", re.ASCII)
"A command. As in Telegram groups, it may name the bot that should obey (core.telegram.org/bots/features#commands)."

ABOUT_CALLS = frozenset({"call", "answer", "decline", "hangup", "differ", "hold", "resume", "swap"})
"The commands that are obeyed in the owner's chats with other people. All others need the bot's own chat."

_FOR_NOW = ABOUT_CALLS | {"record", "say", "sdp"}
"The commands that mean a call at that moment, and must not affect a later call."


def links_in(text: str) -> str:
    """The Copybara links in a text, without the rest of it. Empty if there is none."""
    tokens = []
    for found in find(text):
        try:
            decode(found.token)
        except BadLink:
            continue
        tokens.append(as_copybara(found.token))
    return " ".join(tokens)


def is_about_a_call(text: str) -> bool:
    """Whether the command, as the assistant reads it, makes sense only now and not later."""
    head = (as_command(text).split(maxsplit=1) or [""])[0]
    return head.startswith("/") and head.lstrip("/").partition("@")[0].lower() in _FOR_NOW
