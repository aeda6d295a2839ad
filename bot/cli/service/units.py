"""The systemd user units, as text: the program, and the page's port, which systemd holds while the program is stopped.

Pure. config/copybara.service and config/copybara.socket are what these functions write for the usual places.
"""

from __future__ import annotations

from bot.user_units import SOCKET as SOCKET

SERVICE = "copybara.service"

WATCHDOG_SECONDS = 60

USUAL_PROGRAM = "%h/.local/bin/copybara"
USUAL_HOME = "%h/.local/share/copybara"


def escaped(text: str) -> str:
    """A path as systemd reads it: quoted, with specifiers and variables taken literally (systemd.unit(5))."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{inner}"'


def service(program: str = USUAL_PROGRAM, home: str = USUAL_HOME) -> str:
    """The unit that runs the program. `program` is its path, `home` the folder with its files, both escaped."""
    return f"""\
# systemd user unit, as `copybara service install` writes it: keeps `copybara run` up. `copybara start` opens its page.
# A change of one setting goes into `systemctl --user edit copybara`, not in here.

[Unit]
Description=Copybara: private calls between overlay nodes
# Restarting helps neither a wrong configuration nor a home that is in use: give up after some tries.
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
ExecStart={program} run
Environment=COPYBARA_HOME={home}
Environment=PYTHONUNBUFFERED=1
# The program says every half of this time that it lives; one that hangs is started again.
WatchdogSec={WATCHDOG_SECONDS}
# As with Ctrl-C: the program says goodbye in running calls, within two seconds.
KillSignal=SIGINT
TimeoutStartSec=90
TimeoutStopSec=10
Restart=on-failure
RestartSec=10
# 2: wrong usage.
RestartPreventExitStatus=2

# Its files are private.
UMask=0077

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
# microphones are devices; PrivateNetwork, because calls need the overlay; PrivateUsers, because it would show the
# overlay node's user as "nobody", and the program talks only to a node of a user whom it trusts; ProtectSystem,
# PrivateTmp and others that change what files there are, because in a user's unit they bring PrivateUsers along;
# CapabilityBoundingSet, because only root may set it: the program has no capability, and may not get one.

[Install]
WantedBy=default.target
"""


def socket(port: int = 8765) -> str:
    """The unit that holds the page's port."""
    return f"""\
# systemd user unit, as `copybara service install` writes it: holds the port of the handset page while copybara.service
# is stopped or starts again, so that no other user of the machine can take it. What the page asks meanwhile is answered
# once the program is back, and an open page starts the service.
# To stop both: systemctl --user stop copybara.socket copybara.service

[Unit]
Description=Copybara: the port of the handset page

[Socket]
ListenStream=127.0.0.1:{port}
FileDescriptorName=handset

[Install]
WantedBy=sockets.target
"""
