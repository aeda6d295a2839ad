"""`copybara setup overlay` on a machine without a configured node, up to one with a peer: the real node, nft and files.

It runs as root in separate namespaces, with a copy of /etc. Only systemctl isn't real: a container has no systemd, so a
script starts what the units would start.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.cli.setup.yggdrasil import firewall, plan
from bot.cli.setup.yggdrasil.install import GIVEN
from bot.texts.invitation import ASK_FOR_PEER
from shared.config.file import load
from tests.peer.own_namespace import need

pytestmark = pytest.mark.slow

SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> {folder}/systemctl.log
case "$*" in
    "restart yggdrasil")
        [ ! -e {folder}/pid ] || {{ kill $(cat {folder}/pid); tail --pid=$(cat {folder}/pid) -f /dev/null; }}
        # It outlives the terminal that it was started from.
        setsid yggdrasil -useconffile /etc/yggdrasil/yggdrasil.conf > {folder}/node.log 2>&1 &
        echo $! > {folder}/pid ;;
    "restart copybara-overlay-firewall.service") nft -f /etc/copybara/overlay.nft ;;
    "is-active copybara-overlay-firewall.service")
        ! nft list table inet copybara_overlay > /dev/null 2>&1 || echo active ;;
esac
"""

INSIDE = """
set -eu
ip link set lo up
cp -a /etc {folder}/etc
rm -rf {folder}/etc/yggdrasil {folder}/etc/copybara
mount --bind {folder}/etc /etc
mount -t tmpfs none /run
mkdir /run/yggdrasil
yggdrasil -useconffile {folder}/peer.json > {folder}/peer.log 2>&1 & peer=$!
trap 'kill $peer $(cat {folder}/pid) 2>/dev/null || true' EXIT
export PATH={folder}:$PATH HOME={folder}
copybara() {{ {python} -m bot.cli --home {folder}/home "$@"; }}
copybara setup overlay --yes --peers tls://127.0.0.1:12345 > {folder}/first 2>&1
cp /etc/yggdrasil/yggdrasil.conf {folder}/conf.first
stat -c '%a %U %G' /etc/yggdrasil/yggdrasil.conf > {folder}/mode
connected() {{
    for second in $(seq 120); do
        yggdrasilctl -json getPeers > {folder}/peers
        grep -q '"key": "[0-9a-f]' {folder}/peers && break
        sleep 0.5
    done
}}
connected
copybara setup overlay --yes > {folder}/second 2>&1
cmp /etc/yggdrasil/yggdrasil.conf {folder}/conf.first
nft list ruleset > {folder}/rules
copybara doctor --json > {folder}/doctor || true
mkdir -p /etc/ufw
echo ENABLED=yes > /etc/ufw/ufw.conf
echo IPV6=no > /etc/default/ufw
copybara setup overlay --yes > {folder}/ufw 2>&1
copybara doctor --json > {folder}/doctor.ufw || true
rm -r /etc/ufw /etc/default/ufw
copybara setup overlay --yes --peers tls://127.0.0.1:12346 > {folder}/third 2>&1
cp /etc/yggdrasil/yggdrasil.conf {folder}/conf.third
copybara invite --from https://example.org/a.git > {folder}/invited 2> {folder}/noted
copybara invite --from https://example.org/a.git --peer > {folder}/invited.peer 2> {folder}/noted.peer
# As somebody else would have set it up.
nft delete table inet copybara_overlay
rm -r /etc/copybara
sed -i 's/"IfName": "ygg0"/"IfName": "auto"/' /etc/yggdrasil/yggdrasil.conf
systemctl restart yggdrasil
connected
echo '{python} -m bot.cli --home {folder}/home setup overlay' > {folder}/again
cp /etc/yggdrasil/yggdrasil.conf {folder}/conf.open
copybara setup overlay --yes > {folder}/open 2>&1
printf '%s\\n' no | script -qec "sh {folder}/again" {folder}/left > {folder}/left.screen
cmp /etc/yggdrasil/yggdrasil.conf {folder}/conf.open
test ! -e /etc/copybara
printf '%s\\n' "" "" | script -qec "sh {folder}/again" {folder}/closed > {folder}/closed.screen
nft list ruleset > {folder}/rules.closed
connected
echo '# mine' >> /etc/copybara/overlay.nft
copybara setup overlay --yes > {folder}/mine 2>&1
cp /etc/copybara/overlay.nft {folder}/rules.mine
COPYBARA_FIREWALL=yes copybara setup overlay --yes > {folder}/renewed 2>&1
cp /etc/copybara/overlay.nft {folder}/rules.renewed
kill $peer
for second in $(seq 120); do
    yggdrasilctl -json getPeers | grep -q '"key": "[0-9a-f]' || break
    sleep 0.5
done
copybara setup overlay --yes > {folder}/alone 2>&1
copybara doctor > {folder}/doctor.alone 2>&1 || true
echo '{python} -m bot.cli --home {folder}/home setup overlay' > {folder}/again
copybara setup overlay --print --peers tls://127.0.0.1:12347 > {folder}/printed
printf '%s\\n' yes 2 tls://127.0.0.1:12347 what s "" | script -qec "sh {folder}/again" {folder}/fourth > {folder}/screen
cp /etc/yggdrasil/yggdrasil.conf {folder}/conf.fourth
"""

DEAD = """
mount -t tmpfs none /run
if sh -e {folder}/start; then exit 1; else exit 0; fi
"""


@pytest.mark.timeout(300)
def test_from_an_installed_package_to_a_node_with_a_peer(tmp_path: Path) -> None:
    need("unshare", "yggdrasil", "yggdrasilctl", "nft", "apt-get", "ip", "script")
    pretended_systemctl(tmp_path, SYSTEMCTL.format(folder=tmp_path))
    new = json.loads(subprocess.run(["yggdrasil", "-genconf", "-json"], capture_output=True, check=True).stdout)
    peer = new | {"Listen": ["tls://127.0.0.1:12345"], "IfName": "none", "MulticastInterfaces": []}
    (tmp_path / "peer.json").write_text(json.dumps(peer | {"AdminListen": f"unix://{tmp_path}/peer.sock"}))
    ended = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", INSIDE.format(folder=tmp_path, python=sys.executable)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    written = {path.name: path.read_text(errors="replace") for path in tmp_path.iterdir() if path.is_file()}
    shown = "\n".join(written.get(name, "") for name in ("first", "second", "third", "alone", "screen", "node.log"))
    assert ended.returncode == 0, ended.stderr.decode() + shown

    settings = json.loads(written["conf.first"])
    assert settings["Peers"] == ["tls://127.0.0.1:12345"]
    assert (settings["MulticastInterfaces"], settings["IfName"]) == ([], "ygg0")
    assert written["mode"].strip() == "600 yggdrasil root"
    assert settings["PrivateKey"] not in written["first"], "what is written isn't shown"
    assert peer["PublicKey"] in written["peers"], "the node has reached its peer"
    assert 'iifname != "ygg0" accept' in written["rules"]
    assert "restart" not in written["second"], "the second time nothing is done"
    assert "firewall   only calls and your phone are let in from Yggdrasil\n" in written["second"]
    assert_an_open_node_is_offered_the_firewall(written)
    checks = {check["name"]: check for check in json.loads(written["doctor"])["checks"]}
    assert checks["peers"]["ok"]
    assert not checks["peers"]["note"]
    assert checks["self call"]["ok"], checks["self call"]
    assert (checks["firewall"]["note"], checks["firewall"]["detail"]) == (False, firewall.Loaded.OURS.value)
    assert "ufw        refuses all IPv6, so no call gets through" in written["ufw"]
    (ufw,) = (check for check in json.loads(written["doctor.ufw"])["checks"] if check["name"] == "ufw")
    assert not ufw["ok"]
    assert "ufw" not in checks
    third = json.loads(written["conf.third"])
    assert third == settings | {"Peers": ["tls://127.0.0.1:12345", "tls://127.0.0.1:12346"]}, "one more, the same key"

    assert ASK_FOR_PEER in written["invited"]
    assert "tls://" not in written["invited"] + written["noted"]
    assert "To put the line into it: copybara invite --peer" in written["noted"]
    assert "\n  copybara setup --peers tls://127.0.0.1:12345\n" in written["invited.peer"]
    assert "This shows that computer's internet address (127.0.0.1) to your friend" in written["noted.peer"]
    kept = load(tmp_path / "home" / "copybara.toml").yggdrasil
    assert (kept.private_peers, kept.public_peers) == ("tls://127.0.0.1:12347", False)
    shown = written["first"].partition("This is what will be done, as root:")[0]
    given = GIVEN.format("this peer", "sees")
    assert f"{given}\n  tls://127.0.0.1:12345\n" in shown, "a peer that came with a command is shown first"
    assert "A private one connects you, and a friend needs it too" in checks["peers"]["detail"]

    for name in ("first", "third", "alone", "screen"):
        assert not re.search(r"\.\.\.\s+\.", written[name]), "dots while a step runs are those of its own line's end"
    assert "Yggdrasil runs, and a peer is connected." in written["first"]
    assert "Yggdrasil runs, but no peer is connected" in written["alone"]
    assert 'copybara setup overlay --peers "tls://' in written["alone"]
    assert 'copybara setup overlay --peers "tls://' in written["doctor.alone"]
    screen = " ".join(written["screen"].split())
    assert "Those that it has stay; one that works has to be added." in screen
    asked, _, listed = screen.partition("Who carries your packets?")
    assert "as root:" not in asked, "peers are chosen before all else"
    steps, _, shown = listed.partition("Go on? (yes, no, or s to see the commands) [yes]")
    assert "as root: 1 Write /etc/yggdrasil/yggdrasil.conf with the node's key, unless it is there 2 Add" in steps
    assert "2 Add the peer 127.0.0.1 to that file" in steps
    assert "systemctl" not in steps, "no shell before somebody asks for it"
    assert "“what” is none of these. Type yes, no or s." in shown
    commands = written["printed"].partition("\nset -e\n")[2].rpartition("\necho 'Done.")[0]
    assert " ".join(commands.split()) in shown, "they are those that an administrator would run"
    ran = shown.rpartition("[yes]")[2]
    assert re.search(r"2 Add the peer 127\.0\.0\.1 to that file; [^;]* as \.before-copybara \.{3,} done", ran)
    assert re.search(r"Wait until a peer is connected \(up to 10 seconds\) \.{3,} none is yet", ran)
    assert "systemctl" not in ran
    assert commands in written["first"].replace(":12345", ":12347"), "nobody is there to ask for them"
    fourth = json.loads(written["conf.fourth"])
    assert fourth == third | {"Peers": [*third["Peers"], "tls://127.0.0.1:12347"]}, "it asked for another one"


def assert_an_open_node_is_offered_the_firewall(written: Mapping[str, str]) -> None:
    """A node that somebody else has set up: its device has no name of its own and no rules."""
    open_to_all = "firewall   Copybara has loaded no rules for tun0. Without rules of your own, anyone in that network"
    assert open_to_all in written["open"]
    assert f"           {firewall.LATER}\n" in written["open"], "a script closes nothing that is open on purpose"
    assert "as root" not in written["open"]
    for name in ("left.screen", "closed.screen"):
        asked = " ".join(written[name].split())
        assert f"{firewall.LOAD} (yes/no) [yes]" in asked
    assert firewall.LATER in " ".join(written["left.screen"].split())
    closed = " ".join(written["closed.screen"].split())
    assert re.search(r"Let only calls and your phone in from Yggdrasil [^;]* done", closed)
    assert 'iifname != "ygg0" accept' in written["rules.closed"]
    assert firewall.Loaded.OTHERS.value in written["mine"]
    assert written["rules.mine"].endswith("# mine\n"), "it may be what somebody has written"
    assert written["rules.renewed"] == written["rules.mine"].removesuffix("# mine\n")


RULES_FOR = """
cp -a /etc {folder}/etc
mount --bind {folder}/etc /etc
export PATH={folder}:$PATH
for device in mine0 auto; do
    rm -rf /etc/copybara
    printf '{{\\n  "IfName": "%s",\\n  "NodeInfo": {{\\n    "IfName": "other"\\n  }}\\n}}' $device > {folder}/config
    sh -e {folder}/step
    cat /etc/copybara/overlay.nft > {folder}/$device 2> {folder}/none || true
done
"""


def test_the_firewall_is_for_the_device_that_the_node_has(tmp_path: Path) -> None:
    need("unshare", "nft", "mount")
    pretended_systemctl(tmp_path, SYSTEMCTL.format(folder=tmp_path))
    (tmp_path / "step").write_text(plan.load_rules("32768-60999", str(tmp_path / "config")).as_script())
    ended = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-ec", RULES_FOR.format(folder=tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "done\nleft out: IfName in the node's configuration names no device\n"
    assert (tmp_path / "mine0").read_text() == firewall.rules("mine0", "32768-60999")
    assert not (tmp_path / "auto").read_text()


RULES_FOR_ANY_NAME = """
cp -a /etc {folder}/etc
mount --bind {folder}/etc /etc
rm -rf /etc/copybara
export PATH={folder}:$PATH
cd {folder}
for config in *.json; do
    cp $config config
    sh -e step
done
[ ! -e /etc/copybara ] || echo "rules were written"
"""


def test_no_name_of_a_device_in_the_nodes_configuration_is_a_command_for_root(tmp_path: Path) -> None:
    """The node's user may write that file."""
    need("unshare", "nft", "mount")
    pretended_systemctl(tmp_path, SYSTEMCTL.format(folder=tmp_path))
    (tmp_path / "step").write_text(plan.load_rules("32768-60999", str(tmp_path / "config")).as_script())
    names = (
        "x/;1e touch owned;#",
        "x/e;#",
        "$(touch owned)",
        "`touch owned`",
        "x\\n1e touch owned",
        '" accept; "',
        "&",
    )
    for number, name in enumerate(names):
        (tmp_path / f"{number}.json").write_text(json.dumps({"IfName": name, "Peers": []}, indent=2))
    ended = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-ec", RULES_FOR_ANY_NAME.format(folder=tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "left out: IfName in the node's configuration names no device\n" * len(names)
    assert not (tmp_path / "owned").exists()


def test_a_node_that_does_not_answer_was_not_started(tmp_path: Path) -> None:
    """yggdrasilctl of 0.4 exits with 0 even if no node listens."""
    need("unshare", "yggdrasilctl")
    pretended_systemctl(tmp_path, "#!/bin/sh\n")
    (tmp_path / "start").write_text(plan.start_node(seconds=3).script)
    ended = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-ec", DEAD.format(folder=tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == "Yggdrasil does not run. To see more, as root: journalctl -u yggdrasil\n"


GIVES_UP = """#!/bin/sh
echo "$*" >> {folder}/systemctl.log
case "$*" in
    "restart yggdrasil") yggdrasil -useconffile /etc/yggdrasil/yggdrasil.conf > {folder}/node.log 2>&1 || true ;;
    "restart copybara-overlay-firewall.service") nft -f /etc/copybara/overlay.nft ;;
    "is-failed yggdrasil") echo failed ;;
esac
"""

WITHOUT_DEVICE = """
set -u
ip link set lo up
cp -a /etc {folder}/etc
rm -rf {folder}/etc/yggdrasil {folder}/etc/copybara
mount --bind {folder}/etc /etc
mount -t tmpfs none /run
mkdir /run/yggdrasil
mount --bind /dev/null /dev/net/tun
export PATH={folder}:$PATH HOME={folder}
copybara() {{ {python} -m bot.cli --home {folder}/home "$@"; }}
copybara setup overlay --yes --peers tls://127.0.0.1:12345 > {folder}/first 2>&1
echo '{python} -m bot.cli --home {folder}/home setup overlay' > {folder}/again
printf '%s\\n' 3 | script -qec "sh {folder}/again" {folder}/second > {folder}/screen
echo '{python} -m bot.cli --home {folder}/other setup overlay' > {folder}/again
printf '%s\\n' 1 "" | script -qec "sh {folder}/again" {folder}/third > {folder}/screen.other
"""


def test_a_node_that_systemd_has_given_up_is_named_with_why_and_the_next_set_up_goes_on(tmp_path: Path) -> None:
    need("unshare", "yggdrasil", "yggdrasilctl", "nft", "apt-get", "ip", "script")
    pretended_systemctl(tmp_path, GIVES_UP.format(folder=tmp_path))
    journal = tmp_path / "journalctl"
    journal.write_text(f"#!/bin/sh\nexec cat {tmp_path}/node.log\n")
    journal.chmod(0o755)
    ended = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", WITHOUT_DEVICE.format(folder=tmp_path, python=sys.executable)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    first = (tmp_path / "first").read_text()
    assert "Yggdrasil does not run: it can't open /dev/net/tun (" in first, first + ended.stderr
    assert "run `copybara setup` again. What is done already stays." in first
    asked = (tmp_path / "systemctl.log").read_text().splitlines()
    # Each start sees at its first look that systemd has given up, and waits no longer.
    assert asked.count(f"is-failed {plan.UNIT}") == asked.count(f"restart {plan.UNIT}") > 0, asked
    screen = " ".join((tmp_path / "screen").read_text().split())
    assert "1 Start Yggdrasil, which is installed here" in screen, screen
    assert "Install Yggdrasil" not in screen
    assert "staex No Staex node runs here, which is fine if you don't use Staex." in screen
    assert "Next: copybara setup goes on with the rest" in screen
    assert load(tmp_path / "home" / "copybara.toml").yggdrasil.private_peers == "tls://127.0.0.1:12345"
    # A home that knows nothing about the node.
    screen = " ".join((tmp_path / "screen.other").read_text().split())
    looked, _, steps = screen.partition("This is what will be done, as root:")
    assert re.search(r"1 Look whether the node has peers \.{3,} it has some", looked)
    assert "Who carries your packets?" not in screen, "it was given one"
    failed = r"Start the node, now and at each boot \(a few seconds\) \.{3,} failed │ (.*)error: That didn't work"
    assert (found := re.search(failed, steps)), steps
    assert "Yggdrasil does not run: it can't open /dev/net/tun (" in found[1].replace("│ ", "")


def pretended_systemctl(folder: Path, script: str) -> None:
    systemctl = folder / "systemctl"
    systemctl.write_text(script)
    systemctl.chmod(0o755)
