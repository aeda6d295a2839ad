"""The chat's commands in a sentence, as somebody types them who reads it in a terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared.typed import in_shell

SAME = (
    *("call", "answer", "decline", "hangup", "differ", "hold", "resume", "swap", "merge", "agree", "refuse", "record"),
    *("send", "files", "log", "contacts", "card", "invite", "devices", "status"),
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

_ARGUMENT = r"(?:'[^']*'|\"[^\"]*\"|[^\s:,])+"
"With quotes, or a name that needs none."

_OTHERWISE = (
    (
        re.compile(rf"(?<![\w/.~-])/send (?P<whom>{_ARGUMENT}): (?P<file>[^\s,]+)"),
        r"copybara send --to \g<whom> \g<file>",
    ),
    (
        re.compile(r"(?<![\w/.~-])/name (?P<what>follow|keep) (?P<name>[^\s,]+)"),
        r"copybara resolve --\g<what> \g<name>",
    ),
    (re.compile(rf"(?<![\w/.~-])(/contact trust {_ARGUMENT}) unproven\b"), r"\1 --unproven"),
    (re.compile(r"(?<![\w/.~-])/answer hold\b"), "copybara answer --hold"),
)
"What is more than another word."


def as_typed(text: str, names: Iterable[str] = ()) -> str:
    """`/contact trust anna` becomes `copybara contacts trust anna`; what isn't a command here stays as it is.

    One of the `names` is in quotes then, if a shell needs them: `/call Ann Lee` becomes `copybara call 'Ann Lee'`.
    """
    if special := sorted((name for name in names if in_shell(name) != name), key=len, reverse=True):
        before = rf"(?P<before>{_COMMAND.pattern} (?:[a-z]+ )??)"
        name = rf"(?P<name>{'|'.join(map(re.escape, special))})(?![\w-])"
        text = re.sub(before + name, lambda match: match["before"] + in_shell(match["name"]), text)
    for pattern, typed in _OTHERWISE:
        text = re.sub(pattern, typed, text)
    return _COMMAND.sub(lambda match: f"copybara {OTHERS.get(match['word'], match['word'])}", text)
