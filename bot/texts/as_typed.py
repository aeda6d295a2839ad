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

_BEGINS = r"(?<![\w/.~-])"
"What stands before a command isn't a path."

_COMMAND = re.compile(
    rf"{_BEGINS}/(?P<word>{'|'.join((*SAME, *OTHERS))})(?![\w/.-])(?! (?:{'|'.join(ONLY_IN_THE_CHAT)})\b)"
)

_OTHERWISE = (
    (re.compile(r"(?<![\w/.~-])/send (?P<whom>[^\s:]+): (?P<file>[^\s,]+)"), r"copybara send --to \g<whom> \g<file>"),
    (
        re.compile(r"(?<![\w/.~-])/name (?P<what>follow|keep) (?P<name>[^\s,]+)"),
        r"copybara resolve --\g<what> \g<name>",
    ),
    (re.compile(r"(?<![\w/.~-])(/contact trust [^\s,]+) unproven\b"), r"\1 --unproven"),
    (re.compile(r"(?<![\w/.~-])/answer hold\b"), "copybara answer --hold"),
)
"What is more than another word."


def as_typed(text: str) -> str:
    """`/contact trust anna` becomes `copybara contacts trust anna`; what isn't a command here stays as it is."""
    for pattern, typed in _OTHERWISE:
        text = re.sub(pattern, typed, text)
    return _COMMAND.sub(lambda match: f"copybara {OTHERS.get(match['word'], match['word'])}", text)
