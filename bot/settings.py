"""What every command starts from: the configuration of a home, and which node it belongs to."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec

from bot.command_socket import AskStatus, ask
from bot.for_administrator import command, handed_over
from bot.home import Home
from bot.known_node import as_before, refuse_change
from bot.messengers.kept_facts import number, text
from bot.terminal.slow_steps import said_if_slow
from peer.overlay import Overlay, overlay_name
from shared.config.file import load
from shared.config.schema import Config
from shared.errors import NotRunning, OverlayError, OverlayForbidden
from shared.links.card import Card
from shared.names.endings import has_known_ending
from shared.node_id import NodeId
from shared.sentences import joined
from shared.store import Store
from shared.store.journal import Journal


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
        status: dict[str, Any] = ask(home.command_socket, AskStatus()).status or {}
        return str(status["overlay"]["name"]), NodeId.parse(str(status.get("node")))
    except NotRunning:
        return asyncio.run(_asked(home, config))


def own_name(config: Config) -> str:
    """The owner's name in a name system, empty if there is none: `own_name`, or the `name` if it is such a one."""
    if config.names.own_name:
        return config.names.own_name.strip().lower()
    return config.name.lower() if has_known_ending(config.name) else ""


async def open_overlay(
    config: Config, home: Home, store: Store | None, *, new_node: bool = False
) -> tuple[Overlay, NodeId]:
    """The overlay that calls go through, and our node id in it.

    With `auto` that is the overlay of the last start, if there was one. Raises OverlayError when it can't be used,
    NodeChanged if the home had another node id there before; `new_node` allows both to be others than before.
    """
    from peer.overlay.choose import choose, configured
    from peer.overlay.yggdrasil_admin import STOPPED

    as_chosen = config if store is None or new_node else as_before(config, store)
    try:
        with said_if_slow("Waiting for the overlay's node"):
            choice = await choose(as_chosen.overlay, configured(config, home.folder))
    except OverlayError as error:
        # One that is only stopped or can't be asked is still there: another overlay would be another node id.
        is_there = error.sentence == STOPPED or isinstance(error, OverlayForbidden)
        if as_chosen is not config and not is_there:
            used = overlay_name(as_chosen.overlay)
            another = "For another, with a new node id: `copybara run --new-node`."
            error.hint = joined(error.hint, f"This home uses {used}.", another)
        if handed_over(home) and not isinstance(error, OverlayForbidden):
            error.hint = f"Set-up has left a command for an administrator, which sets up Yggdrasil: {command(home)}"
        raise
    assert choice.report.taken is not None
    node = choice.report.taken.node
    assert node is not None
    if store is not None and not new_node:
        refuse_change(store, choice.overlay.name, node)
    return choice.overlay, node


async def _asked(home: Home, config: Config) -> tuple[str, NodeId]:
    with Store(home.database) if home.database.exists() else contextlib.nullcontext() as store:
        overlay, node = await open_overlay(config, home, store)
    return overlay.name, node


def own_card(home: Home, config: Config, node: NodeId, store: Store) -> Card:
    """The contact card of this home. Raises InputError if the configured name doesn't fit on one.

    With a Telegram bot it names the bot and its owner, as far as they are known, so that links find their way.
    """
    facts = Journal(store, "telegram") if config.telegram.token else None
    bot, owner = (text(facts, "bot"), number(facts, "owner")) if facts else (None, None)
    return Card(
        node=node,
        sealing_key=home.load_sealing_key().public_key().public_bytes_raw(),
        name=config.name,
        resolves_as=own_name(config),
        telegram_bot=bot or "",
        telegram_user=owner,
    )
