"""The store: all tables in one database, and changes that affect several tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from shared.contacts import Contact
from shared.names.kept import KeptName
from shared.node_id import NodeId
from shared.store.calls import CallTables
from shared.store.compared import ComparedCalls
from shared.store.contacts import ContactTable
from shared.store.devices import DeviceTable
from shared.store.facts import Facts
from shared.store.links import UsedLinks
from shared.store.names import KeptNames
from shared.store.secrets import PairSecrets
from shared.store.transfers import TransferTable


@dataclass(frozen=True, slots=True)
class Agreed:
    """The pair secrets of the call from which the owner saves a contact."""

    secrets: Collection[bytes] | None = field(default=(), repr=False)
    "Empty if none was agreed in the call, as in a call with another program. None if that isn't known any more."

    sure: bool = True
    """Whether the owner has said which call it is. If not, there must be only one call: otherwise anyone at that
    address in another call could replace the person whose words were compared."""

    def among(self, all_: Collection[bytes], *, calls: int) -> Collection[bytes]:
        """The secrets that count, out of all secrets that were agreed with that node.

        `calls` is how many calls with the node were not proven by an earlier one, whether a secret was agreed in them
        or not.
        """
        if self.sure:
            return self.secrets or ()
        if calls > 1:
            return ()
        if self.secrets is None:
            return all_ if len(all_) == 1 else ()
        return self.secrets if set(all_) <= set(self.secrets) else ()


NOTHING_AGREED = Agreed()


class Store(
    ContactTable, PairSecrets, ComparedCalls, UsedLinks, CallTables, KeptNames, DeviceTable, TransferTable, Facts
):
    """Everything that outlives the process. Every method that writes is one transaction, see Database."""

    def add_contact(self, contact: Contact, *, agreed: Agreed = NOTHING_AGREED) -> None:
        """Add a contact that the owner saves, or replace the one with that name. Raises what save_contact raises.

        Secrets that were agreed with a new contact's node are quarantined, except those of the call from which the
        owner saves the contact.
        """
        with self.transaction():
            if self.contact_of(contact.node) is None:
                calls = self.unproven_calls_with(contact.node)
                self.quarantine_secrets(contact.node, but=agreed.among(self.secrets_of(contact.node), calls=calls))
            self.save_contact(contact)

    def words_match(self, node: NodeId, reference: bytes, secret: bytes, *, in_clear: bool = False) -> None:
        """Note that the owner has compared the words of a call in which a secret (32 bytes) was agreed.

        They were the same.

        A contact's quarantined secret replaces all others. If the contact has no key yet, the secret becomes its first
        key. `in_clear`: somebody else could have said so instead of the owner. Then the contact's key is marked, and
        the call doesn't count as one with compared words, because a contact that is saved from it later would lack the
        mark.
        """
        with self.transaction():
            contact = self.contact_of(node)
            if in_clear and contact is None:
                return
            first = self.confirm_secret(node, secret) or (
                contact is not None and self.confirm_first_secret(node, secret)
            )
            if not in_clear:
                self.keep_compared(node, reference, self.chain_of(node, secret))
            elif first and contact is not None:
                self.save_contact(msgspec.structs.replace(contact, confirmed_in_clear=True))

    def words_differ(self, node: NodeId, secrets: Collection[bytes]) -> None:
        """Note that the owner has compared the words of a call, and they differed.

        `secrets` (32 bytes each) were used or agreed in the call. They are quarantined, whatever they have proved until
        now.
        """
        with self.transaction():
            self.quarantine_secrets(node, but=[each for each in self.secrets_of(node) if each not in secrets])

    def words_matched(self, node: NodeId, reference: bytes, secret: bytes | None) -> bool:
        """Whether the owner has compared the words of that call, in which that secret was agreed."""
        if secret is None:
            return False
        return self.confirmed(node, secret) or bool(self.compared_secrets(node, reference))

    def remove_contact(self, name: str) -> Contact:
        """Delete a contact, the pair secrets of its node and its unfinished files, and return it.

        Raises NameNotFound.
        """
        with self.transaction() as database:
            contact = self.contact_or_raise(name)
            database.execute("DELETE FROM contacts WHERE node = ?", (contact.node.key,))
            self.forget_files_with(contact.node)
            self.forget_secrets(contact.node)
        return contact

    def move_contact(self, contact: Contact, node: NodeId) -> None:
        """Give a contact another node, and move its pair secrets and unfinished files there.

        Raises InputError if the node belongs to another contact.
        """
        with self.transaction() as database:
            self.refuse_second_name(msgspec.structs.replace(contact, node=node))
            self.forget_secrets(node)
            database.execute("UPDATE pair_secrets SET node = ? WHERE node = ?", (node.key, contact.node.key))
            self.move_files(contact.node, node)
            self.save_contact(msgspec.structs.replace(contact, node=node))

    def follow_name(self, kept: KeptName, contact: Contact | None) -> None:
        """Store a name's new node, and move the contact of that name there: both or neither.

        The pair secrets and unfinished files of the contact's old node are deleted. Raises InputError if the node
        belongs to another contact.
        """
        with self.transaction():
            self.keep_name(kept)
            if contact is None:
                return
            self.refuse_second_name(contact)
            old = self.contact_named(contact.name)
            if old is not None:
                self.forget_secrets(old.node)
                self.forget_files_with(old.node)
                self.add_contact(contact)
