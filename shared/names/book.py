"""The contact book as a resolver: what the owner has saved goes before what anybody else says."""

from __future__ import annotations

from shared.errors import InputError
from shared.names import Answer
from shared.store import Store, name_key


class ContactBook:
    """Resolves the names that the owner gave, and those that contacts resolve from (`copybara.azero`)."""

    source = "contacts"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def resolve(self, name: str) -> Answer | None:
        """The node of the contact of that name, else of the one that resolves from it, in upper or lower case.

        Raises InputError if several contacts resolve from it.
        """
        contact = self._store.contact_named(name)
        if contact is None:
            wanted = name_key(name)
            matches = [
                each for each in self._store.contacts() if wanted in {name_key(alias) for alias in each.resolves_as}
            ]
            if len(matches) > 1:
                names = " and ".join(each.name for each in matches)
                raise InputError(f"{name} stands for several contacts: {names}.", "Use the contact's own name.")
            if not matches:
                return None
            contact = matches[0]
        return Answer(node=contact.node, source=self.source, name=name, at=contact.created, from_memory=False)
