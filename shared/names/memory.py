"""What a look-up needs from the store: what is known of names and contacts, and a place for an answer."""

from __future__ import annotations

from typing import Protocol

from shared.contacts import Contact, name_key
from shared.errors import InputError
from shared.names.kept import KeptName


class Acquaintances(Protocol):
    """The contacts by name."""

    def contacts(self) -> list[Contact]:
        """All contacts."""
        ...

    def contact_named(self, name: str) -> Contact | None:
        """The contact with that name. Case doesn't matter."""
        ...


class Memory(Acquaintances, Protocol):
    """What is remembered about names that were looked up."""

    def kept_name(self, name: str) -> KeptName | None:
        """What is remembered about a name. Case doesn't matter."""
        ...

    def kept_names(self) -> list[KeptName]:
        """All names that were looked up."""
        ...

    def keep_name(self, kept: KeptName) -> None:
        """Store what is known of a name, and replace what was stored before."""
        ...


def contact_for(known: Acquaintances, name: str) -> Contact | None:
    """The contact with that name, or the one that resolves from it. Raises InputError if there are several."""
    contact = known.contact_named(name)
    if contact is not None:
        return contact
    wanted = name_key(name)
    found = [each for each in known.contacts() if wanted in {name_key(alias) for alias in each.resolves_as}]
    if len(found) > 1:
        names = " and ".join(each.name for each in found)
        raise InputError(f"{name} stands for several contacts: {names}.", "Use the contact's own name.")
    return found[0] if found else None
