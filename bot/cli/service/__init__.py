"""`copybara service install | status | remove`: the program as a systemd user service, also while nobody is logged in.

Start at units.py, which has both units as text. Nothing here needs root, but keeping the service up without a log-in
(linger) may: then the person gets the command for it. May import what the command line may.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from pathlib import Path

from bot.cli.service import units
from bot.home import Home
from bot.own_program import own_program
from bot.settings import settings
from bot.slow_steps import said_if_slow
from bot.streams import print_text
from shared.errors import InputError, StoreError
from shared.store.files import known_errors

SECONDS = 30.0
"How long systemctl may take."

LINGER = Path("/var/lib/systemd/linger")
"Has a file for each user whose services run without a log-in."

NAMES = (units.SERVICE, units.SOCKET)


def folder() -> Path:
    """Where the user's own units are (systemd.unit(5))."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "systemd" / "user"


def install(home: Home) -> int:
    """Write both units, start them, and keep them up without a log-in. Raises InputError where there is no systemd."""
    _need_systemd()
    config = settings(home)
    _systemctl("daemon-reload")  # where systemd can't be reached nothing is written
    home.prepare()
    program = units.escaped(own_program())
    texts = {units.SERVICE: units.service(program, units.escaped(str(home.folder)))}
    if config.handset.enabled and config.handset.port:
        texts[units.SOCKET] = units.socket(config.handset.port)
    for name, text in texts.items():
        path = folder() / name
        with known_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        print_text(f"Wrote {path}")
    _systemctl("daemon-reload")
    # The socket first: a service that runs already would have its port.
    _systemctl("stop", units.SERVICE)
    for name in reversed(list(texts)):
        _systemctl("enable", name)
        _systemctl("restart", name)
    print_text(
        "Copybara is running, and starts again at each log-in. `copybara start` opens its page; `copybara service "
        "status` shows it."
    )
    if not lingers() and not _keep_without_login():
        user = getpass.getuser()
        print_text(f"To keep it up while you are logged out as well, run: sudo loginctl enable-linger {user}")
    return 0


def status() -> int:
    """Say how it stands. Returns 1 if it doesn't run. Raises InputError where there is no systemd."""
    _need_systemd()
    if not (folder() / units.SERVICE).exists():
        print_text("There is no service. `copybara service install` makes one.")
        return 1
    states = {name: state_of(name) for name in NAMES if (folder() / name).exists()}
    for name, state in states.items():
        print_text(f"{name:18} {state}")
    print_text(
        f"{'without a log-in':18} {'yes' if lingers() else 'no: sudo loginctl enable-linger ' + getpass.getuser()}"
    )
    print_text("What it says: journalctl --user -u copybara")
    return 0 if states[units.SERVICE] == "active" else 1


def remove() -> int:
    """Stop both units and take them away; the home stays. Raises InputError where there is no systemd."""
    _need_systemd()
    for name in NAMES:
        path = folder() / name
        if not path.exists():
            continue
        _systemctl("disable", "--now", name)
        with known_errors(path):
            path.unlink()
        print_text(f"Removed {path}")
    _systemctl("daemon-reload")
    print_text("The service was removed. Your home, with keys and contacts, is still there.")
    return 0


def _need_systemd() -> None:
    if shutil.which("systemctl") is None:
        raise InputError("There is no systemd here.", "Let what starts your programs run: copybara run")


def _systemctl(*words: str) -> None:
    """Raises StoreError if systemd refuses."""
    with said_if_slow(f"Waiting for systemd: systemctl --user {' '.join(words)}"):
        ended = _run(["systemctl", "--user", *words])
    if ended.returncode and words[0] != "stop":
        said = ended.stderr.strip().splitlines()
        raise StoreError(
            f"systemd refuses `systemctl --user {' '.join(words)}`: {said[-1] if said else ended.returncode}.",
            "Run it in a session of that user (not through su). What the service says: journalctl --user -u copybara",
        )


def state_of(name: str) -> str:
    """What systemd says of a unit, such as `active` or `failed`; `unknown` if it says nothing."""
    if shutil.which("systemctl") is None:
        return "unknown"
    return _run(["systemctl", "--user", "is-active", name]).stdout.strip() or "unknown"


def lingers() -> bool:
    """Whether this user's services run while nobody is logged in (loginctl(1))."""
    return (LINGER / getpass.getuser()).exists()


def _keep_without_login() -> bool:
    return shutil.which("loginctl") is not None and _run(["loginctl", "enable-linger"]).returncode == 0


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - no shell
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", "it took too long")
