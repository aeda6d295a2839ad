"""The table of pair secrets.

A proposed one can be read with, a committed one can also be written with. Those that were agreed with a node before
it became a contact wait here until it is one. Then the one counts in whose call the owner saved it; the others were
agreed with somebody at that node of whom nobody has said who it was, and are quarantined.

Once a contact is keyed (a secret of theirs was committed, or confirmed by the owner), a call that isn't sealed with it
proves nothing about its caller. What is agreed in such a call is quarantined: links can be read with it but prove
nothing, none is written with it, and no other secret is erased for it. The owner ends that by confirming that the four
words were the same on both sides.

A secret that is agreed in a call which another one had set up continues that one's chain. A call is as good as its
chain: once none of it proves anything any more (the owner has confirmed another one's words, saved somebody else's
call, removed the contact), the call doesn't either, and what is agreed in it begins a chain of its own.

A secret is doubted after the home was restored from a backup, or when the owner says so: the contact may have a newer
one. Links can be read with it and prove their writer, which ends the doubt, but none is written with it: the next call
to the contact is a request, which rings there, and in it a new secret is agreed. That one is quarantined, unless both
sides show on the connection that they still have the same older one.
"""

from __future__ import annotations

from collections.abc import Collection

from shared.errors import LocalProtocolError
from shared.node_id import NodeId
from shared.store.database import Database

SECRET_BYTES = 32

SECRETS_KEPT = 32
"Per node: a side whose confirmations got lost may still use a secret that we proposed this many calls ago."

STRANGERS_SECRETS_KEPT = 1000
"""Of all nodes together that aren't contacts: each link that nobody else wrote is tried with all of them. As many as
there are calls in the log, from which somebody may be saved."""

NO_CHAIN = 0
"Of a call that no secret has set up."

QUARANTINED_KEPT = 4
"Per node, beside the others."


class PairSecrets(Database):
    """The pair secrets."""

    def propose_secret(
        self, node: NodeId, secret: bytes, now: int, *, chain: int = NO_CHAIN, stranger: bool = False
    ) -> bool:
        """Keep a secret (32 bytes) that the other side may use from now on. Twice is the same as once.

        `chain` is of the secret that had set up the call, see `chain_of`; `stranger`: it began with somebody who
        wasn't a contact. Returns False if it is quarantined: that chain proves nothing, and the node is a contact's
        that has proved to have another secret, or whom the owner has saved without saying that this call is theirs.
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
        """From now on write with this secret, unless it is quarantined.

        False if it isn't kept any more (the contact was removed).
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
        """The contact may have a newer secret than ours; all contacts, if no node is given."""
        with self.transaction() as database:
            if node is None:
                database.execute("UPDATE pair_secrets SET doubted = 1")
            else:
                database.execute("UPDATE pair_secrets SET doubted = 1 WHERE node = ?", (node.key,))

    def doubted(self) -> list[NodeId]:
        """The contacts whose secrets may be newer than ours."""
        rows = self.rows("SELECT DISTINCT node FROM pair_secrets WHERE doubted AND node IN (SELECT node FROM contacts)")
        return [NodeId(node) for (node,) in rows]

    def secret_used(self, node: NodeId, secret: bytes) -> None:
        """The other side wrote with this secret, so it has it: commit it and erase all that are older.

        A quarantined one only shows that the other end of that call has it: nothing is erased.
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
        """A node becomes a contact: what was agreed with it before proves nothing, `but` for these secrets."""
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
        """A contact's first key is there: whatever else was agreed, in calls that proved nothing either, waits.

        The other side of such a call may have held its confirmation back until now.
        """
        contact = self.rows("SELECT 1 FROM contacts WHERE node = ?", node.key)
        if contact and self.keyed(node):
            self.quarantine_secrets(node, but=[secret])

    def confirm_secret(self, node: NodeId, secret: bytes) -> bool:
        """The owner says that the call in which this secret was agreed was with the contact: it is the only one now.

        It may be before the other side has said that it has the secret: none is written with it then, but what proves
        nothing is quarantined beside it. False, and nothing changes, if it isn't quarantined.
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

    def first_confirmed(self, node: NodeId, secret: bytes) -> bool:
        """The same of a secret that isn't quarantined, as long as the contact has no key; else nothing changes.

        Returns whether it has.
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
        """All secrets that a link may be sealed with, newest first. Those that are quarantined prove nothing."""
        return [
            (NodeId(node), secret)
            for node, secret in self.rows("SELECT node, secret FROM pair_secrets ORDER BY id DESC")
        ]

    def writable_secret(self, node: NodeId) -> bytes | None:
        """The newest committed secret (32 bytes) of a node: what to seal a link to it with, or None.

        It doesn't say whether the node has to prove itself: that is `keyed`.
        """
        rows = self.rows(
            "SELECT secret FROM pair_secrets WHERE node = ? AND committed AND NOT quarantined AND NOT doubted "
            "ORDER BY id DESC LIMIT 1",
            node.key,
        )
        return bytes(rows[0][0]) if rows else None

    def notice_secret(self, node: NodeId) -> bytes | None:
        """The newest secret (32 bytes) that a node may be told with that ours has moved: also one that is doubted."""
        rows = self.rows(
            "SELECT secret FROM pair_secrets WHERE node = ? AND (committed OR confirmed) AND NOT quarantined "
            "ORDER BY id DESC LIMIT 1",
            node.key,
        )
        return bytes(rows[0][0]) if rows else None

    def keyed(self, node: NodeId) -> bool:
        """Whether a key tells this node's calls from an impostor's: one that it has, or that the owner confirmed.

        A key that was only proposed doesn't: the other side may never have got it.
        """
        return bool(
            self.rows(
                "SELECT 1 FROM pair_secrets WHERE node = ? AND (committed OR confirmed) AND NOT quarantined LIMIT 1",
                node.key,
            )
        )

    def quarantined_secrets(self, node: NodeId) -> list[bytes]:
        """The secrets (32 bytes) that wait for the owner to confirm the words of their calls, newest first."""
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
        """Which chain a secret (32 bytes) belongs to; NO_CHAIN if it isn't kept."""
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
        """Erase all secrets of a node, on the disk too."""
        with self.transaction() as database:
            if database.execute("DELETE FROM pair_secrets WHERE node = ?", (node.key,)).rowcount:
                self.erase_log()

    def forget_strangers_secrets(self) -> None:
        """Erase the secrets of nodes that aren't contacts, but for the newest."""
        with self.transaction() as database:
            erased = database.execute(
                "DELETE FROM pair_secrets WHERE id IN (SELECT id FROM pair_secrets "
                "WHERE node NOT IN (SELECT node FROM contacts) ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (STRANGERS_SECRETS_KEPT,),
            ).rowcount
            if erased:
                self.erase_log()
