"""The table of calls whose four words the owner has compared, and the chains of secrets that were agreed there.

If the owner later saves the other person of such a call as a contact, that person has the secrets of the chain: the
words exclude anybody in between, and the owner says which call it was. A later call that was set up with a secret of
the same chain was with the same person.
"""

from __future__ import annotations

from shared.node_id import NodeId
from shared.store.database import Database

COMPARED_KEPT = 200
"How many such calls are kept, of all nodes together. The oldest are deleted. The page shows fewer calls."


class ComparedCalls(Database):
    """The calls with compared words. They count while a secret of their chain is kept and isn't quarantined."""

    def keep_compared(self, node: NodeId, reference: bytes, chain: int) -> None:
        """Note that the owner has compared the words of the call with that reference (8 bytes)."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO compared_calls (reference, node, chain) VALUES (?, ?, ?)",
                (reference, node.key, chain),
            )
            database.execute(
                "DELETE FROM compared_calls WHERE id <= (SELECT max(id) FROM compared_calls) - ?", (COMPARED_KEPT,)
            )

    def keep_continued(self, node: NodeId, reference: bytes, chain: int) -> None:
        """Note that a call with somebody who isn't a contact was set up with a secret of that chain.

        If the words of an earlier call of that chain were compared, this call is with the same person.
        """
        if self.rows("SELECT 1 FROM compared_calls WHERE node = ? AND chain = ?", node.key, chain):
            self.keep_compared(node, reference, chain)

    def compared_secrets(self, node: NodeId, reference: bytes) -> list[bytes]:
        """The pair secrets (32 bytes) of the other person of that call, newest first.

        Empty if the words weren't compared.
        """
        rows = self.rows(
            "SELECT secret FROM pair_secrets JOIN compared_calls USING (node, chain) "
            "WHERE node = ? AND reference = ? AND NOT quarantined ORDER BY pair_secrets.id DESC",
            node.key,
            reference,
        )
        return [bytes(row[0]) for row in rows]
