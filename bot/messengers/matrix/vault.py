"""Everything that a device must not forget, in the messenger's journal: keys, sessions, rooms, where reading goes on.

The journal is in the home's database, which only the owner may read. What changed is written together with what was
read from the server, in one transaction and before anything that depends on it leaves: a process that is killed finds
its keys as the other side knows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from shared.not_json import NOT_JSON
from shared.store.journal import Journal

PREFIX = "e2e:"
"What the names of the facts begin with."

_Value = TypeVar("_Value")


class Vault:
    """Named values, read at the start; `changes` is what isn't on the disk yet."""

    def __init__(self, journal: Journal) -> None:
        self._values = {name.removeprefix(PREFIX): raw for name, raw in journal.facts(PREFIX).items()}
        self._changes: dict[str, bytes | None] = {}

    def get(self, name: str, kind: type[_Value]) -> _Value | None:
        """A value; None if there is none, or one that another version has written."""
        raw = self._values.get(name)
        if raw is None:
            return None
        try:
            return msgspec.json.decode(raw, type=kind)
        except NOT_JSON:
            return None

    def has(self, name: str) -> bool:
        """Whether there is a value."""
        return name in self._values

    def names(self, beginning: str) -> Iterator[str]:
        """The names that begin so."""
        return (name for name in list(self._values) if name.startswith(beginning))

    def put(self, name: str, value: object) -> None:
        """Set a value; what is the same already isn't written again."""
        raw = msgspec.json.encode(value)
        if self._values.get(name) != raw:
            self._values[name] = raw
            self._changes[PREFIX + name] = raw

    def drop(self, name: str) -> None:
        """Forget a value."""
        if self._values.pop(name, None) is not None:
            self._changes[PREFIX + name] = None

    def take_changes(self) -> dict[str, bytes | None]:
        """What has to be written now, together; the caller writes it."""
        changes, self._changes = self._changes, {}
        return changes
