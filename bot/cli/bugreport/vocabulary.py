"""The words that a report may contain: those of this program's own source, and the system's words for errors."""

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
"Names in our own examples. They may be the names of real people."

OWN_FILES = (
    *("copybara.db", "copybara.db-wal", "copybara.toml", "copybara.pid"),
    *("control.sock", "handset.key", "node.key", "sealing.key", "devices.removed"),
)
"The files that have the same name in every home."

TRACEBACK = (
    "Traceback most recent call last During handling of the above exception another occurred direct cause following "
    "Exception Group sub exceptions Errno Previous line repeated more times"
)
"The words that Python writes around an error."

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_OF_A_LIBRARY = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that say nothing about anybody."""

    words: frozenset[str]
    "Words in upper and lower case, as in the source."

    files: frozenset[str]
    "The source files, such as `bot/app.py`."

    libraries: frozenset[str]
    "The top-level names of the libraries that we import."

    @property
    def modules(self) -> frozenset[str]:
        """The files in the form that Python and the log use, such as `bot.app`."""
        return frozenset(file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in self.files)


def own_vocabulary() -> Vocabulary:
    """Read the vocabulary from this program's source."""
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
