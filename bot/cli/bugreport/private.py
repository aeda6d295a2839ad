"""The names in this home, its configuration and this user's account, so that no report contains them."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from bot.cli.bugreport.database import read_only
from bot.cli.bugreport.scrubber import Private
from bot.cli.bugreport.settings import choices
from bot.home import Home
from shared.call.table import EndReason
from shared.contacts import Trust
from shared.errors import CopybaraError
from shared.media import Media

TABLES = ("contacts", "names", "call_log", "running_calls", "messenger_facts", "home_facts")
"The tables with names of people, nodes, chats and accounts. Messages that wait to be sent aren't read at all."

MOST_ROWS = 5000
"How many rows of a table are read: more than it may have."

LONGEST = 200
"The longest value in characters that counts as a name."

SHORTEST_NUMBER = 4
"How many digits an account's number has at least. Shorter numbers are counts."

_QUOTED = re.compile(r'"([^"\n]+)"|\'([^\'\n]+)\'')
_WORD = re.compile(r"\w+")

_OURS = {"caller", "callee", "chat", "contacts", "copybara", "root"}


def of_home(home: Home) -> Private:
    """Everything here that is known to be private. An unreadable part is missing, but the vocabulary still applies."""
    paths = {str(home.folder), str(home.folder.resolve())}
    with contextlib.suppress(RuntimeError):
        paths.add(str(Path.home()))
    harmless = _OURS | choices() | set(Media) | set(Trust) | set(EndReason)
    named = {value for value in (*_of_user(), *_of_configuration(home), *_of_database(home)) if len(value) > 1}
    named = {value for value in named if value.lower() not in harmless}
    # A letter alone, as of Anna's headset, names nobody.
    words = {word.lower() for value in named for word in _WORD.findall(value) if len(word) > 1} - harmless
    whole = {value for value in named if not value.isalnum()}
    return Private(tuple(paths | whole), frozenset(words))


def _of_user() -> Iterator[str]:
    yield from socket.gethostname().split(".")
    with contextlib.suppress(KeyError):
        entry = pwd.getpwuid(os.geteuid())
        yield entry.pw_name
        yield from entry.pw_gecos.split(",")


def _of_configuration(home: Home) -> Iterator[str]:
    """Every quoted text, even in an invalid configuration."""
    with contextlib.suppress(CopybaraError, OSError):
        if home.config is not None:
            for double, single in _QUOTED.findall(home.config.read_text("utf-8", errors="replace")):
                yield double or single


def _of_database(home: Home) -> Iterator[str]:
    for table in TABLES:
        rows: list[tuple[object, ...]] = []
        with contextlib.suppress(sqlite3.Error, OSError), read_only(home) as database:
            rows = database.execute(f"SELECT * FROM {table} LIMIT {MOST_ROWS}").fetchall()  # noqa: S608 - our table
        for row in rows:
            for value in row[-1:] if table.endswith("facts") else row:
                yield from _texts(value)


def _texts(value: object) -> Iterator[str]:
    """The texts and long numbers in a column's value, which may be JSON."""
    match value:
        case bytes():
            try:
                text = value.decode()
            except UnicodeDecodeError:
                return
            try:
                yield from _texts(json.loads(text))
            except (ValueError, RecursionError):
                yield from _texts(text)
        case str() if value.isprintable() and len(value) <= LONGEST:
            yield value
        case bool():
            return
        case int() if len(str(value)) >= SHORTEST_NUMBER:
            yield str(value)
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            for each in value.values():
                yield from _texts(each)
