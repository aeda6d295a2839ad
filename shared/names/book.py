"""The contact book as a resolver: what the owner has saved goes before what anybody else says."""

from __future__ import annotations

from collections.abc import Callable

from shared.names import NamedNode
from shared.names.memory import Acquaintances, contact_for


class ContactBook:
    """Resolves the names that the owner gave, and those that contacts resolve from (`copybara.azero`)."""

    source = "contacts"

    def __init__(self, known: Acquaintances, *, but: Callable[[str], bool] = lambda _: False) -> None:
        """`but` tells which names are for another resolver, which asks the book as well."""
        self._known = known
        self._but = but

    async def resolve(self, name: str) -> NamedNode | None:
        """The node of the contact of that name, else of the one that resolves from it, in upper or lower case.

        Raises InputError if several contacts resolve from it.
        """
        contact = None if self._but(name) else contact_for(self._known, name)
        if contact is None:
            return None
        return NamedNode(node=contact.node, source=self.source, name=name, at=contact.created, from_memory=False)
