"""The network that calls go through: what runs on this machine, and what the configuration says about it."""

from __future__ import annotations

import asyncio

from bot.asking import Asking
from bot.cli.setup.draft import Draft
from bot.home import Home
from peer.overlay.choose import configured, examine
from shared.errors import InputError

OVERLAYS = ("auto", "staex", "yggdrasil", "loopback")


def set_up(home: Home, draft: Draft, asking: Asking) -> None:
    """Find the overlay's node. Raises InputError for an overlay that there isn't."""
    given = asking.answers.get("overlay")
    if given is not None and given not in OVERLAYS:
        raise InputError(f"There is no overlay {given}.", f"There are: {', '.join(OVERLAYS)}.")
    if not draft.is_new and given is None and draft.config.overlay == "loopback":
        asking.say("overlay    loopback: this machine only, without privacy")
        return
    draft.set("overlay", given or _chosen(home, draft, asking))


def _chosen(home: Home, draft: Draft, asking: Asking) -> str:
    config = draft.config
    overlays = [overlay for overlay in configured(config, home.folder) if overlay.name != "loopback"]
    report = asyncio.run(examine(config.overlay, overlays))
    for finding in report.findings:
        asking.say(f"{finding.overlay:10} {'works' if finding.usable else finding.why_not}")
    if report.taken is not None:
        return config.overlay
    question = "No overlay node was found. Try on this machine only, without privacy?"
    return "loopback" if asking.yes(question, default=False) else config.overlay
