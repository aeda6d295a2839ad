"""The table of single values that a home remembers, such as the node it had at its last start."""

from __future__ import annotations

from shared.store.database import Database


class Facts(Database):
    """The facts."""

    def home_fact(self, name: str) -> bytes | None:
        """One value, None if it was never set."""
        rows = self.rows("SELECT value FROM home_facts WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    def set_home_fact(self, name: str, value: bytes | None) -> None:
        """Remember a value in place of the one before; None forgets it."""
        with self.transaction() as database:
            if value is None:
                database.execute("DELETE FROM home_facts WHERE name = ?", (name,))
            else:
                database.execute("INSERT OR REPLACE INTO home_facts (name, value) VALUES (?, ?)", (name, value))
