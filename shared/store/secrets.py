"""The table of pair secrets.

A proposed one can be read with, a committed one can also be written with. Those that were agreed with a node before
it became a contact wait here until it is one.
"""

from __future__ import annotations

from shared.errors import LocalProtocolError
from shared.node_id import NodeId
from shared.store.database import Database

SECRET_BYTES = 32

SECRETS_KEPT = 32
"Per node: a side whose confirmations got lost may still use a secret that we proposed this many calls ago."


class PairSecrets(Database):
    """The pair secrets."""

    def propose_secret(self, node: NodeId, secret: bytes, now: int) -> None:
        """Keep a secret (32 bytes) that the other side may use from now on. Twice is the same as once."""
        if len(secret) != SECRET_BYTES:
            raise LocalProtocolError(f"A pair secret has {SECRET_BYTES} bytes.")
        with self.transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO pair_secrets (node, secret, proposed_at) VALUES (?, ?, ?)",
                (node.key, secret, now),
            )
            database.execute(
                "DELETE FROM pair_secrets WHERE node = :node AND id NOT IN "
                "(SELECT id FROM pair_secrets WHERE node = :node ORDER BY id DESC LIMIT :kept) AND id IS NOT "
                "(SELECT max(id) FROM pair_secrets WHERE node = :node AND committed)",
                {"node": node.key, "kept": SECRETS_KEPT},
            )

    def commit_secret(self, node: NodeId, secret: bytes) -> bool:
        """From now on write with this secret; False if it isn't kept any more (the contact was removed)."""
        with self.transaction() as database:
            changed = database.execute(
                "UPDATE pair_secrets SET committed = 1 WHERE node = ? AND secret = ?", (node.key, secret)
            )
            return changed.rowcount == 1

    def secret_used(self, node: NodeId, secret: bytes) -> None:
        """The other side wrote with this secret, so it has it: commit it and erase all that are older."""
        with self.transaction() as database:
            database.execute("UPDATE pair_secrets SET committed = 1 WHERE node = ? AND secret = ?", (node.key, secret))
            erased = database.execute(
                "DELETE FROM pair_secrets WHERE node = :node AND id < "
                "(SELECT id FROM pair_secrets WHERE node = :node AND secret = :secret)",
                {"node": node.key, "secret": secret},
            ).rowcount
            if erased:
                self.erase_log()

    def readable_secrets(self) -> list[tuple[NodeId, bytes]]:
        """All secrets that a link may be sealed with, newest first."""
        return [
            (NodeId(node), secret)
            for node, secret in self.rows("SELECT node, secret FROM pair_secrets ORDER BY id DESC")
        ]

    def writable_secret(self, node: NodeId) -> bytes | None:
        """The newest committed secret (32 bytes) of a node: what to seal a link to it with."""
        rows = self.rows(
            "SELECT secret FROM pair_secrets WHERE node = ? AND committed ORDER BY id DESC LIMIT 1", node.key
        )
        return bytes(rows[0][0]) if rows else None

    def forget_secrets(self, node: NodeId) -> None:
        """Erase all secrets of a node, on the disk too."""
        with self.transaction() as database:
            if database.execute("DELETE FROM pair_secrets WHERE node = ?", (node.key,)).rowcount:
                self.erase_log()
