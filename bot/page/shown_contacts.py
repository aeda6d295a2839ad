"""The contact book for the page.

A long book is read in pieces, so that calls go on, and only changed entries are made again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import NamedTuple

from bot.page import view
from peer.handset import protocol as page_protocol
from shared.contacts import Contact
from shared.files.records import KeptFile
from shared.store import Store
from shared.store.contacts import ContactRow

PIECE = 50
"How many contacts are read before other tasks run: up to 4 ms if all are new."


class _Made(NamedTuple):
    row: ContactRow
    files: list[KeptFile]
    entry: page_protocol.Contact | None


class ShownContacts:
    """The contacts of one home."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: dict[bytes, _Made] = {}
        "The entries, by the key of the contact's name."

        self._reading = asyncio.Lock()
        self.contacts: list[page_protocol.Contact] = []
        "The contacts that could be read, sorted by name."

    async def refresh(self) -> bool:
        """Read the book again; returns whether it has changed. Raises StoreError."""
        async with self._reading:
            contacts = await self.read()
        before, self.contacts = self.contacts, contacts
        return before != contacts

    async def read(self) -> list[page_protocol.Contact]:
        """All contacts that can be read, sorted by name. Raises StoreError.

        Changes during the read may be missing. The store's revision reveals them.
        """
        made: dict[bytes, _Made] = {}
        files: defaultdict[bytes, list[KeptFile]] = defaultdict(list)
        for file in self._store.kept_files():
            files[file.peer.key].append(file)
        after = b""
        while rows := self._store.contact_rows(after, PIECE):
            for row in rows:
                known = self._made.get(row.name_key)
                kept = files.get(row.node, [])
                same = known is not None and (known.row, known.files) == (row, kept)
                made[row.name_key] = known if known is not None and same else _Made(row, kept, self._entry(row, kept))
            after = rows[-1].name_key
            await asyncio.sleep(0)
        self._made = made
        return [each.entry for each in made.values() if each.entry is not None]

    def _entry(self, row: ContactRow, kept: list[KeptFile]) -> page_protocol.Contact | None:
        readable = self._store.decode_all("a contact", [row.value], Contact)
        return view.entry(readable[0], row.writable, kept) if readable else None
