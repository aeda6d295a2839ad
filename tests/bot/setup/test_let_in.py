"""The background service on the day on which its user joins the group: who may ask the node, and until when.

The node, its socket and the ACLs are the real ones; see test_for_root.py for what isn't.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.cli.setup.yggdrasil import let_in, plan
from tests.bot.setup.test_asked import Terminal
from tests.bot.setup.test_for_root import PEER, as_administrator, home_in, without_sudo
from tests.peer.own_namespace import need

ASK = """
import json, socket
with socket.socket(socket.AF_UNIX) as node:
    try:
        node.connect("/run/yggdrasil/yggdrasil.sock")
    except PermissionError:
        print("forbidden")
    else:
        node.sendall(b'{"request": "getself", "arguments": {}}\\n')
        print(json.load(node.makefile())["status"])
"""

SANDBOX = "unshare --user --map-user=4242 --map-group=4242"
"As the background service's PrivateUsers= has it."


async def asked(terminal: Terminal, folder: Path, whose: str, more: str = "") -> str:
    """What a process with these credentials hears from the node."""
    (folder / "ask.py").write_text(ASK)
    command = f"setpriv --pdeathsig KILL {whose} {more} {sys.executable} {folder}/ask.py"
    return (await as_administrator(terminal, folder, command)).strip()


RESTART = f"""
systemctl restart yggdrasil
until test "$(stat --format=%a {let_in.SOCKET} 2> /dev/null)" = 660; do sleep 0.1; done
"""

WITHOUT_GROUP = "--reuid=4242 --regid=4242 --clear-groups"
ANOTHER = "--reuid=4300 --regid=4300 --clear-groups"
MEMBER = "--reuid=4301 --regid=4301 --groups $(getent group yggdrasil | cut -d: -f3)"


@pytest.mark.timeout(300)
async def test_what_began_before_the_membership_asks_the_node_until_the_computer_restarts() -> None:
    need("setfacl")
    async with without_sudo("--name", "Anna", "--peers", PEER, systemd=True) as (terminal, folder):
        await terminal.asks(r"an administrator (installs|starts) it(.|\n)*Which one\? \[1\] ", "1")
        steps = await terminal.shows(r"Who runs that command\?(.|\n)*Which one\? \[1\] ")
        assert "Let copytester's background service ask it today too, until the computer restarts" in steps
        script = home_in(folder) / "for-root.sh"
        # Without the step, as it was.
        whole = script.read_text()
        step = let_in.let_in(plan.NodeMachine(missing=[], user="copytester", in_group=False, service_left_out=True))[0]
        assert step.as_script() in whole
        (folder / "without.sh").write_text(whole.replace(step.as_script(), ""))
        await as_administrator(terminal, folder, f"sh {folder}/without.sh")
        assert await asked(terminal, folder, WITHOUT_GROUP) == "forbidden"

        for _ in range(2):
            said = await as_administrator(terminal, folder, f"sh {script}")
            assert "\ndone\nconnected\n" in said
            for made in ("by the step", RESTART):
                if made == RESTART:
                    await as_administrator(terminal, folder, RESTART)
                for whose, more in ((WITHOUT_GROUP, ""), (WITHOUT_GROUP, SANDBOX), (MEMBER, "")):
                    assert await asked(terminal, folder, whose, more) == "success", (made, whose, more)
                assert await asked(terminal, folder, ANOTHER) == "forbidden"

        terminal.types("2")
        await terminal.shows(r"Who carries the links(.|\n)*Which one\? \[1\] ")
        person = {"HOME": f"{folder}/person", "USER": "copytester", "LOGNAME": "copytester"}
        again = f"setpriv {WITHOUT_GROUP} {sys.executable} -m bot.cli setup overlay --yes"
        said = await as_administrator(terminal, folder, again, **person)
        assert "as root" not in said, "nothing is left to do"
        assert let_in.LEFT_OUT not in said
        drop_in = let_in.drop_in("copytester")
        await as_administrator(terminal, folder, f"test -e {drop_in}")
        uninstall = f"{sys.executable} -m bot.cli --home {folder}/none uninstall"
        gone = await as_administrator(terminal, folder, uninstall, COPYBARA_REMOVE_SYSTEM="yes", **person)
        assert f"- {drop_in}: lets copytester in until the computer restarts" in gone
        await as_administrator(terminal, folder, f"test ! -e {drop_in}")
        terminal.types("")
        assert "administrator" not in await terminal.shows(r"copybara doctor")


WITHOUT_ACLS = """
mount -t ramfs none /run
mkdir -p /run/yggdrasil
{python} -c 'import socket; socket.socket(socket.AF_UNIX).bind("{socket}")'
sh -e {folder}/step
test ! -e {drop_ins}
"""


def test_where_a_file_system_has_no_acls_the_step_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    need("unshare", "setfacl")
    (step,) = let_in.let_in(plan.NodeMachine(missing=[], user="root", in_group=True, service_left_out=True))
    (tmp_path / "step").write_text(step.as_script())
    inside = WITHOUT_ACLS.format(folder=tmp_path, python=sys.executable, socket=let_in.SOCKET, drop_ins=let_in.DROP_INS)
    ended = subprocess.run(["unshare", "--mount", "sh", "-ec", inside], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == f"{let_in.NOT_HERE}\n"


LINK_FOR_SOCKET = """
mount -t tmpfs none /run
mkdir /run/yggdrasil /run/roots
touch /run/roots/file
ln -s /run/roots/file {socket}
chown -h 4242:4242 /run/yggdrasil {socket}
sh -e {folder}/step
getfacl --omit-header --absolute-names /run/roots/file
"""


def test_a_link_that_the_nodes_user_puts_in_the_sockets_place_lets_nobody_into_another_file(tmp_path: Path) -> None:
    need("unshare", "setfacl")
    (step,) = let_in.let_in(plan.NodeMachine(missing=[], user="daemon", in_group=True, service_left_out=True))
    (tmp_path / "step").write_text(step.as_script())
    inside = LINK_FOR_SOCKET.format(folder=tmp_path, socket=let_in.SOCKET)
    ended = subprocess.run(["unshare", "--mount", "sh", "-ec", inside], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"{let_in.NOT_HERE}\n"), ended.stdout
    assert "user:daemon" not in ended.stdout


def test_an_acl_names_one_user_and_what_they_may(tmp_path: Path) -> None:
    need("setfacl")
    place = tmp_path / "socket"
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(place))
    for entry, in_it in (("g:4242:rw", False), ("u:4243:rw", False), ("u:4242:r", False), ("u:4242:rw", True)):
        subprocess.run(["setfacl", "-b", "-m", entry, place], check=True)
        assert let_in.names(os.getxattr(place, let_in.ACL), 4242) is in_it, entry
    assert not let_in.names(b"", 4242)


def test_nobody_is_let_in_who_is_in_already() -> None:
    assert let_in.let_in(plan.NodeMachine(missing=[], user="anna", in_group=False)) == []
    (step,) = let_in.let_in(plan.NodeMachine(missing=[], user="anna; reboot", in_group=True, service_left_out=True))
    assert "'anna; reboot'" in step.script
    assert "`" not in step.script, "root's shell would run what is between them"
