"""What has to be done so that a Yggdrasil node runs here and may be asked: values in, steps out. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent

from bot.cli.setup.yggdrasil import firewall, node_config
from bot.cli.setup.yggdrasil.root import Step

CONFIG = "/etc/yggdrasil/yggdrasil.conf"
GROUP = "yggdrasil"
USER = "yggdrasil"
UNIT = "yggdrasil"

ANSWERS_SECONDS = 30
CONNECTS_SECONDS = 10


@dataclass(frozen=True, slots=True)
class NodeMachine:
    """What is known of this machine."""

    installed: bool
    "Whether there is a program yggdrasil."

    has_nft: bool
    user: str
    in_group: bool
    "Whether the user database has the user in the group, whatever this session knows of it."


def install(machine: NodeMachine) -> list[Step]:
    """Install what is missing."""
    missing = [name for name, there in (("yggdrasil", machine.installed), ("nftables", machine.has_nft)) if not there]
    if not missing:
        return []
    return [
        Step(
            f"Install {' and '.join(missing)} from your distribution (under a minute).",
            f"apt-get update -q\nDEBIAN_FRONTEND=noninteractive apt-get install -q -y {' '.join(missing)}",
        )
    ]


def make_config(config: str = CONFIG) -> Step:
    """A configuration with a new key, if there is none. The key is the node id, and stays where it is."""
    path = shlex.quote(config)
    return Step(
        "Give the node its key, unless it has one.",
        f"test ! -s {path} || exit 0\n"
        f"mkdir -p {shlex.quote(config.rpartition('/')[0])}\n"
        "umask 077\n"
        f"yggdrasil -genconf -json > {path}\n"
        f"{_only_the_nodes(path)}",
    )


def keep_key(config: str = CONFIG) -> Step:
    """The node's key is for root and the node alone.

    Packages let the group read the configuration, and users who ask the node about calls are in that group.
    """
    files = " ".join(shlex.quote(each) for each in (config, f"{config}.before-copybara"))
    return Step(
        "Let only root and the node read the node's key.",
        f"for file in {files}; do\n  test -e $file || continue\n{indent(_only_the_nodes('$file'), '  ')}\ndone",
    )


def _only_the_nodes(path: str) -> str:
    """The commands that give a file to the user the node runs as, or to root where it has none."""
    return f'chmod 600 {path}\nchown "$(id -un {USER} 2> /dev/null || echo root)" {path}'


def read_config(config: str = CONFIG) -> Step:
    """The node reads its own HJSON, with whatever somebody has written there, and gives us JSON."""
    return Step(
        "Read the node's configuration.",
        f"yggdrasil -useconffile {shlex.quote(config)} -normaliseconf -json",
        reads=True,
    )


def write_config(text: str, changes: list[str], config: str = CONFIG) -> Step:
    """Write the changed configuration; what was there before stays beside it."""
    path, new = shlex.quote(config), shlex.quote(f"{config}.new")
    return Step(
        f"Write the node's configuration: {'; '.join(changes)}. The old one stays as {config}.before-copybara.",
        "umask 077\n"
        f"cat > {new}\n"
        f"yggdrasil -useconffile {new} -normaliseconf > /dev/null\n"
        f"{_only_the_nodes(new)}\n"
        f"test -e {path}.before-copybara || cp -p {path} {path}.before-copybara\n"
        f"mv {new} {path}",
        content=text,
        secret=True,
    )


CHANGE = """\
import json, sys

path = sys.argv[1]
peers = {peers}
with open(path) as file:
    settings = json.load(file)
before = settings.get("Peers") or []
if not before and not settings.get("Listen"):
    settings.update({alone})
elif settings.get("IfName") == "{no_device}":
    settings["IfName"] = "{device}"
settings["Peers"] = before + [peer for peer in peers if peer not in before]
with open(path, "w") as file:
    json.dump(settings, file, indent=2)"""
"What `node_config.changed` does, for somebody who reads it before they run it."


NEW_LINE = "\n"


def change_config(peers: Sequence[str], config: str = CONFIG) -> Step:
    """Read, change and write the configuration in one step, where only root gets to see it."""
    path, new = shlex.quote(config), shlex.quote(f"{config}.new")
    alone = "".join(
        f"\n        {name}={'True' if value is True else json.dumps(value)},"
        for name, value in (*node_config.ALONE.items(), ("IfName", node_config.DEVICE))
    )
    # Within what is read from standard input: everybody on the computer sees a command's arguments.
    listed = f"[{''.join(f'{NEW_LINE}    {json.dumps(peer)},' for peer in peers)}{NEW_LINE if peers else ''}]"
    change = CHANGE.replace("{alone}", f"{alone}\n    ").replace("{no_device}", node_config.NO_DEVICE)
    return Step(
        f"Add {'its peers' if peers else 'no peer'} to the node's configuration. The old one stays beside it.\n"
        "A node that nobody has set up yet also gets a named device, and announces itself to nobody.",
        "umask 077\n"
        f"yggdrasil -useconffile {path} -normaliseconf -json > {new}\n"
        f"python3 - {new} << 'CHANGE'\n"
        f"{change.replace('{device}', node_config.DEVICE).replace('{peers}', listed)}\n"
        "CHANGE\n"
        f"yggdrasil -useconffile {new} -normaliseconf > /dev/null\n"
        f"{_only_the_nodes(new)}\n"
        f"test -e {path}.before-copybara || cp -p {path} {path}.before-copybara\n"
        f"mv {new} {path}",
    )


def load_rules(device: str, ports: str) -> list[Step]:
    """The firewall's rules, now and at each start."""
    return [
        Step(
            f"Write the firewall's rules for {device}.",
            f"mkdir -p {firewall.FOLDER}\ncat > {firewall.RULES}",
            content=firewall.rules(device, ports),
        ),
        Step("Write the unit that loads them.", f"cat > {firewall.UNIT}", content=firewall.unit()),
        Step(
            "Load them, now and at each start.",
            f"systemctl daemon-reload\nsystemctl enable {firewall.UNIT_NAME}\nsystemctl restart {firewall.UNIT_NAME}",
        ),
    ]


def start_node(seconds: int = ANSWERS_SECONDS) -> Step:
    """Start it, also with a configuration that has changed.

    It has to answer twice, a second apart: one that may not make its device answers once, and ends. What counts is what
    it answers: yggdrasilctl of 0.4 ends with 0 where nobody listens, too. Once systemd has given it up, nothing is
    waited for, and what it said at its end is shown.
    """
    return Step(
        "Start the node, now and at each start, and wait until it answers (a few seconds).",
        f"systemctl enable {UNIT}\n"
        f"systemctl restart {UNIT}\n"
        "answers=0\n"
        f"for second in $(seq {seconds}); do\n"
        f"  if {_answers('getSelf')}; then answers=$((answers + 1)); else answers=0; fi\n"
        "  test $answers -lt 2 || exit 0\n"
        f'  test "$(systemctl is-failed {UNIT})" != failed || break\n'
        "  sleep 1\n"
        "done\n"
        "# Only if the node gave no answer: say why.\n"
        f"log=$(journalctl --unit={UNIT} --since=-1min --output=cat --no-pager 2> /dev/null || true)\n"
        """why=$(echo "$log" | grep -E '^panic: | failed to ' | tail -n 1 | sed 's/^panic: //')\n"""
        'case $log in *TunAdapter*) why="it can\'t open /dev/net/tun ($why)" ;; esac\n'
        f'echo "Yggdrasil does not run${{why:+: $why}}. To see more, as root: journalctl -u {UNIT}" >&2\n'
        "exit 1",
    )


def wait_for_peer(seconds: int = CONNECTS_SECONDS) -> Step:
    """Whether the node has a way to anybody: it writes a line if so, and nothing if not."""
    return Step(
        f"Wait until a peer is connected (up to {seconds} seconds).",
        f"for second in $(seq {seconds}); do\n"
        f"  if {_answers('getPeers')}; then echo connected; exit 0; fi\n"
        "  sleep 1\n"
        "done",
        reads=True,
    )


def _answers(request: str) -> str:
    """The command that succeeds if the node answers with a node's key: its own, or one of a peer that is connected."""
    return f'yggdrasilctl -json {request} 2> /dev/null | grep -q \'"key": *"[0-9a-f]\''


def join_group(machine: NodeMachine) -> list[Step]:
    """Let the user ask the node."""
    if machine.in_group or machine.user == "root":
        return []
    user = shlex.quote(machine.user)
    return [Step(f"Let {machine.user} ask the node about calls.", f"usermod --append --groups {GROUP} {user}")]
