"""What every command starts from: the configuration of a home, and which node it belongs to."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from bot.control_socket import AskStatus, ask
from bot.home import Home
from peer.overlay import Overlay
from shared.config.schema import Config, load
from shared.errors import NotRunning
from shared.links.card import Card
from shared.node_id import NodeId
from shared.store import Store
from shared.store.journal import Journal

NAME_ENDS = (".azero", ".a0", ".tzero", ".eth")
"Of the names that can be looked up."


def settings(home: Home, overlay: str | None = None) -> Config:
    """The configuration, with the overlay of the command line if one was given there. Raises ConfigError."""
    config = load(home.config)
    return config if overlay is None else msgspec.structs.replace(config, overlay=overlay)


def own_node(home: Home, config: Config) -> NodeId:
    """Our node id: the running copybara knows it, else the overlay is asked. Raises OverlayError."""
    return own_overlay(home, config)[1]


def own_overlay(home: Home, config: Config) -> tuple[str, NodeId]:
    """The name of the overlay that calls go through, and our node id in it. Raises OverlayError."""
    try:
        status: dict[str, Any] = ask(home.control_socket, AskStatus()).status or {}
        return str(status["overlay"]["name"]), NodeId.parse(str(status.get("node")))
    except NotRunning:
        return asyncio.run(_asked(home, config))


def own_name(config: Config) -> str:
    """The owner's name in a name system, empty if there is none: `own_name`, or the `name` if it is such a one."""
    if config.names.own_name:
        return config.names.own_name.strip().lower()
    return config.name.lower() if config.name.lower().endswith(NAME_ENDS) else ""


async def open_overlay(config: Config, home: Home) -> Overlay:
    """The overlay that calls go through. Raises OverlayError when the wanted one, or with `auto` none, can be used."""
    from peer.overlay.choose import choose, configured

    return (await choose(config.overlay, configured(config, home.folder))).overlay


async def _asked(home: Home, config: Config) -> tuple[str, NodeId]:
    overlay = await open_overlay(config, home)
    return overlay.name, await overlay.node_id()


def own_card(home: Home, config: Config, node: NodeId, store: Store) -> Card:
    """The contact card of this home. Raises InputError if the configured name doesn't fit on one.

    With a Telegram bot it names the bot and its owner, as far as they are known, so that links find their way.
    """
    facts = Journal(store, "telegram") if config.telegram.token else None
    bot, owner = (facts.fact("bot"), facts.fact("owner")) if facts else (None, None)
    return Card(
        node=node,
        sealing_key=home.load_sealing_key().public_key().public_bytes_raw(),
        name=config.name,
        resolves_as=own_name(config),
        telegram_bot=bot.decode() if bot else "",
        telegram_user=int(owner) if owner else None,
    )
