"""The background service asks the node already on the day on which its user joins the group.

The systemd that runs it began before that, outlives a log-out, and gives it the groups that it has itself. So its user
gets a place of their own in the ACL (acl(5)) of the node's socket, until the computer restarts: then their systemd has
the group as well. Meanwhile a node that restarts makes another socket, which inherits the place from its folder.
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
"Where the node of Debian's packages listens. systemd makes the folder at each start of the node."

DROP_INS = "/run/systemd/system/yggdrasil.service.d"
"Files of the node's unit that the computer forgets when it restarts (systemd.unit(5))."

LEFT_OUT = "a background service may not ask the node yet: your systemd, which runs it, began without the group"
RESTART = "It may once you have restarted the computer."
NOT_HERE = "not possible here: it may once you have restarted the computer"

ACL = "system.posix_acl_access"
ACL_ENTRY = struct.Struct("<HHI")
"Tag, permissions, id: as the kernel hands them over, after four bytes of a version (linux/posix_acl_xattr.h)."

ACL_USER = 2
READ_AND_WRITE = 6


def drop_in(user: str) -> str:
    """The file in which the node's unit learns of the user."""
    return f"{DROP_INS}/copybara-{user}.conf"


def is_left_out(socket: str = SOCKET) -> bool:
    """Whether this user's systemd runs, isn't in the group, and has no other way to the node's socket either."""
    if os.geteuid() == 0 or (groups := service.groups_of_systemd()) is None:
        return False
    try:
        joined = grp.getgrnam(plan.GROUP).gr_gid in groups
    except KeyError:
        joined = False
    return not joined and not names(_acl_of(socket), os.geteuid())


def names(acl: bytes, user_id: int) -> bool:
    """Whether an ACL, in the kernel's form, lets this one user read and write. Pure."""
    own = [may for tag, may, each in ACL_ENTRY.iter_unpack(acl[4:]) if (tag, each) == (ACL_USER, user_id)]
    return any(may & READ_AND_WRITE == READ_AND_WRITE for may in own)


def _acl_of(path: str) -> bytes:
    try:
        return os.getxattr(path, ACL)
    except OSError:  # it has none, or isn't there
        return b""


def let_in(machine: plan.NodeMachine) -> list[Step]:
    """Let in what this user's systemd runs, until the computer restarts."""
    if not machine.service_left_out:
        return []
    user = shlex.quote(machine.user)
    return [
        Step(
            f"Let {machine.user}'s background service ask it today too, until the computer restarts\n"
            f"{machine.user}'s systemd has only the groups that it began with. A node that restarts lets it in again.",
            f"user=$(id -u {user})\n"
            f'if ! setfacl -m "u:$user:rw" {SOCKET}; then\n'
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
