"""The table of a home's single values, such as the node at its last start."""

from __future__ import annotations

from shared.node_id import NodeId
from shared.store.database import Database

_OWN_NODES = "moves.own"

OWN_NODES_KEPT = 64
"How many of our old node ids are kept, 32 bytes each."


class Facts(Database):
    """The facts."""

    def home_fact(self, name: str) -> bytes | None:
        """The value with that name. None if it was never set."""
        rows = self.rows("SELECT value FROM home_facts WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    def set_home_fact(self, name: str, value: bytes | None) -> None:
        """Set a value, or delete it with None."""
        with self.transaction() as database:
            if value is None:
                database.execute("DELETE FROM home_facts WHERE name = ?", (name,))
            else:
                database.execute("INSERT OR REPLACE INTO home_facts (name, value) VALUES (?, ?)", (name, value))

    def announce_own(self, node: NodeId) -> None:
        """Store that contacts were told this node id as ours. A notice that names it is then recognized as our own."""
        known = self.home_fact(_OWN_NODES) or b""
        if not self.announced_own(node):
            self.set_home_fact(_OWN_NODES, (known + node.key)[-OWN_NODES_KEPT * len(node.key) :])

    def announced_own(self, node: NodeId) -> bool:
        """Whether contacts were told this node id as ours."""
        known, size = self.home_fact(_OWN_NODES) or b"", len(node.key)
        return node.key in (known[at : at + size] for at in range(0, len(known), size))
