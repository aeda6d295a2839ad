"""The name on the contact card."""

from __future__ import annotations

from bot.card_name import check_card_name
from bot.config_draft import ConfigDraft
from bot.home import Home
from bot.terminal.asking import Asking


def set_up(home: Home, draft: ConfigDraft, asking: Asking) -> None:
    """Ask for the name. Raises InputError if a given name doesn't fit on a card."""
    question = "Your name, as your friends will see it? (may be empty)"
    draft.set("name", asking.until_good(question, check_card_name, what="name", default=draft.config.name))
