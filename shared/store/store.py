"""The store: all tables over one database, and what changes several of them at once."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from shared.contacts import Contact
from shared.names.kept import KeptName
from shared.node_id import NodeId
from shared.store.calls import CallTables
from shared.store.contacts import ContactTable
from shared.store.devices import DeviceTable
from shared.store.facts import Facts
from shared.store.links import UsedLinks
from shared.store.names import KeptNames
from shared.store.secrets import PairSecrets


class Store(ContactTable, PairSecrets, UsedLinks, CallTables, KeptNames, DeviceTable, Facts):
    """Everything that outlives the process. Every method that writes is one transaction, see Database."""

    def add_contact(self, contact: Contact, *, agreed: Collection[bytes] = ()) -> None:
        """Add a contact whom the owner saves, or replace the one of that name; raises as save_contact does.

        What was agreed with a new contact's node before is quarantined, but for the secrets `agreed` in the call in
        which the owner saves them.
        """
        with self.transaction():
            if self.contact_of(contact.node) is None:
                self.quarantine_secrets(contact.node, but=agreed)
            self.save_contact(contact)

    def remove_contact(self, name: str) -> Contact:
        """Forget a contact and the pair secrets of its node, and return it. Raises NameNotFound."""
        with self.transaction() as database:
            contact = self.contact_or_raise(name)
            database.execute("DELETE FROM contacts WHERE node = ?", (contact.node.key,))
            self.forget_secrets(contact.node)
        return contact

    def move_contact(self, contact: Contact, node: NodeId) -> None:
        """Give a contact another node, with the pair secrets that are shared with them.

        Raises InputError if the node is another contact's.
        """
        with self.transaction() as database:
            self.refuse_second_name(msgspec.structs.replace(contact, node=node))
            self.forget_secrets(node)
            database.execute("UPDATE pair_secrets SET node = ? WHERE node = ?", (node.key, contact.node.key))
            self.save_contact(msgspec.structs.replace(contact, node=node))

    def follow_name(self, kept: KeptName, contact: Contact | None) -> None:
        """Keep a name's new node and move the contact that goes by it there, both or neither.

        The pair secrets of the contact's old node are erased. Raises InputError if the node is another contact's.
        """
        with self.transaction():
            self.keep_name(kept)
            if contact is None:
                return
            self.refuse_second_name(contact)
            old = self.contact_named(contact.name)
            if old is not None:
                self.forget_secrets(old.node)
                self.add_contact(contact)
