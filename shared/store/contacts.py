"""The table of contacts. Names are unique whatever their case, and so are nodes. Either finds a contact."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from shared.contacts import Contact, check_name, name_key
from shared.errors import InputError, NameNotFound
from shared.lookalikes import imitated
from shared.node_id import NodeId
from shared.printable import seen_alike
from shared.store.database import Database, encode
from shared.typed import in_shell


class ContactRow(NamedTuple):
    """A contact as it is stored, not decoded yet."""

    name_key: bytes
    node: bytes
    value: bytes
    writable: bool
    "Whether a link to the contact can be sealed, see PairSecrets.writable_secret."


class ContactTable(Database):
    """The contacts."""

    def contacts(self) -> list[Contact]:
        """All contacts that can be read, by name. Asking for an unreadable contact raises an error."""
        rows = self.rows("SELECT value FROM contacts ORDER BY name_key")
        return self.decode_all("a contact", [row[0] for row in rows], Contact)

    def contact_rows(self, after: bytes, count: int) -> list[ContactRow]:
        """The next `count` rows in the order of their keys after `after` (b"": from the first), readable or not."""
        rows = self.rows(
            "SELECT name_key, node, value, EXISTS (SELECT 1 FROM pair_secrets WHERE node = contacts.node "
            "AND committed AND NOT quarantined AND NOT doubted) "
            "FROM contacts WHERE name_key > ? ORDER BY name_key LIMIT ?",
            after,
            count,
        )
        return [ContactRow(key, node, value, bool(writable)) for key, node, value, writable in rows]

    def contact_named(self, name: str) -> Contact | None:
        """The contact with that name. Case, spaces or dashes between words, and invisible joiners don't matter."""
        contact = self.decoded(Contact, "SELECT value FROM contacts WHERE name_key = ?", name_key(name))
        if contact is not None or name.isascii():
            return contact
        wanted = name_key(seen_alike(name))
        return next((each for each in self.contacts() if name_key(seen_alike(each.name)) == wanted), None)

    def contact_of(self, node: NodeId) -> Contact | None:
        """The contact with that node."""
        return self.decoded(Contact, "SELECT value FROM contacts WHERE node = ?", node.key)

    def save_contact(self, contact: Contact) -> None:
        """Add a contact, or replace the one with that name.

        Raises InputError if the node belongs to another contact, or if the name is new and looks like another
        contact's.
        """
        with self.transaction() as database:
            self.refuse_second_name(contact)
            if not self.rows("SELECT 1 FROM contacts WHERE name_key = ?", name_key(contact.name)):
                self.refuse_imitation(contact.name, of=self.contacts())
            database.execute(
                "INSERT INTO contacts (name_key, node, value) VALUES (?, ?, ?) "
                "ON CONFLICT (name_key) DO UPDATE SET node = excluded.node, value = excluded.value",
                (name_key(contact.name), contact.node.key, encode(contact)),
            )

    def rename_contact(self, old: str, new: str) -> Contact:
        """Rename a contact, and return it. Raises NameNotFound, or InputError if `new` can't be used."""
        new = check_name(new)
        with self.transaction() as database:
            contact = msgspec.structs.replace(self.contact_or_raise(old), name=new)
            holder = self.contact_named(new)
            if holder is not None and holder.node != contact.node:
                raise InputError(
                    f"There is already a contact called {holder.name}.",
                    "Choose another name, or remove that one first.",
                )
            self.refuse_imitation(new, of=[each for each in self.contacts() if each.node != contact.node])
            database.execute(
                "UPDATE contacts SET name_key = ?, value = ? WHERE node = ?",
                (name_key(new), encode(contact), contact.node.key),
            )
        return contact

    def imitated_by(self, name: str) -> Contact | None:
        """The contact with another name that looks like this one. None if there is none."""
        others = [each for each in self.contacts() if name_key(each.name) != name_key(name)]
        found = imitated(name, [each.name for each in others])
        return next((each for each in others if each.name == found), None)

    def refuse_imitation(self, name: str, *, of: list[Contact]) -> None:
        """Raise InputError if the name looks like the name of one of these contacts."""
        if (taken := imitated(name, [each.name for each in of])) is not None:
            raise InputError(
                f"That name could be taken for {taken}, who is in your contacts.",
                "Choose a name that looks different.",
            )

    def contact_or_raise(self, name: str) -> Contact:
        """The contact with that name. Raises NameNotFound."""
        contact = self.contact_named(name)
        if contact is None:
            raise NameNotFound(f"There is no contact called {name}.", "See the contacts with: copybara contacts list")
        return contact

    def refuse_second_name(self, contact: Contact) -> None:
        """Raise InputError if the contact's node is in the contacts under another name."""
        holder = self.contact_of(contact.node)
        if holder is not None and name_key(holder.name) != name_key(contact.name):
            raise InputError(
                f"That node is already in the contacts, as {holder.name}.",
                f"Rename it with: copybara contacts rename {in_shell(holder.name)} {in_shell(contact.name)}",
            )
