"""The name on the owner's contact card, which they may choose on the page while the program runs."""

from __future__ import annotations

import asyncio

import msgspec

from bot.home import Home
from bot.settings import own_card
from shared.config.schema import Config
from shared.links.card import Card
from shared.node_id import KEY_BYTES, NodeId
from shared.store import Store


def check_card_name(name: str) -> str:
    """The name, with single blanks. Raises InputError for one that fits on no card."""
    name = " ".join(name.split())
    Card(node=NodeId(bytes(KEY_BYTES)), sealing_key=bytes(32), name=name)
    return name


class CardName:
    """What it is now, and the card that it is on."""

    def __init__(self, home: Home, config: Config) -> None:
        self._home = home
        self._config = config

    def card(self, node: NodeId, store: Store) -> Card:
        """The owner's card. Raises InputError if the configured name doesn't fit on one."""
        return own_card(self._home, self._config, node, store)

    async def change(self, name: str) -> str:
        """Write another name, perhaps empty, into the configuration, and return it. Raises CopybaraError."""
        name = check_card_name(name)
        await asyncio.to_thread(self._write, name)
        self._config = msgspec.structs.replace(self._config, name=name)
        return name

    def _write(self, name: str) -> None:
        from bot.config_draft import ConfigDraft  # its library takes as long to import as a tenth of the program

        draft = ConfigDraft.of(self._home)
        draft.set("name", name)
        draft.write()
