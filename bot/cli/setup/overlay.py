"""The network for calls: what runs on this machine, and what must be done if nothing does."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys

from bot.cli import group_membership
from bot.cli.setup.yggdrasil import for_root
from bot.cli.setup.yggdrasil.install import (
    ASK,
    DO_LATER,
    JUST_DONE,
    PRIVATE_PEERS,
    complete,
    hand_over,
    install,
    only_shown,
    peers_wanted,
    say_firewall,
    say_other_firewalls,
)
from bot.cli.setup.yggdrasil.root import can_become_root
from bot.config_draft import ConfigDraft
from bot.home import Home
from bot.known_node import remembered_overlay
from bot.terminal.asking import Asking, Stopped
from bot.terminal.slow_steps import said_if_slow
from peer.overlay.choose import Finding, OverlayReport, configured, examine
from peer.overlay.staex_api import NOTHING_LISTENS
from peer.overlay.yggdrasil import admin_of
from peer.overlay.yggdrasil_admin import PROGRAMS
from shared.config.schema import Config, Staex
from shared.errors import InputError, OverlayError, OverlayForbidden
from shared.overlay_names import OVERLAY_NAMES
from shared.store import Store
from shared.store.files import known_errors

NONE = """Calls go through an overlay, a private network on top of the internet. None runs on this computer now.
What do you want?"""
LEAVE = "Calls only reach this computer now, for trying. Set up a network that reaches friends?"
LOOKING = "Looking for an overlay's program on this computer:"
NO_STAEX = "No Staex node runs here, which is fine if you don't use Staex."
INSTALL = "Install Yggdrasil: a free network of volunteers, two minutes, needs root (sudo)"
START = "Start Yggdrasil, which is installed here, and complete its set-up: a minute, needs root (sudo)"
LET_INSTALL = "Yggdrasil, a free network of volunteers: an administrator installs it for me"
LET_START = "Yggdrasil, which is installed here: an administrator starts it and completes its set-up for me"
BY_HAND = "Nothing now: I have a Staex node, or install a node by hand (copybara manual overlays)"
NOTHING_RUNS = "No overlay's program answers on this computer, so nobody could be called. Nothing was set up."
NOBODY_SAYS = "To have Yggdrasil installed without a question: copybara setup overlay --yes"
BY_YOURSELF = "Install one by hand: copybara manual overlays. Only to try, without privacy: --overlay loopback"
INSTALL_LATER = "  copybara manual overlays   says how to install a node: until then nobody can be called"
SAVED_WHILE_TRYING = "{were} saved while trying: exchange cards again, because every address is another one now."
TRY = "Only try it on this machine, without privacy"


def set_up(home: Home, draft: ConfigDraft, asking: Asking) -> None:
    """Find the overlay's node, or install one. Raises InputError if there is no such overlay, OverlayError."""
    given = asking.answers.get("overlay")
    if given is not None and given not in OVERLAY_NAMES:
        raise InputError(f"There is no overlay {given}.", f"There are: {', '.join(OVERLAY_NAMES)}.")
    only_tried = given is None and not draft.is_new and draft.config.overlay == "loopback"
    if only_tried and (asking.answers.only_prints or (asking.at_terminal and asking.yes(LEAVE, default=True))):
        given, only_tried = "auto", False
    if given == "loopback" or only_tried:
        draft.set("overlay", "loopback")
        asking.say("overlay    loopback: this machine only, without privacy")
        return
    wanted = given or draft.config.overlay
    if draft.config.overlay == "loopback" and wanted != "loopback" and not asking.answers.only_prints:
        _say_whom_it_loses(home, asking)
    draft.set("overlay", wanted)
    if asking.answers.only_prints and wanted != "staex":
        only_shown(asking)
        return
    report = _look(home, draft.config, asking)
    if report.taken is not None and report.taken.overlay != "yggdrasil":
        return
    try:
        if report.taken is not None or _is_there(report):
            _complete(home, draft.config, asking, device=(report.taken.interface or "") if report.taken else None)
        elif wanted != "staex":
            _none(home, draft, asking)
    except (OverlayError, Stopped):
        # The node now has the peer, so it isn't asked for next time.
        if _keep_peers(draft):
            draft.write()
        raise
    _keep_peers(draft)


def _say_whom_it_loses(home: Home, asking: Asking) -> None:
    """Contacts of the loopback network are nobody in another one. Raises StoreError."""
    with known_errors(home.database):
        if not home.database.exists():
            return
    with Store(home.database) as store:
        count = len(store.contacts()) if remembered_overlay(store) is None else 0
    if count:
        asking.say(SAVED_WHILE_TRYING.format(were="1 contact was" if count == 1 else f"{count} contacts were"))


def _keep_peers(draft: ConfigDraft) -> bool:
    """Write into the draft which peers the node was given. Returns whether the draft has changed."""
    lines = os.environ.get(PRIVATE_PEERS)
    if lines is None:
        return False
    now = draft.config.yggdrasil
    if (lines, not lines) == (now.private_peers, now.public_peers):
        return False
    draft.set_in("yggdrasil", {"private_peers": lines, "public_peers": not lines})
    return True


def _look(home: Home, config: Config, asking: Asking) -> OverlayReport:
    overlays = [overlay for overlay in configured(config, home.folder) if overlay.name != "loopback"]
    with said_if_slow("Asking the overlay nodes of this machine"):
        report = asyncio.run(examine(config.overlay, overlays))
    if report.taken is None:
        asking.say(LOOKING)
    # If one overlay works, the faults of the others don't matter.
    for finding in [report.taken] if report.taken is not None else report.findings:
        asking.say(f"{finding.overlay:10} {_said_of(finding, config)}")
    if report.taken is not None:
        for_root.no_longer_needed(home)
    return report


def _said_of(finding: Finding, config: Config) -> str:
    if finding.usable:
        return "its node runs"
    if finding.why_not.endswith(NOTHING_LISTENS) and config.overlay == "auto" and config.staex == Staex():
        return NO_STAEX
    return finding.why_not


def _answers(home: Home, config: Config) -> bool:
    """Whether the node replies, after an administrator has installed it."""
    group_membership.join()
    overlays = [overlay for overlay in configured(config, home.folder) if overlay.name != "loopback"]
    return asyncio.run(examine(config.overlay, overlays)).taken is not None


def _is_there(report: OverlayReport) -> bool:
    """Whether a Yggdrasil node runs here that this user may not ask."""
    return any(isinstance(finding.error, OverlayForbidden) for finding in report.findings)


def _none(home: Home, draft: ConfigDraft, asking: Asking) -> None:
    """Go on without a node on this machine."""
    if not (asking.at_terminal or asking.takes_defaults):
        raise InputError(NOTHING_RUNS, NOBODY_SAYS if _can_install() else BY_YOURSELF)
    if not _can_install():
        if asking.yes("No overlay node was found. Try on this machine only, without privacy?", default=False):
            draft.set("overlay", "loopback")
        else:
            asking.put_off.append(INSTALL_LATER)
        return
    alone, installed = can_become_root(), shutil.which("yggdrasil", path=PROGRAMS) is not None
    if not alone:
        asking.say("", for_root.AT_ONCE.format(what="starting" if installed else "installing"))
    usual = 1 if asking.answers.yes else 2
    by_myself, by_other = (START, LET_START) if installed else (INSTALL, LET_INSTALL)
    first = by_myself if alone else by_other
    chosen = asking.choose(NONE, (first, BY_HAND, TRY)) if asking.at_terminal else usual
    if chosen == 1:
        _install(home, draft.config, asking, may_lack_peer=not (installed and _was_given(draft.config, asking)))
    elif chosen == 3:
        draft.set("overlay", "loopback")
    else:
        asking.put_off.append(DO_LATER)


def _was_given(config: Config, asking: Asking) -> bool:
    """Whether the set-up gave the node peers before, and nobody wants others."""
    return bool(config.yggdrasil.private_peers or config.yggdrasil.public_peers) and asking.answers.get("peers") != ASK


def _install(home: Home, config: Config, asking: Asking, *, may_lack_peer: bool, peers_up: int | None = None) -> None:
    """Install the node, or let an administrator do it. `peers_up` is how many peers are connected, if that is known."""
    if can_become_root():
        install(asking, may_lack_peer=may_lack_peer, peers_up=peers_up)
    else:
        hand_over(home, asking, lambda: _answers(home, config), may_lack_peer=may_lack_peer)


def _complete(home: Home, config: Config, asking: Asking, *, device: str | None) -> None:
    """Let this user ask the Yggdrasil node that runs here, and give it a peer and firewall rules if it has none.

    `device` is the node's device, None if this user may not ask the node.
    """
    up: int | None = None
    # Users who may not ask the node can't know whether it has a peer.
    may_lack_peer = can_become_root() and not _was_given(config, asking)
    if device is not None:
        try:
            peers = asyncio.run(admin_of(config.yggdrasil).peers())
        except OverlayError as error:
            asking.say(f"peers      {error.sentence}")
            return
        up = sum(peer.up for peer in peers)
        asking.say(f"peers      {up} connected" if up else "peers      none connected, so nobody can be called yet")
        say_other_firewalls(asking, device)
        if os.environ.get(JUST_DONE):
            return
        if up and not peers_wanted(asking):
            if _can_install():
                complete(asking, device)
            return
        if _can_install():
            say_firewall(asking, device)
        may_lack_peer = not up
    else:
        group_membership.join()
    if not _can_install():
        return
    if asking.yes("Complete Yggdrasil's set-up? You see each step first.", default=True):
        _install(home, config, asking, may_lack_peer=may_lack_peer, peers_up=up)
    elif not up:
        asking.put_off.append(DO_LATER)


def _can_install() -> bool:
    return sys.platform == "linux" and all(map(shutil.which, ("apt-get", "systemctl")))
