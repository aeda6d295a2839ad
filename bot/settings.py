"""What every command starts from: the configuration of a home, and which node it belongs to."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from bot.local import AskStatus, ask
from peer.home import Home
from peer.overlay import Overlay
from shared.card import Card
from shared.config import Config, load
from shared.errors import NotRunning
from shared.node_id import NodeId


def settings(home: Home, overlay: str | None = None) -> Config:
    """The configuration, with the overlay of the command line if one was given there. Raises ConfigError."""
    config = load(home.config)
    return config if overlay is None else msgspec.structs.replace(config, overlay=overlay)


def own_node(home: Home, config: Config) -> NodeId:
    """Our node id: the running copybara knows it, else the overlay is asked. Raises OverlayError."""
    try:
        status: dict[str, Any] = ask(home.control_socket, AskStatus()).status or {}
        return NodeId.parse(str(status.get("node")))
    except NotRunning:
        return asyncio.run(_asked(home, config))


async def open_overlay(config: Config, home: Home) -> Overlay:
    """The overlay that calls go through. Raises OverlayError when the wanted one, or with `auto` none, can be used."""
    from peer.overlay.choose import choose, configured

    return (await choose(config.overlay, configured(config, home.folder))).overlay


async def _asked(home: Home, config: Config) -> NodeId:
    return await (await open_overlay(config, home)).node_id()


def own_card(home: Home, config: Config, node: NodeId) -> Card:
    """The contact card of this home. Raises InputError if the configured name doesn't fit on one."""
    return Card(node=node, sealing_key=home.load_sealing_key().public_key().public_bytes_raw(), name=config.name)
