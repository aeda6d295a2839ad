"""Lets the background service ask the node on the same day on which its user joins the group.

The user's systemd runs the service with its own groups. It began before the user joined, and keeps running after a
log-out. So the user gets an entry in the ACL (acl(5)) of the node's socket until the computer restarts: after that
their systemd has the group too. If the node restarts meanwhile, its new socket inherits the entry from its folder.
"""

from __future__ import annotations

import grp
import os
import shlex
import struct

from bot.cli import service
from bot.cli.setup.yggdrasil import plan
from bot.cli.setup.yggdrasil.root import Step

FOLDER = "/run/yggdrasil"
SOCKET = f"{FOLDER}/yggdrasil.sock"
"The admin socket of a node from Debian's package. systemd makes its folder at each start of the node."

DROP_INS = "/run/systemd/system/yggdrasil.service.d"
"The folder for additions to the node's unit that last until the computer restarts (systemd.unit(5))."

LEFT_OUT = "a background service may not ask the node yet: your systemd, which runs it, began without the group"
RESTART = "It may once you have restarted the computer."
NOT_HERE = "not possible here: it may once you have restarted the computer"

ACL = "system.posix_acl_access"
ACL_ENTRY = struct.Struct("<HHI")
"One entry in the kernel's form: tag, permissions, id. A version of 4 bytes comes first (linux/posix_acl_xattr.h)."

ACL_USER = 2
READ_AND_WRITE = 6


def drop_in(user: str) -> str:
    """The file that adds the user to the node's unit."""
    return f"{DROP_INS}/copybara-{user}.conf"


def is_left_out(socket: str = SOCKET) -> bool:
    """Whether this user's systemd runs without the group, and the socket's ACL has no entry for the user."""
    if os.geteuid() == 0 or (groups := service.groups_of_systemd()) is None:
        return False
    try:
        joined = grp.getgrnam(plan.GROUP).gr_gid in groups
    except KeyError:
        joined = False
    return not joined and not names(_acl_of(socket), os.geteuid())


def names(acl: bytes, user_id: int) -> bool:
    """Whether an ACL in the kernel's form has an entry that lets this user read and write. Pure."""
    own = [may for tag, may, each in ACL_ENTRY.iter_unpack(acl[4:]) if (tag, each) == (ACL_USER, user_id)]
    return any(may & READ_AND_WRITE == READ_AND_WRITE for may in own)


def _acl_of(path: str) -> bytes:
    try:
        return os.getxattr(path, ACL)
    except OSError:  # no ACL, or no such file
        return b""


def let_in(machine: plan.NodeMachine) -> list[Step]:
    """The step that lets the user's background service ask the node until the computer restarts, if it is needed."""
    if not machine.service_left_out:
        return []
    user = shlex.quote(machine.user)
    return [
        Step(
            f"Let {machine.user}'s background service ask it today too, until the computer restarts\n"
            f"{machine.user}'s systemd has only the groups that it began with. A node that restarts lets it in again.",
            f"user=$(id -u {user})\n"
            "# Not as root: who owns the folder could have put a link to another file in the socket's place.\n"
            f"owner=$(stat --format='--reuid=%u --regid=%g' {FOLDER})\n"
            f'if ! setpriv $owner --clear-groups setfacl -m "u:$user:rw" {SOCKET}; then\n'
            f'  echo "{NOT_HERE}"\n'
            "  exit 0\n"
            "fi\n"
            f"mkdir -p {DROP_INS}\n"
            f"cat > {shlex.quote(drop_in(machine.user))} << END\n"
            "# Written by copybara setup overlay. It goes when the computer restarts; nobody needs it then.\n"
            "[Service]\n"
            f"ExecStartPre=-+/usr/bin/setfacl -d -m u:$user:rw,g::rw {FOLDER}\n"
            "END\n"
            "systemctl daemon-reload\n"
            'echo "done"',
            says=True,
        )
    ]
