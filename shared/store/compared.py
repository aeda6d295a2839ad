"""The table of calls whose four words the owner has compared, and the chain of keys that was agreed on there.

If the owner saves somebody later, as the one who was in such a call, that person has this key: the words rule out
anybody in between, and the owner says which call it was. A later call that a key of the same chain has set up was with
the same person.
"""

from __future__ import annotations

from shared.node_id import NodeId
from shared.store.database import Database

COMPARED_KEPT = 200
"Of all nodes together; the oldest are dropped. The page shows fewer calls."


class ComparedCalls(Database):
    """The calls with compared words. They count as long as a key of their chain is kept and isn't quarantined."""

    def keep_compared(self, node: NodeId, reference: bytes, chain: int) -> None:
        """The words of the call with that reference (8 bytes) were compared."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO compared_calls (reference, node, chain) VALUES (?, ?, ?)",
                (reference, node.key, chain),
            )
            database.execute(
                "DELETE FROM compared_calls WHERE id <= (SELECT max(id) FROM compared_calls) - ?", (COMPARED_KEPT,)
            )

    def keep_continued(self, node: NodeId, reference: bytes, chain: int) -> None:
        """A call with somebody who isn't a contact was set up with a key of that chain.

        If the words of an earlier call with that chain were compared, it is with the same person.
        """
        if self.rows("SELECT 1 FROM compared_calls WHERE node = ? AND chain = ?", node.key, chain):
            self.keep_compared(node, reference, chain)

    def compared_secrets(self, node: NodeId, reference: bytes) -> list[bytes]:
        """The pair secrets (32 bytes) of the other side of that call, if its words were compared, newest first."""
        rows = self.rows(
            "SELECT secret FROM pair_secrets JOIN compared_calls USING (node, chain) "
            "WHERE node = ? AND reference = ? AND NOT quarantined ORDER BY pair_secrets.id DESC",
            node.key,
            reference,
        )
        return [bytes(row[0]) for row in rows]
