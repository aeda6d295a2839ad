"""The set-up for a user who can't become root: one script for an administrator, then on in the node's new group.

It runs in separate namespaces, with a copy of /etc that has one more user. The node, nft, sg(1) and the kernel's groups
are real. Only systemctl isn't: a script starts what the unit would start, in its group.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.config.file import load
from tests.bot.setup.test_asked import Terminal, answered
from tests.peer.own_namespace import need
from tests.shared.store.ordinary_user import reachable_folder

APT_GET = """#!/bin/sh
echo "apt-get $*" >> {folder}/apt.log
"""

SYSTEMCTL = """#!/bin/sh
case "$*" in
    "show --property=MainPID --value user@4242.service") cat {folder}/systemd 2> /dev/null || echo 0 ;;
    "restart yggdrasil")
        [ ! -e {folder}/node ] || kill $(cat {folder}/node)
        while ip link show ygg0 > /dev/null 2>&1; do sleep 0.1; done
        rm -rf /run/yggdrasil; mkdir /run/yggdrasil
        cat /run/systemd/system/yggdrasil.service.d/*.conf 2> /dev/null | sed -n 's/^ExecStartPre=-+//p' | sh -e
        # As root, because not everywhere others may make the device.
        setpriv --regid=yggdrasil --clear-groups \\
            yggdrasil -useconffile /etc/yggdrasil/yggdrasil.conf > {folder}/node.log 2>&1 &
        echo $! > {folder}/node ;;
    "restart copybara-overlay-firewall.service") nft -f /etc/copybara/overlay.nft ;;
esac
"""

INSIDE = """
set -eu
ip link set lo up
cp -a /etc {folder}/etc
rm -rf {folder}/etc/yggdrasil {folder}/etc/copybara
echo 'copytester:x:4242:4242::{folder}/person:/bin/sh' >> {folder}/etc/passwd
echo 'copytester:x:4242:' >> {folder}/etc/group
mount --bind {folder}/etc /etc
mount -t tmpfs none /run
mkdir {folder}/person
{first}
test ! -e {folder}/copybara.toml || install -D -t {folder}/person/.local/share/copybara {folder}/copybara.toml
chown -R 4242:4242 {folder}/person
case {base} in {home}/*)
    # Only root may go there; here everybody may.
    mkdir -p {folder}/root{base_in_home}; chmod -R 755 {folder}/root
    mount --bind {base} {folder}/root{base_in_home}; mount --rbind {folder}/root {home} ;;
esac
yggdrasil -useconffile {folder}/peer.json > {folder}/peer.log 2>&1 &
export PATH={folder}/programs:$PATH HOME={folder}/person USER=copytester LOGNAME=copytester
exec setpriv --reuid=4242 --regid=4242 --clear-groups --pdeathsig KILL {python} -m bot.cli setup {arguments}
"""

PEER = "tls://127.0.0.1:12345"

SYSTEMD = """
mount -t proc proc /proc
setpriv --reuid=4242 --regid=4242 --clear-groups sleep infinity & echo $! > {folder}/systemd
"""
"What has the groups that the user's systemd would have: it began before the set-up."


@asynccontextmanager
async def without_sudo(
    *arguments: str, config: str = "", systemd: bool = False
) -> AsyncIterator[tuple[Terminal, Path]]:
    """`copybara setup` at the terminal of a user who isn't an administrator, with a folder that has their home.

    `systemd`: one of the user's runs.
    """
    need("unshare", "nsenter", "setpriv", "sg", "mount", "ip", "usermod", "yggdrasil", "yggdrasilctl", "nft", "apt-get")
    with reachable_folder() as folder:
        if config:
            (folder / "copybara.toml").write_text(config)
        inside = await asyncio.to_thread(_prepared, folder, arguments, systemd=systemd)
        async with answered(
            "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", inside
        ) as terminal:
            yield terminal, folder


def _prepared(folder: Path, arguments: tuple[str, ...], *, systemd: bool) -> str:
    programs = folder / "programs"
    programs.mkdir()
    for name, script in (("systemctl", SYSTEMCTL), ("apt-get", APT_GET)):
        (programs / name).write_text(script.format(folder=folder))
        (programs / name).chmod(0o755)
    new = json.loads(subprocess.run(["yggdrasil", "-genconf", "-json"], capture_output=True, check=True).stdout)
    peer = new | {"Listen": [PEER], "IfName": "none", "MulticastInterfaces": []}
    (folder / "peer.json").write_text(json.dumps(peer | {"AdminListen": f"unix://{folder}/peer.sock"}))
    base, home = Path(sys.base_prefix), pwd.getpwuid(0).pw_dir
    return INSIDE.format(
        folder=folder,
        first=SYSTEMD.format(folder=folder) if systemd else "",
        base=base,
        home=home,
        base_in_home=str(base).removeprefix(home),
        python=sys.executable,
        arguments=" ".join(arguments),
    )


async def as_administrator(terminal: Terminal, folder: Path, command: str, **more: str) -> str:
    """Run a command as root on that computer."""
    inside = await asyncio.create_subprocess_exec(
        "nsenter",
        *("--target", str(await asyncio.to_thread(_first_child, terminal.process)), "--mount", "--net", "--pid"),
        *("sh", "-c", command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            **os.environ,
            **more,
            "PATH": f"{folder}/programs:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    said = (await inside.communicate())[0].decode(errors="replace")
    assert inside.returncode == 0, said
    return said


def _first_child(process: int) -> int:
    return int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[0])


async def until_handed_over(terminal: Terminal) -> str:
    """Answer the questions before the hand-over. Returns the screen with the administrator's command."""
    await terminal.asks(r"an administrator (installs|starts) it(.|\n)*Which one\? \[1\] ", "1")
    await terminal.asks(r"The line of your friend's private peer, (.|\n)*: ", PEER)
    return await terminal.shows(r"Who runs that command\?(.|\n)*Which one\? \[1\] ")


def home_in(folder: Path) -> Path:
    return folder / "person" / ".local" / "share" / "copybara"


@pytest.mark.timeout(300)
async def test_who_cant_become_root_hears_it_before_any_question_and_may_go_on_without() -> None:
    async with without_sudo("--name", "Anna", "--peers", "ask") as (terminal, folder):
        before = await terminal.shows(r"What do you want\?")
        assert "this account may not use sudo: starting Yggdrasil." in before, "it is installed here"
        assert "?" not in before.removesuffix("What do you want?"), "nothing was asked yet"
        script = home_in(folder) / "for-root.sh"
        handed_over = await until_handed_over(terminal)
        assert f"sh {script}" in handed_over
        assert "Wait until a peer is connected" in handed_over
        assert "127.0.0.1 works only inside one local network" in handed_over, "a friend's line may be like that"
        terminal.types("2")
        await terminal.asks(r"Yggdrasil doesn't answer here yet\.(.|\n)*Which one\? \[1\] ", "")
        await terminal.asks(r"Who carries the links(.|\n)*Which one\? \[1\] ", "")
        end = await terminal.shows(r"copybara doctor")
        assert f"First an administrator runs this:\n    su - -c 'sh {script}'" in end or f"    sudo sh {script}" in end
        assert load(script.parent / "copybara.toml").yggdrasil.private_peers == PEER


@pytest.mark.timeout(300)
async def test_a_node_that_was_set_up_and_has_only_stopped_needs_no_other_peers() -> None:
    config = f'name = "Anna"\n[yggdrasil]\nprivate_peers = "{PEER}"\n'
    async with without_sudo("overlay", config=config) as (terminal, _):
        await terminal.asks(r"an administrator starts it(.|\n)*Which one\? \[1\] ", "1")
        said = await terminal.shows(r"Which one\? \[1\] ")
        assert "Who runs that command?" in said, "and nothing before it"
        assert "\n  2  It has been run: look again\n" in said
        terminal.types("")
        await terminal.shows(r"copybara doctor")


def assert_listed(said: str) -> None:
    """Check that everything for root to remove is listed, with the commands."""
    for line in (
        "/etc/copybara and /etc/systemd/system/copybara-overlay-firewall.service",
        "changes in /etc/yggdrasil/yggdrasil.conf",
        "copytester as a member of the group yggdrasil",
        "gpasswd --delete copytester yggdrasil",
        "rm -rf /etc/systemd/system/copybara-overlay-firewall.service /etc/copybara",
    ):
        assert line in said


@pytest.mark.timeout(300)
async def test_once_an_administrator_has_run_it_setup_goes_on_within_the_group_and_uninstalling_undoes_it() -> None:
    async with without_sudo("--name", "Anna", "--peers", PEER) as (terminal, folder):
        await terminal.asks(r"an administrator (installs|starts) it(.|\n)*Which one\? \[1\] ", "1")
        await terminal.shows(r"Who runs that command\?(.|\n)*Which one\? \[1\] ")
        said = await as_administrator(terminal, folder, f"sh {home_in(folder)}/for-root.sh")
        assert said.endswith(
            "connected\nDone. Now copytester goes on where it waits (2, look again), or runs: copybara setup\n"
        )
        settings = json.loads((folder / "etc" / "yggdrasil" / "yggdrasil.conf").read_text())
        assert (settings["Peers"], settings["IfName"]) == ([PEER], "ygg0")
        assert 'iifname != "ygg0" accept' in await as_administrator(terminal, folder, "nft list ruleset")
        terminal.types("2")
        # It has restarted itself, and doesn't ask those questions again.
        again = await terminal.shows(r"Who carries the links(.|\n)*Which one\? \[1\] ")
        assert "yggdrasil  its node runs" in again
        assert "peers      1 connected" in again
        assert "Complete Yggdrasil's set-up?" not in again
        uninstall = f"{sys.executable} -m bot.cli --home {folder}/none uninstall"
        kept = await as_administrator(terminal, folder, uninstall, USER="copytester", LOGNAME="copytester")
        assert (folder / "etc" / "copybara" / "overlay.nft").exists(), "nobody has said yes"
        assert_listed(kept)
        alone = f"setpriv --reuid=4242 --regid=4242 --clear-groups script -qec '{uninstall}' {folder}/person/seen"
        whose = {"HOME": f"{folder}/person", "USER": "copytester", "LOGNAME": "copytester"}
        offered = " ".join((await as_administrator(terminal, folder, alone, **whose)).split())
        removes = folder / "person" / "remove-copybara.sh"
        assert f"sh {removes}" in offered
        assert "Run them now?" not in offered, "this account can't"
        assert "To remove the program:" in offered.partition(str(removes))[2]
        assert "gpasswd --delete copytester yggdrasil" in removes.read_text().splitlines()
        yes = {"COPYBARA_REMOVE_SYSTEM": "yes", "USER": "copytester", "LOGNAME": "copytester"}
        assert_listed(await as_administrator(terminal, folder, uninstall, **yes))
        for left in ("copybara", "systemd/system/copybara-overlay-firewall.service", "yggdrasil"):
            assert not (folder / "etc" / left).exists()
        assert (folder / "apt.log").read_text() == "apt-get remove -y yggdrasil\n"
        assert "copytester" not in (folder / "etc" / "group").read_text().partition("yggdrasil:")[2].splitlines()[0]
        assert "/etc/copybara" not in await as_administrator(terminal, folder, uninstall, **yes)
        terminal.types("")
        assert "administrator" not in await terminal.shows(r"copybara doctor")
        assert load(home_in(folder) / "copybara.toml").yggdrasil.private_peers == PEER
        assert not (home_in(folder) / "for-root.sh").exists()
