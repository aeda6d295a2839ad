"""Telegram: the owner's own bot. It polls, so it needs no public address.

Start at messenger.py, which makes and connects the parts. In: polling, update_reader, incoming. Out: compose, outgoing,
render, call_messages. Requests: api, http, requests, faults, limits. Others: ownership, business, inline, resume. May
import what bot.messengers offers, bot.texts, values of peer.calls and shared. Only api, http, update_reader and
requests import the library. Nothing here is imported until a bot is configured.
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
"The name of the journal."


def telegram(home: Home, config: Config, thread: StoreThread) -> TelegramMessenger:
    """The configured bot. Raises InputError if its token can't be read."""
    # The import takes half a second and 30 MB, so only do it for those who use it.
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
