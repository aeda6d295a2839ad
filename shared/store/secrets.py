"""The table of pair secrets.

A proposed secret can open links. A committed secret can also seal them. Secrets that were agreed with a node before it
became a contact are kept here. When the owner saves a contact from a call, the secret of that call counts. The others
are quarantined, because nobody has said who was in their calls.

A contact is keyed once one of their secrets was committed, or confirmed by the owner. From then on, a call that isn't
sealed with such a secret proves nothing about its caller. The secret that is agreed in such a call is quarantined: it
opens links, but these prove nothing; it seals none; and no other secret is erased because of it. The owner ends the
quarantine by confirming that both sides saw the same four words.

If a call is set up with a secret, the secret that is agreed in the call continues the first one's chain. A call proves
as much as its chain. The chain proves nothing any more if the owner has confirmed the words of another call, saved the
person of another call, or removed the contact. Then the call proves nothing either, and its secret begins a new chain.

A secret is doubted after the home was restored from a backup, or if the owner says so: the contact may have a newer
one. It opens links, and they prove their writer, which ends the doubt. But it seals no link: the next call to the
contact is a request. It rings there, and a new secret is agreed. That one is quarantined, unless both sides prove on
the connection that they still have the same older secret.
"""

from __future__ import annotations

from collections.abc import Collection

from shared.errors import LocalProtocolError
from shared.node_id import NodeId
from shared.store.database import Database

SECRET_BYTES = 32

SECRETS_KEPT = 32
"How many secrets are kept per node. If its confirmations got lost, a node may still use one from this many calls ago."

STRANGERS_SECRETS_KEPT = 1000
"""How many secrets are kept of all nodes that aren't contacts. Each link that nobody else wrote is tried with all of
them. There are as many as calls in the log, from which the owner may save somebody."""

NO_CHAIN = 0
"The chain of a call that no secret has set up."

QUARANTINED_KEPT = 4
"How many quarantined secrets are kept per node, besides the others."


class PairSecrets(Database):
    """The pair secrets."""

    def propose_secret(
        self, node: NodeId, secret: bytes, now: int, *, chain: int = NO_CHAIN, stranger: bool = False
    ) -> bool:
        """Store a secret (32 bytes) that the other side may use from now on. Storing it twice has no effect.

        `chain` is the chain of the secret that set up the call, see `chain_of`. `stranger`: the call began before the
        other side was a contact. Returns False if the secret is quarantined. That happens if the chain proves nothing,
        and the node's contact has proved to have another secret, or the owner has saved the contact without saying that
        this call was theirs.
        """
        if len(secret) != SECRET_BYTES:
            raise LocalProtocolError(f"A pair secret has {SECRET_BYTES} bytes.")
        with self.transaction() as database:
            contact = database.execute("SELECT 1 FROM contacts WHERE node = ?", (node.key,)).fetchone()
            continues = self.chain_proves(node, chain)
            quarantined = not continues and contact is not None and (stranger or self.keyed(node))
            added = database.execute(
                "INSERT OR IGNORE INTO pair_secrets (node, secret, proposed_at, quarantined, chain) "
                "VALUES (?, ?, ?, ?, ?)",
                (node.key, secret, now, quarantined, chain if continues else NO_CHAIN),
            )
            if added.rowcount and not continues:
                database.execute("UPDATE pair_secrets SET chain = id WHERE id = ?", (added.lastrowid,))
            database.execute(
                "DELETE FROM pair_secrets WHERE node = :node AND quarantined = :quarantined AND id NOT IN "
                "(SELECT id FROM pair_secrets WHERE node = :node AND quarantined = :quarantined "
                "ORDER BY id DESC LIMIT :kept) AND id IS NOT "
                "(SELECT max(id) FROM pair_secrets "
                "WHERE node = :node AND NOT quarantined AND (committed OR confirmed))",
                {
                    "node": node.key,
                    "quarantined": quarantined,
                    "kept": QUARANTINED_KEPT if quarantined else SECRETS_KEPT,
                },
            )
        return not quarantined

    def commit_secret(self, node: NodeId, secret: bytes) -> bool:
        """Seal links with this secret from now on, unless it is quarantined.

        Returns False if it isn't kept any more (the contact was removed).
        """
        with self.transaction() as database:
            keyed = self.keyed(node)
            changed = database.execute(
                "UPDATE pair_secrets SET committed = 1, doubted = 0 WHERE node = ? AND secret = ?", (node.key, secret)
            )
            if not keyed:
                self._first_key(node, secret)
            return changed.rowcount == 1

    def doubt_secrets(self, node: NodeId | None = None) -> None:
        """Doubt the secrets of a contact, or of all contacts without a node: theirs may be newer."""
        with self.transaction() as database:
            if node is None:
                database.execute("UPDATE pair_secrets SET doubted = 1")
            else:
                database.execute("UPDATE pair_secrets SET doubted = 1 WHERE node = ?", (node.key,))

    def doubted(self) -> list[NodeId]:
        """The contacts whose secrets are doubted."""
        rows = self.rows("SELECT DISTINCT node FROM pair_secrets WHERE doubted AND node IN (SELECT node FROM contacts)")
        return [NodeId(node) for (node,) in rows]

    def note_secret_used(self, node: NodeId, secret: bytes) -> None:
        """Note that the other side has used this secret, so it has it. Commit it, and erase all older ones.

        A quarantined secret only shows that the other end of its call has it. Then nothing is erased.
        """
        with self.transaction() as database:
            keyed = self.keyed(node)
            database.execute("UPDATE pair_secrets SET committed = 1 WHERE node = ? AND secret = ?", (node.key, secret))
            if not keyed:
                self._first_key(node, secret)
            if self.proves(node, secret):
                database.execute("UPDATE pair_secrets SET doubted = 0 WHERE node = ?", (node.key,))
            erased = database.execute(
                "DELETE FROM pair_secrets WHERE node = :node AND id < "
                "(SELECT id FROM pair_secrets WHERE node = :node AND secret = :secret AND NOT quarantined)",
                {"node": node.key, "secret": secret},
            ).rowcount
            if erased:
                self.erase_log(later=True)  # a call is about to begin

    def secrets_of(self, node: NodeId) -> list[bytes]:
        """All secrets (32 bytes) of a node that aren't quarantined, newest first."""
        rows = self.rows(
            "SELECT secret FROM pair_secrets WHERE node = ? AND NOT quarantined ORDER BY id DESC", node.key
        )
        return [bytes(row[0]) for row in rows]

    def quarantine_secrets(self, node: NodeId, *, but: Collection[bytes] = ()) -> None:
        """Quarantine the secrets of a node, except those in `but`. From then on they prove nothing."""
        known = [secret for secret in self.secrets_of(node) if secret not in but]
        if not known:
            return
        with self.transaction() as database:
            database.executemany(
                "UPDATE pair_secrets SET quarantined = 1 WHERE node = ? AND secret = ?",
                [(node.key, secret) for secret in known[:QUARANTINED_KEPT]],
            )
            database.executemany(
                "DELETE FROM pair_secrets WHERE node = ? AND secret = ?",
                [(node.key, secret) for secret in known[QUARANTINED_KEPT:]],
            )
            if known[QUARANTINED_KEPT:]:
                self.erase_log()

    def _first_key(self, node: NodeId, secret: bytes) -> None:
        """A contact has got its first key. Quarantine all other secrets, because their calls proved nothing either.

        The other side of such a call may have delayed its confirmation until now.
        """
        contact = self.rows("SELECT 1 FROM contacts WHERE node = ?", node.key)
        if contact and self.keyed(node):
            self.quarantine_secrets(node, but=[secret])

    def confirm_secret(self, node: NodeId, secret: bytes) -> bool:
        """The owner confirms that the contact was in the call in which this secret was agreed. Erase all other secrets.

        The other side may not have confirmed the secret yet. Then it seals no links, but secrets of unproven calls are
        quarantined from now on. Returns False, and changes nothing, if it isn't quarantined.
        """
        with self.transaction() as database:
            confirmed = database.execute(
                "UPDATE pair_secrets SET quarantined = 0, confirmed = 1, doubted = 0 "
                "WHERE node = ? AND secret = ? AND quarantined",
                (node.key, secret),
            ).rowcount
            if confirmed:
                database.execute("DELETE FROM pair_secrets WHERE node = ? AND secret != ?", (node.key, secret))
                self.erase_log()
            return confirmed == 1

    def confirm_first_secret(self, node: NodeId, secret: bytes) -> bool:
        """The owner confirms a secret that isn't quarantined. This only counts while the contact has no key.

        Returns whether it counts.
        """
        with self.transaction() as database:
            if self.keyed(node):
                return False
            database.execute(
                "UPDATE pair_secrets SET confirmed = 1 WHERE node = ? AND secret = ? AND NOT quarantined",
                (node.key, secret),
            )
            self._first_key(node, secret)
        return True

    def readable_secrets(self) -> list[tuple[NodeId, bytes]]:
        """All secrets with which a link may be sealed, newest first. Quarantined ones prove nothing."""
        return [
            (NodeId(node), secret)
            for node, secret in self.rows("SELECT node, secret FROM pair_secrets ORDER BY id DESC")
        ]

    def writable_secret(self, node: NodeId) -> bytes | None:
        """The newest committed secret (32 bytes) of a node, with which links to it are sealed. None if there is none.

        It doesn't say whether the node must prove itself: `keyed` does.
        """
        rows = self.rows(
            "SELECT secret FROM pair_secrets WHERE node = ? AND committed AND NOT quarantined AND NOT doubted "
            "ORDER BY id DESC LIMIT 1",
            node.key,
        )
        return bytes(rows[0][0]) if rows else None

    def notice_secret(self, node: NodeId) -> bytes | None:
        """The newest secret (32 bytes), even a doubted one, for a notice to a node that our node id has changed."""
        rows = self.rows(
            "SELECT secret FROM pair_secrets WHERE node = ? AND (committed OR confirmed) AND NOT quarantined "
            "ORDER BY id DESC LIMIT 1",
            node.key,
        )
        return bytes(rows[0][0]) if rows else None

    def keyed(self, node: NodeId) -> bool:
        """Whether the node has used or confirmed a secret, or the owner has. Then its calls differ from an impostor's.

        A secret that was only proposed doesn't count, because the other side may never have got it.
        """
        return bool(
            self.rows(
                "SELECT 1 FROM pair_secrets WHERE node = ? AND (committed OR confirmed) AND NOT quarantined LIMIT 1",
                node.key,
            )
        )

    def quarantined_secrets(self, node: NodeId) -> list[bytes]:
        """The quarantined secrets (32 bytes) of a node, newest first.

        The owner can confirm the words of their calls.
        """
        rows = self.rows("SELECT secret FROM pair_secrets WHERE node = ? AND quarantined ORDER BY id DESC", node.key)
        return [bytes(row[0]) for row in rows]

    def proves(self, node: NodeId, secret: bytes) -> bool:
        """Whether a link that was sealed with this secret proves that the node's owner wrote it."""
        return bool(
            self.rows("SELECT 1 FROM pair_secrets WHERE node = ? AND secret = ? AND NOT quarantined", node.key, secret)
        )

    def confirmed(self, node: NodeId, secret: bytes) -> bool:
        """Whether the owner has compared the words of the call in which this secret (32 bytes) was agreed."""
        return bool(
            self.rows("SELECT 1 FROM pair_secrets WHERE node = ? AND secret = ? AND confirmed", node.key, secret)
        )

    def chain_of(self, node: NodeId, secret: bytes) -> int:
        """The chain of a secret (32 bytes). NO_CHAIN if it isn't kept."""
        rows = self.rows("SELECT chain FROM pair_secrets WHERE node = ? AND secret = ?", node.key, secret)
        return int(rows[0][0]) if rows else NO_CHAIN

    def chain_proves(self, node: NodeId, chain: int) -> bool:
        """Whether a call that was set up with a secret of that chain still proves that it is with the node's owner."""
        return bool(
            self.rows(
                "SELECT 1 FROM pair_secrets WHERE node = ? AND chain = ? AND NOT quarantined LIMIT 1", node.key, chain
            )
        )

    def forget_secrets(self, node: NodeId) -> None:
        """Erase all secrets of a node, also from the disk."""
        with self.transaction() as database:
            if database.execute("DELETE FROM pair_secrets WHERE node = ?", (node.key,)).rowcount:
                self.erase_log()

    def forget_strangers_secrets(self) -> None:
        """Erase the secrets of nodes that aren't contacts, except the newest STRANGERS_SECRETS_KEPT."""
        with self.transaction() as database:
            erased = database.execute(
                "DELETE FROM pair_secrets WHERE id IN (SELECT id FROM pair_secrets "
                "WHERE node NOT IN (SELECT node FROM contacts) ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (STRANGERS_SECRETS_KEPT,),
            ).rowcount
            if erased:
                self.erase_log()
