"""A user who has just joined the overlay's group, in a session that began before that.

It runs in a mount namespace with its own user databases. sg(1) and the kernel's groups are real.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.start import without_opening
from bot.texts.no_overlay import COMMAND
from peer.overlay.yggdrasil_admin import OPEN_HINT, is_of_systemd, joined_hint
from tests.peer.own_namespace import need
from tests.shared.store.ordinary_user import reachable_folder

SCRIPT = """
import os, sys
from bot.cli import group_membership as group
place = {socket!r}
program = (
    "import os, sys; print('within', sys.argv[1:], "
    f"os.access({{place!r}}, os.W_OK), os.environ['COPYBARA_JOINED'])"
)
name = group.missing_group([place])
print("missing", name, flush=True)
if name:
    group.start_within(name, ["status", "a b"], program)
    print("as before")
"""

HINT = """
import asyncio
from peer.overlay.yggdrasil_admin import YggdrasilAdmin
from shared.errors import OverlayForbidden
from bot.texts.no_overlay import for_the_page
try:
    asyncio.run(YggdrasilAdmin("unix://" + {socket!r}).myself())
except OverlayForbidden as error:
    print(error.hint)
    print("command", for_the_page(error).command)
"""

INSIDE = """
set -eu
cd {folder}
for each in passwd group gshadow; do cp -p /etc/$each $each; done
echo 'copytester:x:4242:4242::/tmp:/bin/sh' >> passwd
sed -i '/^{group}:/d' group gshadow
printf 'copytester:x:4242:\\n{group}:x:4243:{members}\\n' >> group
echo '{group}:!::{members}' >> gshadow
for each in passwd group gshadow; do mount --bind $each /etc/$each; done
chown root:4243 socket; chmod 660 socket
case {base} in {home}/*)
    # Only root may go there; here everybody may.
    mkdir -p home{base_in_home}; chmod -R 755 home
    mount --bind {base} home{base_in_home}; mount --rbind home {home} ;;
esac
exec setpriv --reuid=4242 --regid=4242 --clear-groups {more} {python} script.py
"""


def said(*, member: bool, more: str = "", script: str = SCRIPT, group: str = "copyoverlay") -> list[str]:
    """The output lines of a program, run by a user whose session has no groups. `more` are options of setpriv."""
    need("unshare", "setpriv", "sg", "mount")
    with reachable_folder() as folder, contextlib.closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(folder / "socket"))
        (folder / "script.py").write_text(script.format(socket=str(folder / "socket")))
        base = Path(sys.base_prefix)
        inside = INSIDE.format(
            folder=folder,
            base=base,
            home=pwd.getpwuid(0).pw_dir,
            base_in_home=str(base).removeprefix(pwd.getpwuid(0).pw_dir),
            python=sys.executable,
            members="copytester" if member else "",
            more=more,
            group=group,
        )
        ended = subprocess.run(
            ["unshare", "--mount", "sh", "-c", inside],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_a_new_member_goes_on_within_the_group_without_a_log_in() -> None:
    assert said(member=True) == ["missing copyoverlay", "within ['status', 'a b'] True copyoverlay"]


def test_nobody_else_gets_into_the_group() -> None:
    assert said(member=False) == ["missing None"]


def test_a_service_that_may_gain_no_rights_goes_on_as_it_is() -> None:
    assert said(member=True, more="--no-new-privs") == ["missing copyoverlay", "as before"]


def test_a_link_stays_behind_the_options_when_the_program_starts_itself_again() -> None:
    assert without_opening(["start", "--", "copybara:abc"]) == ["start", "--no-open", "--", "copybara:abc"]
    assert without_opening(["start"]) == ["start", "--no-open"]


SANDBOX = "unshare --user --map-user=4242 --map-group=4242"
"As with PrivateUsers=: all other users and groups are hidden."


@pytest.mark.parametrize("sandbox", ["", SANDBOX])
def test_a_new_member_is_not_sent_to_the_set_up_that_has_done_its_part(sandbox: str) -> None:
    hint, command = said(member=True, more=sandbox, script=HINT, group="yggdrasil")
    assert hint.startswith("You are in the group yggdrasil, but ")
    assert "restart the computer" in hint
    assert command == "command "


@pytest.mark.parametrize("sandbox", ["", SANDBOX])
def test_nobody_else_is_said_to_be_a_member(sandbox: str) -> None:
    assert said(member=False, more=sandbox, script=HINT, group="yggdrasil") == [OPEN_HINT, f"command {COMMAND}"]


def test_what_systemd_has_started_is_let_in_by_the_set_up_and_not_by_a_log_in() -> None:
    assert is_of_systemd(1000, "0::/user.slice/user-1000.slice/user@1000.service/app.slice/copybara.service\n")
    assert not is_of_systemd(1000, "0::/user.slice/user-1000.slice/session-3.scope\n")
    hint = joined_hint("yggdrasil", of_systemd=True)
    assert "`copybara setup overlay`. Restarting the computer does it too." in hint
    assert "log out" not in hint
    session = joined_hint("yggdrasil", of_systemd=False)
    assert "log out and in again" in session
    assert "setup" not in session
