"""The table of names that were looked up in a name system."""

from __future__ import annotations

from shared.contacts import name_key
from shared.names.kept import KeptName
from shared.store.database import Database, encode


class KeptNames(Database):
    """The names."""

    def keep_name(self, kept: KeptName) -> None:
        """Store what is known of a name, and replace what was stored before."""
        with self.transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO names (name_key, value) VALUES (?, ?)",
                (name_key(kept.answer.name), encode(kept)),
            )

    def kept_name(self, name: str) -> KeptName | None:
        """What is known of a name. Case doesn't matter."""
        return self.decoded(KeptName, "SELECT value FROM names WHERE name_key = ?", name_key(name))

    def kept_names(self) -> list[KeptName]:
        """All names that were looked up, if they can be read."""
        rows = self.rows("SELECT value FROM names ORDER BY name_key")
        return self.decode_all("a name that was looked up", [row[0] for row in rows], KeptName)
