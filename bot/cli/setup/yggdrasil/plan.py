"""The steps that install a Yggdrasil node here and let the user ask it: values in, steps out. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from typing import Any

from bot.cli.setup.yggdrasil import firewall
from bot.cli.setup.yggdrasil.root import Step
from peer.overlay.yggdrasil_peers import addresses_in

CONFIG = "/etc/yggdrasil/yggdrasil.conf"
GROUP = "yggdrasil"
USER = "yggdrasil"
UNIT = "yggdrasil"

PROGRAMS = {"yggdrasil": "yggdrasil", "nftables": "nft", "python3": "python3"}
"The programs that the steps use, by package."

TO_LET_IN = {"acl": "setfacl"}
"The programs that the step of let_in.py uses, by package."

DEVICE = "ygg0"
"The name of the node's device. The firewall rules need it."

NO_DEVICE = "none"

ALONE: Mapping[str, Any] = {"MulticastInterfaces": [], "NodeInfoPrivacy": True, "IfName": DEVICE}
"Settings of a new node: it isn't announced on the local network, and tells nothing about this machine."

ANSWERS_SECONDS = 30
CONNECTS_SECONDS = 10

CONNECTED = "connected"
HAS_PEERS = "it has some"


@dataclass(frozen=True, slots=True)
class NodeMachine:
    """What is known of this machine."""

    missing: Sequence[str]
    "The packages to install."

    user: str
    in_group: bool
    "Whether the user database has the user in the group, whatever this session has."

    service_left_out: bool = False
    "Whether the user's systemd, and with it the background service, began without the group. See let_in.py."

    @property
    def installed(self) -> bool:
        """Whether there is a program yggdrasil."""
        return "yggdrasil" not in self.missing


def install(machine: NodeMachine) -> list[Step]:
    """Install what is missing."""
    if not machine.missing:
        return []
    return [
        Step(
            f"Install {', '.join(machine.missing)} by apt (under a minute)",
            f"apt-get update -q\nDEBIAN_FRONTEND=noninteractive apt-get install -q -y {' '.join(machine.missing)}",
        )
    ]


def make_config(config: str = CONFIG) -> Step:
    """Make a configuration with a new key, if there is none. The key is the node id, and never changes."""
    path = shlex.quote(config)
    return Step(
        f"Write {config} with the node's key, unless it is there",
        f"test ! -s {path} || exit 0\n"
        f"mkdir -p {shlex.quote(config.rpartition('/')[0])}\n"
        "umask 077\n"
        f"yggdrasil -genconf -json > {path}\n"
        f"{_only_the_nodes(path)}",
    )


def _only_the_nodes(path: str) -> str:
    """The commands that give a file to the node's user, or to root if the node has no user."""
    return f'chmod 600 {path}\nchown "$(id -un {USER} 2> /dev/null || echo root)" {path}'


CHANGE = """\
import json, sys

path = sys.argv[1]
peers = {peers}
with open(path) as file:
    settings = json.load(file)
before = settings.get("Peers") or []
if not before and not settings.get("Listen"):
    settings.update({alone})
elif settings.get("IfName") in ("auto", "{no_device}"):
    settings["IfName"] = "{device}"
settings["Peers"] = before + [peer for peer in peers if peer not in before]
with open(path, "w") as file:
    json.dump(settings, file, indent=2)"""
"""Settings that somebody has made stay unchanged. But `auto`, the node's default device name, is replaced, because the
firewall rules need a name before the device exists."""

NEW_LINE = "\n"


def change_config(peers: Sequence[str], config: str = CONFIG) -> Step:
    """Read, change and write the configuration in one step, so that only root can read it.

    The node's own format is HJSON, with anything that people wrote into it. JSON is valid HJSON, for 0.4 and 0.5.
    """
    path, new = shlex.quote(config), shlex.quote(f"{config}.new")
    alone = "".join(
        f"\n        {name}={'True' if value is True else json.dumps(value)}," for name, value in ALONE.items()
    )
    # The peers are in the standard input, because every user of the computer can see a command's arguments.
    listed = f"[{''.join(f'{NEW_LINE}    {json.dumps(peer)},' for peer in peers)}{NEW_LINE if peers else ''}]"
    change = CHANGE.replace("{alone}", f"{alone}\n    ").replace("{no_device}", NO_DEVICE)
    adds = f"Add the peer{'s' if len(peers) > 1 else ''} {', '.join(addresses_in(peers))} to that file"
    return Step(
        f"{adds if peers else 'Prepare that file for calls'}; the old one stays beside it, as .before-copybara\n"
        "A node that nobody has set up yet also gets a named device, and announces itself to nobody.",
        "umask 077\n"
        f"yggdrasil -useconffile {path} -normaliseconf -json > {new}\n"
        # -I: no module from the folder that an administrator happens to be in is run as root.
        f"python3 -I - {new} << 'CHANGE'\n"
        f"{change.replace('{device}', DEVICE).replace('{peers}', listed)}\n"
        "CHANGE\n"
        f"yggdrasil -useconffile {new} -normaliseconf > /dev/null\n"
        f"{_only_the_nodes(new)}\n"
        f"test -e {path}.before-copybara || cp -p {path} {path}.before-copybara\n"
        f"mv {new} {path}",
    )


def keep_key(config: str = CONFIG) -> Step:
    """Let only root and the node read the node's key.

    Packages let the group read the configuration, and users who ask the node about calls are in that group.
    """
    files = " ".join(shlex.quote(each) for each in (config, f"{config}.before-copybara"))
    return Step(
        "Let only root and the node read that file, which holds the key",
        f"for file in {files}; do\n  test -e $file || continue\n{indent(_only_the_nodes('$file'), '  ')}\ndone",
    )


def look_for_peers(config: str = CONFIG) -> Step:
    """Check whether the node's configuration has peers. Only root may read it."""
    path = shlex.quote(config)
    return Step(
        "Look whether the node has peers",
        f"if yggdrasil -useconffile {path} -normaliseconf -json 2> /dev/null |\n"
        """  tr -d '[:space:]' | grep -q '"Peers":\\["'; then\n"""
        f'  echo "{HAS_PEERS}"\n'
        "else\n"
        '  echo "it has none"\n'
        "fi",
        says=True,
    )


def load_rules(ports: str, config: str = CONFIG) -> Step:
    """Load the firewall rules now and at each start, for the device that the changed configuration names.

    If the system chooses the device's name, there are no rules. The node's user may write the configuration, so root
    takes nothing from it that isn't a device's plain name.
    """
    return Step(
        f"Let only calls and your phone in from Yggdrasil (firewall: {firewall.RULES}, with {firewall.UNIT_NAME})\n"
        "It is loaded at each start, for the device that the node's configuration names.",
        f"""device=$(sed -n 's/^  "IfName": "\\([A-Za-z0-9._-]*\\)",*$/\\1/p' {shlex.quote(config)} | head -n 1)\n"""
        f"case ${{device:-auto}} in auto | {NO_DEVICE})\n"
        '  echo "left out: IfName in the node\'s configuration names no device"\n'
        "  exit 0 ;;\n"
        "esac\n"
        f"mkdir -p {firewall.FOLDER}\n"
        f"""sed "s/{DEVICE}/$device/" > {firewall.RULES} << 'END'\n"""
        f"{firewall.rules(DEVICE, ports)}"
        "END\n"
        f"cat > {firewall.UNIT} << 'END'\n"
        f"{firewall.unit()}"
        "END\n"
        "systemctl daemon-reload\n"
        f"systemctl enable {firewall.UNIT_NAME}\n"
        f"systemctl restart {firewall.UNIT_NAME}\n"
        'echo "done"',
        says=True,
    )


def start_node(seconds: int = ANSWERS_SECONDS) -> Step:
    """Start the node, or restart it after a change.

    It must reply twice, a second apart: a node that may not make its device replies once, and ends. The reply itself
    counts, because yggdrasilctl of 0.4 exits with 0 even if nobody listens. If systemd has given up, the step doesn't
    wait, and shows the node's last messages.
    """
    return Step(
        "Start the node, now and at each boot (a few seconds)",
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
    """Check whether the node is connected to a peer."""
    return Step(
        f"Wait until a peer is connected (up to {seconds} seconds)",
        f"for second in $(seq {seconds}); do\n"
        f'  if {_answers("getPeers")}; then echo "{CONNECTED}"; exit 0; fi\n'
        "  sleep 1\n"
        "done\n"
        'echo "none is yet"',
        says=True,
    )


def _answers(request: str) -> str:
    """A command that succeeds if the reply contains a node's key: its own, or a connected peer's."""
    return f'yggdrasilctl -json {request} 2> /dev/null | grep -q \'"key": *"[0-9a-f]\''


def join_group(machine: NodeMachine) -> list[Step]:
    """Let the user ask the node."""
    if machine.in_group or machine.user == "root":
        return []
    return [
        Step(
            f"Add {machine.user} to the group {GROUP}, which may ask the node about calls",
            f"usermod --append --groups {GROUP} {shlex.quote(machine.user)}",
        )
    ]
