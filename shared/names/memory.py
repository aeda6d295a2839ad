"""What looking up names needs from the store: what is known of names and contacts, and a place to keep an answer."""

from __future__ import annotations

from typing import Protocol

from shared.contacts import Contact, name_key
from shared.errors import InputError
from shared.names.kept import KeptName


class Acquaintances(Protocol):
    """Who is known by which name."""

    def contacts(self) -> list[Contact]:
        """All contacts."""
        ...

    def contact_named(self, name: str) -> Contact | None:
        """The contact of that name, in upper or lower case."""
        ...


class Memory(Acquaintances, Protocol):
    """What is known of names that were looked up."""

    def kept_name(self, name: str) -> KeptName | None:
        """What is known of a name, in upper or lower case."""
        ...

    def kept_names(self) -> list[KeptName]:
        """All names that were looked up."""
        ...

    def keep_name(self, kept: KeptName) -> None:
        """Keep what is known of a name, in place of what was before."""
        ...


def contact_for(known: Acquaintances, name: str) -> Contact | None:
    """The contact that goes by a name, by its own or one that it resolves from. Raises InputError if several do."""
    contact = known.contact_named(name)
    if contact is not None:
        return contact
    wanted = name_key(name)
    found = [each for each in known.contacts() if wanted in {name_key(alias) for alias in each.resolves_as}]
    if len(found) > 1:
        names = " and ".join(each.name for each in found)
        raise InputError(f"{name} stands for several contacts: {names}.", "Use the contact's own name.")
    return found[0] if found else None
