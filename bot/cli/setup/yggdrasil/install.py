"""Runs the installation: chooses peers, shows all steps, and after a single yes runs one after the other."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.cli import group_membership
from bot.cli.setup.yggdrasil import firewall, for_root, let_in, plan, public_peers
from bot.cli.setup.yggdrasil.other_firewalls import firewalls
from bot.cli.setup.yggdrasil.root import Step, agreed, become_root, can_become_root, numbered, run
from bot.home import Home
from bot.terminal.asking import Asking
from bot.terminal.slow_steps import said_if_slow
from bot.texts.overlay import ADD_PEER, only_near
from peer.overlay.yggdrasil_peers import peers_in
from shared.errors import InputError, OverlayError
from shared.sentences import joined

PUBLIC = "Public peers: volunteers' machines. They see your internet address and whom you call, never what you say"
PRIVATE = "A private peer: I paste the line that its owner gave me. It sees the same"
WITHOUT_ASKING = "copybara setup overlay --yes"

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"Root's search path, in which the steps find programs."

PRIVATE_PEERS = "COPYBARA_PRIVATE_PEERS"
"""The environment variable that passes private peers to the program that restarts within the group and writes the
configuration. It is empty if public ones were chosen."""

NONE_CONNECTED = "No peer of the node is connected. Those that it has stay; one that works has to be added."

JUST_DONE = "COPYBARA_NODE_SET_UP"
"The environment variable that keeps that program from installing everything again."

ASK = "ask"
"An invitation has this instead of a private peer's line. The person is asked for the line."

FRIENDS = "The line of your friend's private peer, such as tls://HOST:PORT?key=KEY (empty: choose other peers):"

GIVEN = "Your packets will go through {}, which {} your internet address and whom you call, never what you say:"
"For peers that came with a command, such as an invitation's. The person reads it before they are asked."

LINE = "The line, such as tls://HOST:PORT?key=KEY (empty: choose again):"

COUNTRY = "Your country, or one near you (empty: choose again):"

DO_LATER = "  copybara setup overlay   sets up the network for calls: until then nobody can be called"
"A line for the list of next steps."

WHO_CARRIES = "Who carries your packets? Your node needs a peer, which is another machine that passes them on."

LATER = "Nobody yet: I'll do this later. Until then nobody can be called"


def peers_wanted(asking: Asking) -> list[str]:
    """The peers that were given beforehand. Empty if they must be asked for. Raises InputError if they are invalid."""
    given = asking.answers.get("peers") or ""
    return [] if given == ASK else peers_in(given)


def only_shown(asking: Asking) -> None:
    """Only print what root would do, as a script for an administrator."""
    machine, peers = _machine(), peers_wanted(asking)
    asking.say(for_root.text(_steps(machine, peers), machine.user, peers).rstrip("\n"), to_copy=True)


def hand_over(home: Home, asking: Asking, done: Callable[[], bool], *, may_lack_peer: bool) -> None:
    """Let an administrator do it, with one command. See for_root.py."""
    machine = _machine()
    peers, private = _peers(asking, asks=may_lack_peer)
    _keep(peers, private=private)
    steps = _steps(machine, peers, has_peers=not may_lack_peer)
    os.environ[JUST_DONE] = "yes"
    for_root.hand_over(home, asking, steps, for_root.text(steps, machine.user, peers), done)


def install(asking: Asking, *, may_lack_peer: bool, peers_up: int | None) -> None:
    """Install, configure and start the node, and let the user ask it. `peers_up` is None if it isn't known yet.

    Raises OverlayError, InputError.
    """
    machine = _machine()
    asks = may_lack_peer and not peers_wanted(asking) and asking.at_terminal
    if asks and peers_up is None and machine.installed:
        asks = not _has_peers(asking)
    elif asks and peers_up == 0:
        asking.say("", NONE_CONNECTED)
    peers, private = _peers(asking, asks=asks)
    steps = _steps(machine, peers, has_peers=not asks)
    if not _are_wanted(asking, steps):
        if not peers_up:
            asking.put_off.append(DO_LATER)
        return
    outcome = ""
    for number, step in enumerate(steps, 1):
        outcome = run(asking, number, step)
        if step == plan.change_config(peers) and not peers_up:
            _keep(peers, private=private)
    if outcome == plan.CONNECTED:
        asking.say("", "Yggdrasil runs, and a peer is connected.")
    else:
        asking.say("", "Yggdrasil runs, but no peer is connected, so nobody can be called.")
        if peers:
            asking.say("Compare each line with what the peer's owner gave you.")
        asking.say("To add one:", f"  {ADD_PEER}")
    os.environ[JUST_DONE] = "yes"
    # This session began before the membership. The program continues within the group.
    group_membership.join()


def complete(asking: Asking, device: str) -> None:
    """Offer what a running node with a peer lacks: firewall rules, and access for the background service.

    `device` is the node's device. Raises OverlayError, InputError.
    """
    machine = _machine()
    rules, entry = _rules(asking, machine, device), _let_service_in(asking, machine)
    if not rules and not entry:
        return
    needed = {*(plan.PROGRAMS if rules else ()), *(plan.TO_LET_IN if entry else ())}
    to_install = replace(machine, missing=[package for package in machine.missing if package in needed])
    steps = [*plan.install(to_install), *rules, *entry, *([plan.wait_for_peer()] if rules else [])]
    if _are_wanted(asking, steps):
        for number, step in enumerate(steps, 1):
            run(asking, number, step)


def say_firewall(asking: Asking, device: str) -> firewall.Loaded:
    """Say what the node's firewall lets in, as far as is known without root."""
    found = firewall.loaded(device)
    asking.say(f"firewall   {found.value.format(device=device)}")
    return found


def say_other_firewalls(asking: Asking, device: str) -> None:
    """Say which firewall programs are on that stop calls, or may. What those drop stays dropped."""
    for each in firewalls(device, ipv6=True):
        asking.say(f"{each.name:10} {joined(each.detail, each.hint)}")


def _rules(asking: Asking, machine: plan.NodeMachine, device: str) -> list[Step]:
    """The steps that load the firewall rules, if the user wants them. Without a terminal the default is no."""
    found = say_firewall(asking, device)
    if found is firewall.Loaded.OURS:
        return []
    if not can_become_root() or not machine.installed:
        asking.say(f"           {firewall.BY_HAND}")
        return []
    load = plan.load_rules(firewall.local_ports())
    if found is firewall.Loaded.OTHERS:
        steps, question, usual = [load], firewall.LOAD_AGAIN, False
    else:
        # The rules need a fixed name of the device. The node uses that name from its next start on.
        steps = [plan.change_config([]), plan.keep_key(), load, plan.start_node()]
        question, usual = firewall.LOAD, asking.at_terminal
    if asking.yes(question, default=usual, what="firewall"):
        return steps
    asking.say(f"           {firewall.LATER}")
    return []


def _let_service_in(asking: Asking, machine: plan.NodeMachine) -> list[Step]:
    """The steps that let the background service ask the node, if it can't yet."""
    if not machine.service_left_out:
        return []
    asking.say(f"service    {let_in.LEFT_OUT}")
    if not can_become_root() or not (asking.at_terminal or asking.takes_defaults):
        asking.say(f"           {let_in.RESTART}")
        return []
    return [*plan.join_group(machine), *let_in.let_in(machine)]


def _are_wanted(asking: Asking, steps: Sequence[Step]) -> bool:
    """List the steps and ask whether to run them. True: they can run now. Raises OverlayError, InputError."""
    asking.say("", "This is what will be done, as root:", *numbered(steps))
    if not (asking.at_terminal or asking.takes_defaults):
        raise InputError("Nobody is here to say yes to that, so nothing was changed.", f"To do it: {WITHOUT_ASKING}")
    asking.say("")
    if not agreed(asking, steps):
        asking.say("Nothing was changed. `copybara setup overlay --print` prints the commands.")
        return False
    become_root()
    return True


def _has_peers(asking: Asking) -> bool:
    """Whether an installed node has peers already, so that nobody needs to be asked."""
    step = plan.look_for_peers()
    asking.say("", "Which peers Yggdrasil has can only be read as root. This changes nothing:", "")
    asking.say(*step.as_script().splitlines(), to_copy=True)
    become_root()
    return run(asking, 1, step) == plan.HAS_PEERS


def _peers(asking: Asking, *, asks: bool) -> tuple[list[str], bool]:
    """The peers for the node, and whether they are private. The person first reads what peers mean."""
    peers, private = peers_wanted(asking), True
    if peers:
        asking.say("", GIVEN.format(*(("this peer", "sees") if len(peers) == 1 else ("these peers", "see"))))
        asking.say(*(f"  {peer}" for peer in peers), to_copy=True)
    elif asks and asking.at_terminal:
        peers, private = _chosen(asking, minor=for_root.minor() or 5)
    if near := only_near(peers):
        asking.say(near)
    return peers, private


def _keep(peers: list[str], *, private: bool) -> None:
    """Pass the peers on to the program that writes the configuration."""
    if peers:
        os.environ[PRIVATE_PEERS] = " ".join(peers) if private else ""


def _steps(machine: plan.NodeMachine, peers: list[str], *, has_peers: bool = True) -> list[Step]:
    """All steps. None of them asks a question. `has_peers`: a node that is installed may have peers already."""
    return [
        *plan.install(machine),
        plan.make_config(),
        plan.change_config(peers),
        plan.keep_key(),
        plan.load_rules(firewall.local_ports()),
        plan.start_node(),
        *plan.join_group(machine),
        *let_in.let_in(machine),
        *([plan.wait_for_peer()] if peers or (machine.installed and has_peers) else []),
    ]


def _machine() -> plan.NodeMachine:
    left_out = let_in.is_left_out()
    needed = plan.PROGRAMS | (plan.TO_LET_IN if left_out else {})
    return plan.NodeMachine(
        missing=[package for package, program in needed.items() if shutil.which(program, path=PATH) is None],
        user=getpass.getuser(),
        in_group=group_membership.in_database(plan.GROUP),
        service_left_out=left_out,
    )


def _chosen(asking: Asking, *, minor: int) -> tuple[list[str], bool]:
    """The chosen peers, and whether they are private."""
    if asking.answers.get("peers") == ASK and (friends := asking.until_good(FRIENDS, peers_in)):
        return friends, True
    while (choice := asking.choose(WHO_CARRIES, (PUBLIC, PRIVATE, LATER))) != 3:
        peers = _public(asking, minor=minor) if choice == 1 else asking.until_good(LINE, peers_in)
        if peers:
            return peers, choice == 2
    return [], False


def _public(asking: Asking, *, minor: int) -> list[str]:
    asking.say(f"The list comes from {public_peers.ADDRESS}, which learns your internet address.")
    try:
        with said_if_slow("Waiting for the list"):
            fetched = public_peers.fetch()
        countries = public_peers.by_country(fetched, minor=minor)
    except OverlayError as error:
        asking.say(f"{error.sentence} {error.hint}")
        return asking.until_good("Peers, if you know some (empty: choose again):", peers_in)
    if not countries:
        asking.say("No public peer is reachable now.")
        return []
    asking.say(f"There are peers in: {', '.join(countries)}")

    def country(answer: str) -> str:
        if not answer:
            return ""
        for name in countries:
            if name.lower().startswith(answer.lower()):
                return name
        raise InputError("There is no public peer in that country.", "Choose one of the list.")

    found = countries.get(asking.until_good(COUNTRY, country), [])
    if not found:
        return []
    for number, peer in enumerate(found, 1):
        asking.say(f"  {number}  {peer.uri}")
    usual = " ".join(map(str, range(1, min(3, len(found)) + 1)))

    def some(answer: str) -> list[str]:
        numbers = answer.replace(",", " ").split()
        if not all(each.isdecimal() and 1 <= int(each) <= len(found) for each in numbers):
            raise InputError(f"{answer} is none of these.", f"Give numbers from 1 to {len(found)}.")
        return [found[int(each) - 1].uri for each in numbers]

    return asking.until_good("Which ones? Two or three are enough:", some, default=usual)
