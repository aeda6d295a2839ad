"""The table of unfinished files, so that they continue after a kill and in the next call."""

from __future__ import annotations

import msgspec

from shared.files.records import KEPT_FOR_ONE, KEPT_SECONDS, KeptFile
from shared.node_id import NodeId
from shared.store.database import Database, encode


class TransferTable(Database):
    """The transfers."""

    def keep_file(self, kept: KeptFile) -> None:
        """Store a transfer, or its changes. Beyond KEPT_FOR_ONE transfers with a node, the oldest are deleted."""
        key = kept.peer.key
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO transfers (node, ours, digest, at, value) VALUES (?, ?, ?, ?, ?)",
                (key, int(kept.ours), kept.digest, kept.at, encode(kept)),
            )
            database.execute(
                "DELETE FROM transfers WHERE node = :node AND ours = :ours AND digest NOT IN "
                "(SELECT digest FROM transfers WHERE node = :node AND ours = :ours ORDER BY at DESC, digest "
                "LIMIT :kept)",
                {"node": key, "ours": int(kept.ours), "kept": KEPT_FOR_ONE},
            )

    def forget_file(self, kept: KeptFile) -> None:
        """Delete a transfer."""
        with self.transaction() as database:
            database.execute(
                "DELETE FROM transfers WHERE node = ? AND ours = ? AND digest = ?",
                (kept.peer.key, int(kept.ours), kept.digest),
            )

    def kept_files(self, peer: NodeId | None = None) -> list[KeptFile]:
        """The transfers with one node, or all of them, oldest first. Unreadable ones are left out."""
        query = "SELECT value FROM transfers"
        order = " ORDER BY at, digest"
        rows = self.rows(query + order) if peer is None else self.rows(f"{query} WHERE node = ?{order}", peer.key)
        return self.decode_all("a file on its way", [row[0] for row in rows], KeptFile)

    def move_files(self, old: NodeId, new: NodeId) -> None:
        """Move a contact's transfers to its new node. Transfers with somebody else at the new node end."""
        with self.transaction():
            files = self.kept_files(old)
            self.forget_files_with(old)
            self.forget_files_with(new)
            for kept in files:
                self.keep_file(msgspec.structs.replace(kept, peer=new, began_at=kept.began_at or old))

    def forget_files_with(self, node: NodeId) -> None:
        """Delete all transfers with that node."""
        with self.transaction() as database:
            database.execute("DELETE FROM transfers WHERE node = ?", (node.key,))

    def forget_old_files(self, now: int) -> None:
        """Delete the transfers that are older than KEPT_SECONDS at `now`, in Unix seconds."""
        with self.transaction() as database:
            database.execute("DELETE FROM transfers WHERE at < ?", (now - KEPT_SECONDS,))
