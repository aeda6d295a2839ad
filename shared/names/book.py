"""The contact book as a resolver: what the owner has saved comes before all other sources."""

from __future__ import annotations

from collections.abc import Callable

from shared.names import NamedNode
from shared.names.memory import Acquaintances, contact_for


class ContactBook:
    """Resolves the owner's names for contacts, and names that contacts resolve from (`copybara.azero`)."""

    source = "contacts"

    def __init__(self, known: Acquaintances, *, but: Callable[[str], bool] = lambda _: False) -> None:
        """`but` says which names belong to another resolver, which asks the book as well."""
        self._known = known
        self._but = but

    async def resolve(self, name: str) -> NamedNode | None:
        """The node of the contact with that name, or of the contact that resolves from it. Case doesn't matter.

        Raises InputError if several contacts resolve from the name.
        """
        contact = None if self._but(name) else contact_for(self._known, name)
        if contact is None:
            return None
        return NamedNode(node=contact.node, source=self.source, name=name, at=contact.created, from_memory=False)
