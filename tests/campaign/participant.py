"""A person of the campaign, who remembers what their program has promised to keep."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from bot.home import Home
from bot.kinds import Kind
from shared.contacts import Contact
from shared.node_id import NodeId
from tests.bot.console import Chat, Person


class Setting(NamedTuple):
    """Something that the owner sets for a contact with `/contact WORD NAME VALUE`."""

    kind: Kind
    "Of the answer."

    of: Callable[[Contact], str]
    "The value that a contact has."


SETTINGS = {
    "files": Setting(Kind.CONTACT_FILES, lambda contact: "always" if contact.files else "ask"),
    "endpoint": Setting(Kind.CONTACT_ENDPOINT, lambda contact: contact.endpoint or "default"),
    "ring": Setting(Kind.CONTACT_RINGS, lambda contact: str(contact.hours or "")),
}


class Participant(Person):
    """One of them."""

    def __init__(self, name: str, folder: Path, chat: Chat, *, config: str = "") -> None:
        super().__init__(name, folder, chat, config=config)
        self.settings: dict[tuple[NodeId, str], set[str]] = {}
        "What each setting of a contact may be: one value, and another one as long as that wasn't confirmed."

        self.promised: dict[NodeId, set[bytes]] = {}
        "Voice messages that were confirmed to wait for a contact, by their SHA-256."

        self._looked_at: dict[str, bytes] = {}
        "The SHA-256 of received files, by name."

    async def sets(self, other: Person, word: str, value: str) -> None:
        """Change a setting of a contact. From the answer on it has to hold."""
        possible = self.settings.setdefault((other.id, word), set())
        if not possible:
            with self.store() as store:
                contact = store.contact_of(other.id)
            assert contact is not None
            possible.add(SETTINGS[word].of(contact))
        possible.add(value)
        await self.asked(f"/contact {word} {other.name} {value}", kind=SETTINGS[word].kind)
        self.settings[other.id, word] = {value}

    async def leaves_message(self, other: Person, path: Path) -> None:
        """Leave a voice message. From the answer on it has to wait until it has come, once."""
        await self.asked(f"/message {other.name} {path}", kind=Kind.MESSAGE_KEPT)
        self.promised.setdefault(other.id, set()).add(_digest(path))

    def begins_anew_with(self, other: Person) -> None:
        """The contact is removed, with all that was set and waits for them."""
        self.settings = {which: values for which, values in self.settings.items() if which[0] != other.id}
        self.promised.pop(other.id, None)

    def received(self) -> Counter[bytes]:
        """How often each file has come, by its SHA-256."""
        for path, digest in self.newly_received():
            self._looked_at[path.name] = digest
        return Counter(self._looked_at.values())

    def newly_received(self) -> Iterator[tuple[Path, bytes]]:
        """The files that have come since `received` was called last, and the SHA-256 of each."""
        folder = Home(self.home).files
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            if path.is_file() and path.name not in self._looked_at:
                yield path, _digest(path)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
