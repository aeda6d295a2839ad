"""The systemd user units as text: the program, and the sockets that systemd opens for it.

Pure. config/copybara.service and config/copybara.socket are the output of these functions for the usual paths.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.process.user_units import SOCKET as SOCKET

SERVICE = "copybara.service"

WATCHDOG_SECONDS = 60

HOME_SETTING = "Environment=COPYBARA_HOME="

USUAL_PROGRAM = "%h/.local/bin/copybara"
USUAL_HOME = "%h/.local/share/copybara"


def escaped(text: str) -> str:
    """Escape a path for systemd: quoted, and without specifiers (systemd.unit(5))."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{inner}"'


def _sandbox(written: Sequence[str]) -> str:
    """The settings that need namespaces in a user's unit (systemd.exec(5))."""
    folders = "\n".join(f"ReadWritePaths={folder}" for folder in written)
    return f"""\
# It may write only to its home, and to the folders that its configuration names.
PrivateUsers=yes
ProtectSystem=strict
ProtectHome=read-only
{folders}
PrivateTmp=yes
ProtectProc=invisible
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectHostname=yes
CapabilityBoundingSet=
AmbientCapabilities=

"""


def service(
    program: str = USUAL_PROGRAM, home: str = USUAL_HOME, folders: Sequence[str] = (), *, sandbox: bool = True
) -> str:
    """The unit that runs the program. `program` is its path and `home` the folder of its files, both escaped.

    `folders` are other folders that it may write to, escaped as well. `sandbox`: the system lets users have namespaces.
    """
    return f"""\
# systemd user unit, as `copybara service install` writes it: keeps `copybara run` up. `copybara start` opens its page.
# A change of one setting goes into `systemctl --user edit copybara`, not in here.

[Unit]
Description=Copybara: private calls between overlay nodes
# It is never given up: systemd would give up copybara.socket with it, and another user could take the page's port. What
# somebody has to mend, such as a wrong configuration, the program waits for.
StartLimitIntervalSec=0

[Service]
Type=notify
Sockets={SOCKET}
ExecStart={program.replace("$", "$$")} run
{HOME_SETTING}{home}
Environment=PYTHONUNBUFFERED=1
# The program says every half of this time that it lives; one that hangs is started again.
WatchdogSec={WATCHDOG_SECONDS}
# As with Ctrl-C: the program says goodbye in running calls, within two seconds.
KillSignal=SIGINT
TimeoutStartSec=90
TimeoutStopSec=10
# Whatever it ends with: the next question at the port would start it again at once.
Restart=on-failure
RestartSec=10

# Its files are private.
UMask=0077

{_sandbox((home, *folders)) if sandbox else ""}\
# No new rights, no other kinds of sockets than it needs (netlink lists this machine's addresses).
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
RemoveIPC=yes
# Cameras and sound devices, and no others.
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-alsa rw
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# Not set: MemoryDenyWriteExecute, because FFmpeg's scaler makes code while it runs; PrivateDevices, because cameras and
# microphones are devices; PrivateNetwork, because calls need the overlay; ProtectKernelModules and the like, because a
# user's program has none of the rights that they take away.

[Install]
WantedBy=default.target
"""


def socket(port: int | None = 8765) -> str:
    """The unit of what is opened outside the service's sandbox.

    `port` is the page's port; None: any port, or no page.
    """
    page = f"""\
# The port of the handset page, held while copybara.service is stopped or starts again, so that no other user of the
# machine can take it. What the page asks meanwhile is answered once the program is back, and an open page starts it.
ListenStream=127.0.0.1:{port}
"""
    return f"""\
# systemd user unit, as `copybara service install` writes it: sockets that systemd opens for copybara.service.
# To stop both: systemctl --user stop copybara.socket copybara.service

[Unit]
Description=Copybara: the sockets of copybara.service

[Socket]
{page if port else ""}\
# Whose program answers in the overlay node's place: inside the service's sandbox every other user is "nobody", but a
# socket that was opened outside tells. It asks the kernel, and nothing comes from elsewhere.
ListenNetlink=inet-diag

[Install]
WantedBy=sockets.target
"""
