"""Doing it: peers are chosen, every step is shown, and after one yes the steps run one after the other."""

from __future__ import annotations

import getpass
import os
import shutil
from collections.abc import Callable

from bot.asking import Asking
from bot.cli import group_membership
from bot.cli.setup.yggdrasil import firewall, for_root, node_config, plan, public_peers
from bot.cli.setup.yggdrasil.root import Step, numbered, run
from bot.home import Home
from bot.slow_steps import said_if_slow
from bot.texts.overlay import ADD_PEER
from peer.overlay.yggdrasil_peers import peers_in
from shared.errors import InputError, OverlayError

PUBLIC = "Public peers: volunteers' machines. They see your internet address and whom you call, never what you say"
PRIVATE = "A private peer: I paste the line that its owner gave me"
WITHOUT_ASKING = "copybara setup overlay --yes"
PRIVATE_PEERS = "COPYBARA_PRIVATE_PEERS"
"""The variable that keeps them for the program that starts itself again within the group, and writes the configuration:
their lines, or nothing where public ones were chosen."""

NONE_CONNECTED = "No peer of the node is connected. Those that it has stay; one that works has to be added."

JUST_DONE = "COPYBARA_NODE_SET_UP"
"The variable that keeps that program from doing it all again."

ASK = "ask"
"What an invitation gives as peers where it doesn't name the private one: its line is asked for."

FRIENDS = "The line of your friend's private peer, such as tls://HOST:PORT?key=KEY (empty: choose other peers):"

GIVEN = "Who carries your packets, and sees your internet address and whom you call, never what you say:"
"Of peers that came with a command, such as that of an invitation: a person sees them before they are asked."

LATER = "Nobody yet: I'll do this later. Until then nobody can be called"


def peers_wanted(asking: Asking) -> list[str]:
    """The peers that were given beforehand; none if they are to be asked for. Raises InputError for what is none."""
    given = asking.answers.get("peers") or ""
    return [] if given == ASK else peers_in(given)


def only_shown(asking: Asking) -> None:
    """Print what root would do, as a script for an administrator, and do nothing."""
    machine, peers = _machine(), peers_wanted(asking)
    asking.say(for_root.text(_at_once(machine, peers), machine.user, peers).rstrip("\n"), to_copy=True)


def hand_over(home: Home, asking: Asking, done: Callable[[], bool], *, asks_for_peers: bool) -> None:
    """Let an administrator do it, with one command. See for_root.py."""
    machine, peers, private = _machine(), _given(asking), True
    if asks_for_peers and not peers and asking.at_terminal:
        peers, private = _chosen(asking, minor=for_root.minor() or 5)
    if peers:
        os.environ[PRIVATE_PEERS] = " ".join(peers) if private else ""
    steps = _at_once(machine, peers)
    os.environ[JUST_DONE] = "yes"
    for_root.hand_over(home, asking, steps, for_root.text(steps, machine.user, peers), done)


def install(asking: Asking, *, alone: bool = False) -> None:
    """Install, configure and start the node, and let the user ask it. `alone`: it runs, and no peer of it is connected.

    Raises OverlayError, InputError.
    """
    machine = _machine()
    peers, private = _given(asking), True
    first, reading = _first(machine), plan.read_config()
    # Where it is known that the node needs a peer, and of which version, that question comes before all commands.
    wanted = (alone or not machine.installed) and not peers and asking.at_terminal
    minor = for_root.minor() if wanted else None
    if minor is not None:
        if alone:
            asking.say("", NONE_CONNECTED)
        peers, private = _chosen(asking, minor=minor)
    asking.say("", "This is what will be done, as root:")
    planned = [*first, reading, plan.write_config("", ["its peers"]), *_usual_last(machine), plan.wait_for_peer()]
    asking.say(*numbered(planned))
    if not (asking.at_terminal or asking.takes_defaults):
        raise InputError("Nobody is here to say yes to that, so nothing was changed.", f"To do it: {WITHOUT_ASKING}")
    asking.say("")
    if not asking.yes("Go on? Each command is shown before it runs.", default=True):
        asking.say("Nothing was changed. `copybara setup overlay --print` prints the commands.")
        return
    for step in first:
        run(asking, step)
    before = node_config.parsed(run(asking, reading))
    if not peers and (alone or not before.get("Peers")) and minor is None and asking.at_terminal:
        peers, private = _chosen(asking, minor=5 if node_config.is_of_05(before) else 4)
    if peers and (alone or not before.get("Peers")):
        os.environ[PRIVATE_PEERS] = " ".join(peers) if private else ""
    after = node_config.changed(before, peers)
    if changes := node_config.differences(before, after):
        run(asking, plan.write_config(node_config.as_text(after), changes))
    for step in _last(machine, node_config.device_of(after)):
        run(asking, step)
    if not after["Peers"]:
        asking.say("", "Yggdrasil runs. It has no peer yet, so nobody can be called. To add one:", f"  {ADD_PEER}")
    elif run(asking, plan.wait_for_peer()):
        asking.say("", "Yggdrasil runs, and a peer is connected.")
    else:
        asking.say("", "Yggdrasil runs, but none of its peers is connected, so nobody can be called.")
        asking.say("Compare each line with what the peer's owner gave you. To add another one:", f"  {ADD_PEER}")
    os.environ[JUST_DONE] = "yes"
    # This session began before the membership. What follows is done within the group.
    group_membership.join()


def _given(asking: Asking) -> list[str]:
    """The peers that were given beforehand, shown before anything is done with them."""
    if peers := peers_wanted(asking):
        asking.say("", GIVEN)
        asking.say(*(f"  {peer}" for peer in peers), to_copy=True)
    return peers


def _at_once(machine: plan.NodeMachine, peers: list[str]) -> list[Step]:
    """All of it, for root alone: nothing is asked on the way."""
    waits = [plan.wait_for_peer()] if peers else []
    return [*_first(machine), plan.change_config(peers), *_usual_last(machine), *waits]


def _usual_last(machine: plan.NodeMachine) -> list[Step]:
    return _last(machine, node_config.DEVICE)


def _first(machine: plan.NodeMachine) -> list[Step]:
    return [*plan.install(machine), plan.make_config()]


def _last(machine: plan.NodeMachine, device: str) -> list[Step]:
    rules = plan.load_rules(device, firewall.local_ports()) if device else []
    return [*rules, plan.keep_key(), plan.start_node(), *plan.join_group(machine)]


def _machine() -> plan.NodeMachine:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return plan.NodeMachine(
        installed=shutil.which("yggdrasil", path=path) is not None,
        has_nft=shutil.which("nft", path=path) is not None,
        user=getpass.getuser(),
        in_group=group_membership.in_database(plan.GROUP),
    )


def _chosen(asking: Asking, *, minor: int) -> tuple[list[str], bool]:
    """The peers, and whether they are private ones."""
    if asking.answers.get("peers") == ASK and (friends := asking.until_good(FRIENDS, peers_in)):
        return friends, True
    choice = asking.choose("Who carries your packets?", (PUBLIC, PRIVATE, LATER))
    if choice == 1:
        return _public(asking, minor=minor), False
    if choice == 2:
        return asking.until_good("The line, such as tls://HOST:PORT?key=KEY:", _one_or_more), True
    return [], False


def _public(asking: Asking, *, minor: int) -> list[str]:
    asking.say(f"The list comes from {public_peers.ADDRESS}, which learns your internet address.")
    try:
        with said_if_slow("Waiting for the list"):
            fetched = public_peers.fetch()
        countries = public_peers.by_country(fetched, minor=minor)
    except OverlayError as error:
        asking.say(f"{error.sentence} {error.hint}")
        return asking.until_good("Peers, if you know some (may be empty):", peers_in)
    if not countries:
        asking.say("No public peer is reachable now.")
        return []
    asking.say(f"There are peers in: {', '.join(countries)}")

    def country(answer: str) -> str:
        for name in countries:
            if answer and name.lower().startswith(answer.lower()):
                return name
        raise InputError("There is no public peer in that country.", "Choose one of the list.")

    found = countries[asking.until_good("Your country, or one near you:", country)]
    for number, peer in enumerate(found, 1):
        asking.say(f"  {number}  {peer.uri}")
    usual = " ".join(map(str, range(1, min(3, len(found)) + 1)))

    def some(answer: str) -> list[str]:
        numbers = answer.replace(",", " ").split()
        if not all(each.isdecimal() and 1 <= int(each) <= len(found) for each in numbers):
            raise InputError(f"{answer} is none of these.", f"Give numbers from 1 to {len(found)}.")
        return [found[int(each) - 1].uri for each in numbers]

    return asking.until_good("Which ones? Two or three are enough:", some, default=usual)


def _one_or_more(line: str) -> list[str]:
    if not (peers := peers_in(line)):
        raise InputError("That is empty.", "Paste the line that the peer's owner gave you.")
    return peers
