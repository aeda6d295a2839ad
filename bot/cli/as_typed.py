"""The chat's commands in a sentence, as somebody types them who reads it in a terminal. Pure."""

from __future__ import annotations

import re

SAME = (
    *("call", "answer", "decline", "hangup", "hold", "resume", "swap", "merge", "agree", "refuse", "record", "send"),
    *("files", "log", "contacts", "card", "invite", "devices", "status"),
)
"Commands that are called the same here."

OTHERS = {"contact": "contacts", "name": "resolve", "handset": "start", "help": "--help"}

ONLY_IN_THE_CHAT = ("program", "deltachat")
"After /contact."

_COMMAND = re.compile(
    rf"(?<![\w/.~-])/(?P<word>{'|'.join((*SAME, *OTHERS))})(?![\w/.-])(?! (?:{'|'.join(ONLY_IN_THE_CHAT)})\b)"
)

_SEND_TO = re.compile(r"(?<![\w/.~-])/send (?P<whom>[^\s:]+): (?P<file>[^\s,]+)")


def as_typed(text: str) -> str:
    """`/contact trust anna` becomes `copybara contacts trust anna`; what isn't a command here stays as it is."""
    text = _SEND_TO.sub(r"copybara send --to \g<whom> \g<file>", text)
    return _COMMAND.sub(lambda match: f"copybara {OTHERS.get(match['word'], match['word'])}", text)
