"""The table of links that were acted on. Only their SHA-256 is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Literal

from shared.store.database import Database


class UsedLinks(Database):
    """The links."""

    def use_link(self, raw: bytes, *, ours: bool, expires: int) -> bool:
        """Mark a link (its bytes, not its text) as used; False if it already was, here or in another process."""
        with self.transaction() as database:
            added = database.execute(
                "INSERT OR IGNORE INTO links (digest, ours, expires) VALUES (?, ?, ?)",
                (hashlib.sha256(raw).digest(), ours, expires),
            )
            return added.rowcount == 1

    def use_links(self, raws: Collection[bytes], *, expires: int) -> bool:
        """Mark all that names somebody else's link as used; False if any of it already was."""
        with self.transaction():
            new = [self.use_link(raw, ours=False, expires=expires) for raw in raws]
        return all(new)

    def links_seen(self, raws: Collection[bytes]) -> Literal["ours", "used"] | None:
        """As `link_seen`, of the first of them that isn't new to us."""
        return next(filter(None, map(self.link_seen, raws)), None)

    def link_seen(self, raw: bytes) -> Literal["ours", "used"] | None:
        """`ours` if we wrote the link, `used` if we acted on somebody else's, None if it is new to us."""
        rows = self.rows("SELECT ours FROM links WHERE digest = ?", hashlib.sha256(raw).digest())
        if not rows:
            return None
        return "ours" if rows[0][0] else "used"

    def forget_links(self, before: int) -> int:
        """Drop the links that expired before that time and return how many; they are refused for their age now."""
        with self.transaction() as database:
            return database.execute("DELETE FROM links WHERE expires < ?", (before,)).rowcount
