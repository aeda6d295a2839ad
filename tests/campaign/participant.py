"""A person of the campaign, with a record of what their program has confirmed."""

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
    """A setting of a contact that the owner changes with `/contact WORD NAME VALUE`."""

    kind: Kind
    "The kind of the answer."

    of: Callable[[Contact], str]
    "The value of the setting in a contact."


SETTINGS = {
    "files": Setting(Kind.CONTACT_FILES, lambda contact: "always" if contact.files else "ask"),
    "endpoint": Setting(Kind.CONTACT_ENDPOINT, lambda contact: contact.endpoint or "default"),
    "ring": Setting(Kind.CONTACT_RINGS, lambda contact: str(contact.hours or "")),
}


class Participant(Person):
    """A person of the campaign."""

    def __init__(self, name: str, folder: Path, chat: Chat, *, config: str = "") -> None:
        super().__init__(name, folder, chat, config=config)
        self.settings: dict[tuple[NodeId, str], set[str]] = {}
        "The values that each setting of a contact may have: the confirmed one, and one that wasn't confirmed yet."

        self.promised: dict[NodeId, set[bytes]] = {}
        "The SHA-256 of the voice messages whose waiting for a contact was confirmed."

        self._looked_at: dict[str, bytes] = {}
        "The SHA-256 of received files by name."

    async def sets(self, other: Person, word: str, value: str) -> None:
        """Change a setting of a contact. It must hold from the answer on."""
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
        """Leave a voice message. From the answer on it must wait until it has arrived, once."""
        await self.asked(f"/message {other.name} {path}", kind=Kind.MESSAGE_KEPT)
        self.promised.setdefault(other.id, set()).add(_digest(path))

    def begins_anew_with(self, other: Person) -> None:
        """Forget the settings and messages of a contact who is removed."""
        self.settings = {which: values for which, values in self.settings.items() if which[0] != other.id}
        self.promised.pop(other.id, None)

    def received(self) -> Counter[bytes]:
        """The number of times that each file has arrived, by SHA-256."""
        for path, digest in self.newly_received():
            self._looked_at[path.name] = digest
        return Counter(self._looked_at.values())

    def newly_received(self) -> Iterator[tuple[Path, bytes]]:
        """The files that have arrived since the last call of `received`, each with its SHA-256."""
        folder = Home(self.home).files
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            if path.is_file() and path.name not in self._looked_at:
                yield path, _digest(path)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
