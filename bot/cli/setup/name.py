"""The name on the contact card."""

from __future__ import annotations

from bot.asking import Asking
from bot.cli.setup.draft import Draft
from bot.home import Home
from shared.links.card import Card
from shared.node_id import NodeId


def set_up(home: Home, draft: Draft, asking: Asking) -> None:
    """Ask for it. Raises InputError for one that fits on no card."""
    now = draft.config.name
    name = asking.text("The name on your contact card? (may be empty)", what="name", default=now)
    Card(node=NodeId(bytes(32)), sealing_key=bytes(32), name=name)
    draft.set("name", name)
