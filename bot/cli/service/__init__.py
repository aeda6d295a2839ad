"""`copybara service install | status | remove`: the program as a systemd user service, even while nobody is logged in.

Start at units.py, which has the text of both units. Nothing here needs root. Only keeping the service up without a
log-in (linger) may need it: then the person gets the command. May import what the command line may.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

from bot.asked import asked
from bot.cli.service import units
from bot.command_socket import AskStatus, ask
from bot.home import Home, who_runs
from bot.process.own_program import own_program
from bot.process.user_units import folder as folder
from bot.process.user_units import keeps_port
from bot.settings import settings
from bot.terminal.as_root import as_root
from bot.terminal.slow_steps import said_if_slow
from bot.terminal.streams import print_text
from shared.config.schema import Config
from shared.errors import ConfigError, CopybaraError, InputError, NotRunning, StoreError
from shared.sentences import ended, joined
from shared.store.files import known_errors, locked_folder, make_folder, replace_file

SECONDS = 30.0
"How long systemctl may take."

LINGER = Path("/var/lib/systemd/linger")
"This folder has a file for each user whose services run without a log-in."

NAMES = (units.SERVICE, units.SOCKET)

OUTDATED = "Its units aren't those that this version writes for your settings. To renew them: copybara service install"

NO_NAMESPACE = ("217", "218", "226")
"The exit codes of steps that fail before the program starts: USER, CAPABILITIES and NAMESPACE (systemd.exec(5))."

NO_SANDBOX = (
    "This system doesn't let your programs have a user namespace, so the service gets no sandbox: it may write "
    "wherever you may."
)

RUNS = ("active", "activating", "reloading")
"systemd's states of a unit that runs."


def install(home: Home) -> int:
    """Write both units, start them, and keep them up without a log-in.

    Raises InputError without systemd, during a call, and if another program uses the page's port. Raises HomeInUse if a
    program other than the service runs with the home. Raises StoreError.
    """
    _need_systemd()
    config = settings(home)
    port = config.handset.port if config.handset.enabled else 0
    _refuse_other_program(home)
    refuse_during_call(home)
    _refuse_taken_port(port)
    _systemctl("daemon-reload")  # if systemd can't be reached, nothing is written
    home.prepare()
    for other in _other_folders(config):
        make_folder(other)  # the service can't make it: it may only write in it
    was_installed = installed()
    since = int(time.time())
    try:
        try:
            _begin(texts_for(home, config))
        except StoreError:
            if not _lacks_namespaces():
                raise
            print_text(NO_SANDBOX)
            _begin(texts_for(home, config, sandbox=False))
        why = cant_start()
    except StoreError as refused:
        why = cause(since) or refused.sentence
    if why and was_installed:
        raise StoreError(
            ended(f"The service doesn't start: {why}"),
            "It stays installed as it is now. To take it away: copybara service remove",
        )
    if why:
        remove()
        raise StoreError(
            ended(f"The service didn't start, and was removed again: {why}"),
            "Once `copybara start` works: copybara service install",
        )
    print_text(
        "Copybara is running, and starts again at each log-in. `copybara start` opens its page; `copybara service "
        "status` shows it."
    )
    if missing := waits_for(home):
        print_text(f"It can't call yet: {missing}")
    if not lingers() and not _keep_without_login():
        print_text(f"To keep it up while you are logged out as well, run: {_lingering()}")
    return 0


def _refuse_other_program(home: Home) -> None:
    """Raise HomeInUse if a program other than the service runs with the home, because both can't run."""
    if (running := who_runs(home)) is None:
        return
    if running.process is not None and in_service(_control_groups(running.process)):
        return
    which = f" (process {running.process})" if running.process else ""
    running.sentence = (
        f"Copybara is running outside the service{which}, so the service can't start. Nothing was changed."
    )
    running.hint = "Press Ctrl-C in the window where it runs. Then: copybara service install"
    raise running


def refuse_during_call(home: Home) -> None:
    """Raise InputError if the running program has a call, which a restart would end."""
    try:
        status: dict[str, Any] = ask(home.command_socket, AskStatus()).status or {}
    except CopybaraError:
        return
    if others := [str(call["with"]) for call in status["calls"] if call["state"] != "ended"]:
        raise InputError(
            f"There is a call with {others[0]}, which the restart would end. Nothing was changed.",
            "Hang up first. Then: copybara service install",
        )


def _control_groups(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cgroup").read_text(errors="replace")
    except OSError:
        return ""  # the process has ended


def in_service(control_groups: str) -> bool:
    """Whether a process with these control groups (cgroups(7)) belongs to the service. Pure."""
    return any(units.SERVICE in line.split("/") for line in control_groups.splitlines())


def _refuse_taken_port(port: int) -> None:
    """Raise InputError if another program uses the page's port, so that systemd couldn't open it. 0: no fixed port."""
    if not port or keeps_port(port):
        return
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return  # systemd says why
            raise InputError(
                f"Another program has the page's port {port}, so the service can't start. Nothing was changed.",
                "End it, or choose another port in copybara.toml: under [handset] `port = 8766`, for example.",
            ) from error


def _begin(texts: dict[str, str]) -> None:
    """Write the units and start them. Raises StoreError if systemd refuses."""
    for name, text in texts.items():
        path = folder() / name
        make_folder(path.parent)
        with locked_folder(path.parent):
            replace_file(path, text.encode())
        print_text(f"Wrote {path}")
    _systemctl("daemon-reload")
    _forget_failures()
    # Stop both at once, the socket first: an open page would start the service again before the socket exists.
    _systemctl("stop", units.SOCKET, units.SERVICE)
    for name in reversed(list(texts)):
        _systemctl("enable", name)
        _systemctl("restart", name)


def texts_for(home: Home, config: Config, *, sandbox: bool = True) -> dict[str, str]:
    """The units for a home with that configuration, by name."""
    folders = [units.escaped(str(folder)) for folder in _other_folders(config)]
    port = config.handset.port if config.handset.enabled else None
    return {
        units.SERVICE: units.service(
            units.escaped(own_program()), units.escaped(str(home.folder)), folders, sandbox=sandbox
        ),
        units.SOCKET: units.socket(port),
    }


def _other_folders(config: Config) -> list[Path]:
    """The folders outside the home that the program writes to."""
    return [Path(folder) for folder in (config.media.record_to, config.files.folder) if folder]


def is_outdated(home: Home, config: Config) -> bool:
    """Whether this home's units differ from what `install` would write now, with this version and these settings."""
    found = {name: _text_of(folder() / name) for name in NAMES}
    of_this_home = f"{units.HOME_SETTING}{units.escaped(str(home.folder))}" in found[units.SERVICE].splitlines()
    return of_this_home and found not in [texts_for(home, config, sandbox=sandbox) for sandbox in (True, False)]


def _text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def waits_for(home: Home) -> str:
    """Why the running program can't call yet, and what to do. Empty if it can, or doesn't run."""
    error = why_it_waits(home)
    return joined(error.sentence, error.hint) if error else ""


def why_it_waits(home: Home) -> CopybaraError | None:
    """Why the running program can't call yet, in its page's words. None if it can, or doesn't run."""
    try:
        ask(home.command_socket, AskStatus())
    except NotRunning:
        return None
    except CopybaraError as error:
        return error
    return None


def status(home: Home) -> int:
    """Print the service's state. Returns 1 if it doesn't run. Raises InputError without systemd, StoreError."""
    _need_systemd()
    if not (folder() / units.SERVICE).exists():
        print_text("There is no service. `copybara service install` makes one.")
        return 1
    states = {name: state_of(name) for name in NAMES if (folder() / name).exists()}
    if set(states.values()) == {"unknown"}:
        _systemctl("show-environment")  # says why systemd can't be asked
    for name, state in states.items():
        print_text(f"{name:18} {state}")
    print_text(f"{'without a log-in':18} {'yes' if lingers() else f'no: {_lingering()}'}")
    if why := cant_start():
        print_text(f"It can't start: {why}")
    if fails():
        print_text(f"It fails, and is started again and again: {cause() or 'it says nothing.'}")
    if states[units.SERVICE] not in RUNS:
        print_text("To start it: copybara service install")
    if missing := waits_for(home):
        print_text(f"It can't call yet: {missing}")
    with contextlib.suppress(ConfigError):  # the service reports what is wrong
        if is_outdated(home, settings(home)):
            print_text(OUTDATED)
    print_text("What it says: journalctl --user -u copybara")
    return 0 if states[units.SERVICE] == "active" and not why else 1


def installed() -> bool:
    """Whether there is something for `remove` to remove."""
    return any(map(_is_there, own_files()))


def own_files() -> list[Path]:
    """The files of `install`: both units, and the links by which systemd starts them (systemd.unit(5))."""
    links = [link for name in NAMES for link in sorted(folder().glob(f"*.wants/{name}")) if link.is_symlink()]
    return [*links, *(folder() / name for name in NAMES)]


def remove() -> int:
    """Stop and delete both units. The home stays.

    The files are deleted even if systemd or the session's bus can't be reached. Raises StoreError if a file can't be
    removed.
    """
    if not installed():
        print_text("There is no service.")
        return 0
    untold = _stopped()
    for path in filter(_is_there, own_files()):
        with known_errors(path):
            path.unlink()
        print_text(f"Removed {path}")
    if untold is None:
        untold = _told("daemon-reload")
        _forget_failures()
    print_text("The service was removed. Your home, with keys and contacts, is still there.")
    if untold is not None:
        print_text(
            f"systemd couldn't be told: {untold} If Copybara still runs in the background, it does so until the "
            "computer restarts, or until you run in a session of yours: systemctl --user stop "
            f"{units.SOCKET} {units.SERVICE}"
        )
    return 0


def _stopped() -> str | None:
    """Make systemd stop and disable the units, both at once. Returns why that failed."""
    # The socket first: an open page would start the service again.
    there = [name for name in reversed(NAMES) if (folder() / name).exists()]
    return _told("disable", "--now", *there) if there else None


def _told(*words: str) -> str | None:
    """Run a systemctl command. Returns a sentence that says why it failed."""
    try:
        _need_systemd()
        _systemctl(*words)
    except (InputError, StoreError) as error:
        return error.sentence
    return None


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _need_systemd() -> None:
    if shutil.which("systemctl") is None:
        raise InputError("There is no systemd here.", "Let what starts your programs run: copybara run")


def _systemctl(*words: str) -> None:
    """Run a systemctl command. Raises StoreError if systemd refuses."""
    with said_if_slow(f"Waiting for systemd: systemctl --user {' '.join(words)}"):
        result = asked(["systemctl", "--user", *words], SECONDS)
    if result.returncode and words[0] != "stop":
        lines = result.stderr.strip().splitlines()
        raise StoreError(
            ended(f"systemd refuses `systemctl --user {' '.join(words)}`: {lines[-1] if lines else result.returncode}"),
            "If this isn't a session of your own (but su, for example), log in as yourself and try again.",
        )


def _forget_failures() -> None:
    """Reset failures.

    After too many, systemd refuses to start a unit for five minutes, and lists it even when it is gone.
    """
    if shutil.which("systemctl") is not None:
        asked(["systemctl", "--user", "reset-failed", *NAMES], SECONDS)


def state_of(name: str, *, of_user: bool = True) -> str:
    """systemd's state of a unit, such as `active` or `failed`; `unknown` if it doesn't say.

    `of_user`: it is one of this user's units, not the system's.
    """
    if shutil.which("systemctl") is None:
        return "unknown"
    command = ["systemctl", *(["--user"] if of_user else []), "is-active", name]
    return asked(command, SECONDS).stdout.strip() or "unknown"


def fails() -> bool:
    """Whether the service has ended with an error: systemd has given up, or restarts it again and again."""
    found = _shown("ActiveState", "SubState", "NRestarts")
    again = found.get("SubState", "").startswith("auto-restart") or found.get("NRestarts", "0") != "0"
    return found.get("ActiveState") == "failed" or (found.get("ActiveState") == "activating" and again)


def cant_start() -> str:
    """Why the running service can't start the program, and what to do. Empty if it can, or doesn't run.

    See bot/page/cant_start.py.
    """
    found = _shown("ActiveState", "StatusText")
    return found.get("StatusText", "") if found.get("ActiveState") in RUNS else ""


def _shown(*properties: str) -> dict[str, str]:
    """Some properties of the service (systemctl(1), `show`)."""
    if shutil.which("systemctl") is None:
        return {}
    shown = asked(["systemctl", "--user", "show", "-p", ",".join(properties), units.SERVICE], SECONDS).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def _lacks_namespaces() -> bool:
    """Whether systemd couldn't make the service's sandbox, for example because users may have no namespaces."""
    return _shown("ExecMainStatus").get("ExecMainStatus") in NO_NAMESPACE


def cause(since: int = 0) -> str:
    """Why the service ended last: its error and hint, or what systemd says. Empty if that isn't recorded.

    Only entries from `since` on count, in Unix seconds.
    """
    if shutil.which("journalctl") is None:
        return ""
    journal = ("journalctl", "--user", "--no-pager", "--quiet", "--output=cat", "--lines=50", f"--since=@{since}")
    lines = asked([*journal, f"_SYSTEMD_USER_UNIT={units.SERVICE}"], SECONDS).stdout.splitlines()
    begin = max((at for at, line in enumerate(lines) if line.startswith("error:")), default=None)
    if begin is not None:
        return joined(*(line.removeprefix("error:").removeprefix("hint:") for line in lines[begin : begin + 2]))
    told = asked([*journal, f"--unit={units.SERVICE}"], SECONDS).stdout.splitlines()
    return next((line.strip() for line in told if "Failed at" in line), told[-1].strip() if told else "")


def groups_of_systemd() -> frozenset[int] | None:
    """The ids of the groups that this user's systemd has, from when it began; None if it doesn't run."""
    if shutil.which("systemctl") is None:
        return None
    command = ["systemctl", "show", "--property=MainPID", "--value", f"user@{os.geteuid()}.service"]
    process = asked(command, SECONDS).stdout
    try:
        lines = Path(f"/proc/{int(process)}/status").read_text(errors="replace").splitlines()
    except (OSError, ValueError):
        return None
    found = next((line.split()[1:] for line in lines if line.startswith("Groups:")), [])
    return frozenset(map(int, found))


def lingers(folder: Path = LINGER) -> bool:
    """Whether this user's services run while nobody is logged in (loginctl(1))."""
    return os.path.exists(folder / getpass.getuser())  # False too where this user may not look


def _lingering() -> str:
    return as_root(f"loginctl enable-linger {getpass.getuser()}")


def _keep_without_login() -> bool:
    # Somebody who would have to type a password for it gets the command instead: see `install`.
    command = ["loginctl", "--no-ask-password", "enable-linger"]
    return shutil.which("loginctl") is not None and asked(command, SECONDS).returncode == 0
