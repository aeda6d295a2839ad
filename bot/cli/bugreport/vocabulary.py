"""The words that a report may hold: those of this program's own source, and the system's for its errors."""

from __future__ import annotations

import builtins
import errno
import keyword
import os
import re
import sys
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path

import bot
import peer
import shared

PEOPLE = frozenset({"alice", "anna", "bob", "carol", "dave", "mallory", "zoe"})
"Names in our own examples, which may be the names of true people."

TRACEBACK = (
    "Traceback most recent call last During handling of the above exception another occurred direct cause following "
    "Exception Group sub exceptions Errno Previous line repeated more times"
)
"What Python writes around an error."

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_OF_A_LIBRARY = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is known to say nothing about anybody."""

    words: frozenset[str]
    "In upper and lower case as they are."

    files: frozenset[str]
    "Of the source, such as `bot/app.py`."

    libraries: frozenset[str]
    "Top-level names of what we import."

    @property
    def modules(self) -> frozenset[str]:
        """The files as Python and the log name them, such as `bot.app`."""
        return frozenset(file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in self.files)


def own_vocabulary() -> Vocabulary:
    """Read from the source of this program."""
    words: set[str] = {*dir(builtins), *keyword.kwlist, *TRACEBACK.split()}
    files: set[str] = set()
    for package in (bot, peer, shared):
        folder = Path(package.__path__[0])
        for file in folder.rglob("*.py"):
            files.add(f"{folder.name}/{file.relative_to(folder)}")
            words.update(_WORD.findall(file.read_text("utf-8")))
    for number in errno.errorcode:
        words.update(_WORD.findall(os.strerror(number)))
    words.update(errno.errorcode.values())
    needed = {_NAME_OF_A_LIBRARY.findall(each)[0].replace("-", "_") for each in requires("copybara-relay") or ()}
    libraries = frozenset(needed | sys.stdlib_module_names | {"telegram"})
    return Vocabulary(frozenset(word for word in words if word.lower() not in PEOPLE), frozenset(files), libraries)
