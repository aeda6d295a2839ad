"""The owner's own Telegram bot, polling: no public address is needed.

Start at messenger.py, which makes and wires the parts. In: polling, update_reader, incoming. Out: compose, outgoing,
render, call_messages. Between us and Telegram: api, http, requests, faults, limits. Of its own: ownership,
business, inline, resume. May import what bot.messengers offers, bot.texts, peer.calls' values and shared; only api,
http, update_reader and requests know the library. Nothing here is imported before a bot is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.home import Home
from bot.messengers.telegram.token import read_token
from shared.config.schema import Config
from shared.store import StoreThread
from shared.store.journal import Journal

if TYPE_CHECKING:
    from bot.messengers.telegram.messenger import TelegramMessenger

NAME = "telegram"
"Of the journal."


def telegram(home: Home, config: Config, thread: StoreThread) -> TelegramMessenger:
    """The configured bot. Raises InputError when its token can't be read."""
    # Half a second and 30 MB that nobody needs who doesn't use it.
    from bot.messengers.telegram.messenger import TelegramMessenger

    return TelegramMessenger(
        read_token(home, config.telegram),
        config.telegram.base_url,
        Journal(thread.store, NAME),
        thread.write,
        name=NAME,
        lifetime=config.calls.lifetime,
        texts=config.telegram.texts,
    )
