"""The table of used links. Only their SHA-256 is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Literal

from shared.store.database import Database


class UsedLinks(Database):
    """The used links, and our own."""

    def use_link(self, raw: bytes, *, ours: bool, expires: int) -> bool:
        """Mark a link (its bytes, not its text) as used. False if it was used already, here or in another process."""
        with self.transaction() as database:
            added = database.execute(
                "INSERT OR IGNORE INTO links (digest, ours, expires) VALUES (?, ?, ?)",
                (hashlib.sha256(raw).digest(), ours, expires),
            )
            return added.rowcount == 1

    def use_links(self, raws: Collection[bytes], *, expires: int) -> bool:
        """Mark all forms of somebody else's link as used. False if any of them was used already."""
        with self.transaction():
            new = [self.use_link(raw, ours=False, expires=expires) for raw in raws]
        return all(new)

    def links_seen(self, raws: Collection[bytes]) -> Literal["ours", "used"] | None:
        """The `link_seen` of the first of these that isn't new."""
        return next(filter(None, map(self.link_seen, raws)), None)

    def link_seen(self, raw: bytes) -> Literal["ours", "used"] | None:
        """`ours` if we wrote the link, `used` if we acted on somebody else's link, None if it is new."""
        rows = self.rows("SELECT ours FROM links WHERE digest = ?", hashlib.sha256(raw).digest())
        if not rows:
            return None
        return "ours" if rows[0][0] else "used"

    def forget_links(self, before: int) -> int:
        """Delete the links that expired before that time. They are too old to be accepted. Returns how many."""
        with self.transaction() as database:
            return database.execute("DELETE FROM links WHERE expires < ?", (before,)).rowcount
