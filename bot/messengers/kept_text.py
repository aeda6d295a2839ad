"""How much of a message's text is kept: the owner's commands, and the links of anyone. Pure."""

from __future__ import annotations

import re

from shared.links.kinds import BadLink, as_copybara, decode, find
from shared.printable import as_command

ADDRESSED = re.compile(r"\s*/(?P<word>[A-Za-z_]{1,32})(?:@(?P<bot>\w{1,32}))?(?=\s|$)", re.ASCII)
"""A command. It may name the bot that it is for, as Telegram's do in a group
(core.telegram.org/bots/features#commands).
"""

ABOUT_CALLS = frozenset({"call", "answer", "decline", "hangup", "differ", "hold", "resume", "swap"})
"The commands that are noticed in the owner's chats with other people; all others are for the bot's own chat."

_FOR_NOW = ABOUT_CALLS | {"record", "say", "sdp"}
"The commands that mean the call of that moment, and mustn't reach a later one."


def links_in(text: str) -> str:
    """Our links in a text and nothing else of it; empty if there is none."""
    tokens = []
    for found in find(text):
        try:
            decode(found.token)
        except BadLink:
            continue
        tokens.append(as_copybara(found.token))
    return " ".join(tokens)


def is_about_a_call(text: str) -> bool:
    """Whether a command, read as the assistant reads it, is for now and not for later."""
    head = (as_command(text).split(maxsplit=1) or [""])[0]
    return head.startswith("/") and head.lstrip("/").partition("@")[0].lower() in _FOR_NOW
