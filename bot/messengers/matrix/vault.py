"""Everything that a device must not forget, in the messenger's journal: keys, sessions, rooms, the reading position.

The journal is in the home's database, which only the owner can read. Changes are written together with the messages
that were read, in one transaction, and before anything that depends on them is sent. So after a kill, a process finds
its keys in the state that the other side knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from shared.not_json import NOT_JSON
from shared.store.journal import Journal

PREFIX = "e2e:"
"The prefix of the facts' names."

_Value = TypeVar("_Value")


class Vault:
    """Named values, read at the start. `changes` holds what isn't on the disk yet."""

    def __init__(self, journal: Journal) -> None:
        self._values = {name.removeprefix(PREFIX): raw for name, raw in journal.facts(PREFIX).items()}
        self._changes: dict[str, bytes | None] = {}

    def get(self, name: str, kind: type[_Value]) -> _Value | None:
        """A value. None if there is none, or if another version has written it."""
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
        """The names with that beginning."""
        return (name for name in list(self._values) if name.startswith(beginning))

    def put(self, name: str, value: object) -> None:
        """Set a value. An unchanged value isn't written again."""
        raw = msgspec.json.encode(value)
        if self._values.get(name) != raw:
            self._values[name] = raw
            self._changes[PREFIX + name] = raw

    def drop(self, name: str) -> None:
        """Remove a value."""
        if self._values.pop(name, None) is not None:
            self._changes[PREFIX + name] = None

    def take_changes(self) -> dict[str, bytes | None]:
        """The changes that must be written together now. The caller writes them."""
        changes, self._changes = self._changes, {}
        return changes
