"""The owner's own Telegram bot, polling: no public address is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.home import Home
from bot.messengers.telegram.token import read_token
from shared.config.schema import Config
from shared.store import Store
from shared.store.journal import Journal

if TYPE_CHECKING:
    from bot.messengers.telegram.messenger import Telegram

NAME = "telegram"
"Of the journal."


def telegram(home: Home, config: Config, store: Store) -> Telegram:
    """The configured bot. Raises InputError when its token can't be read."""
    # Half a second and 30 MB that nobody needs who doesn't use it.
    from bot.messengers.telegram.messenger import Telegram

    token = read_token(home, config.telegram)
    return Telegram(token, config.telegram.base_url, Journal(store, NAME), lifetime=config.calls.lifetime)
