"""`copybara uninstall`: removes what Copybara has made for this user, and asks whether the keys should go too.

It lists what was made for the whole computer, with root's commands to remove it (system_files.py). In a home it touches
only Copybara's own files, because the folder may have others.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.cli import service
from bot.cli.service import units
from bot.desktop.install import anything_installed
from bot.desktop.install import remove as remove_from_desktop
from bot.desktop.places import Places
from bot.home import Home, HomeLock, who_runs
from bot.terminal.as_root import as_root
from bot.terminal.asking import Asking
from bot.terminal.slow_steps import said_if_slow
from shared.errors import CopybaraError, HomeInUse, StoreError
from shared.store.files import UNFINISHED, known_errors

OWN = (
    "copybara.db*",
    "copybara.toml",
    "copybara.pid",
    "control.sock",
    "node.key",
    "sealing.key",
    "handset.key",
    "devices.removed",
    "for-root.sh",
    "telegram.token",
    "matrix.json",
    "deltachat",
    "sending",
    UNFINISHED,
)
"Patterns of the files that Copybara makes in a home. Recordings and received files belong to the person."

LINGERS = "Services of yours run while you are logged out. If nothing else of yours needs that:"

STOP_SECONDS = 15.0
"How long a program may take to end."

CHUNK = 1 << 20
"How many bytes are overwritten at a time."


def uninstall(home: Home, asking: Asking) -> int:
    """Remove the service, the desktop's entries and, if the person agrees, the home.

    If one part can't be removed, the others are. Raises HomeInUse if the program runs and should not be stopped,
    StoreError, InputError.
    """
    had_service = service.installed()
    if had_service and service.state_of(units.SERVICE) in service.RUNS:
        _agree_to_stop_service(asking)
    failed = [_tried(_remove_service)]
    _stop(home, asking)
    failed.append(_tried(_remove_from_desktop))
    home.put_back()
    found = [*own_files(home.folder), *own_files(home.restoring)]
    if not found:
        asking.say(f"There is nothing of Copybara's in {home.folder}.")
    elif _shreds(home, asking):
        lock: contextlib.AbstractContextManager[object]
        lock = HomeLock(home) if home.folder.exists() else contextlib.nullcontext()
        with lock, said_if_slow("Overwriting keys, contacts and settings"):
            for folder in (home.folder, home.restoring):
                shred(folder)
        asking.say("Your keys, contacts and settings are gone.")
        if home.folder.exists():
            asking.say(
                f"What isn't Copybara's own, or is a recording or a file that you got, is still in {home.folder}."
            )
    else:
        asking.say(f"Your keys and contacts stay in {home.folder}, so that you can come back.")
    from bot.cli import system_files  # it imports what the set-up needs

    user = getpass.getuser()
    removed = False
    try:
        removed = system_files.offer_removal(asking, user, keys=not own_files(home.folder))
    except StoreError as refused:  # the keys may be gone, so what is left to do must still be said
        failed.append(refused)
    if had_service and service.lingers():
        asking.say("", f"{LINGERS} {as_root(f'loginctl disable-linger {user}')}")
    asking.say("", f"To remove the program: {system_files.remove_program(sys.prefix)}")
    errors = [error for error in failed if error is not None]
    for error in errors:
        asking.say("", error.sentence, error.hint)
    return 1 if errors or not removed else 0


def _agree_to_stop_service(asking: Asking) -> None:
    """Ask a person; a script has agreed already. Raises HomeInUse if the service should go on."""
    question = "Copybara is running in the background. Stop it? Calls that are up end."
    if not asking.yes(question, default=not asking.at_terminal, what="stop"):
        raise HomeInUse(
            "Copybara is running in the background, so nothing was removed.",
            "Once it may stop, run `copybara uninstall` again.",
        )
    asking.say("Copybara's background service is stopped now.")


def _stop(home: Home, asking: Asking) -> None:
    """End the program that runs with the home, if the person agrees. Raises HomeInUse if it goes on."""
    if (running := who_runs(home)) is None:
        return
    question = f"Copybara is running (process {running.process}). Stop it? Calls that are up end."
    if running.process is None or not asking.yes(question, default=False, what="stop"):
        running.sentence = "Copybara is running, so nothing was removed."
        running.hint = "Stop it: press Ctrl-C in the window where it runs. Then run `copybara uninstall` again."
        raise running
    os.kill(running.process, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while (running := who_runs(home)) is not None:
        if time.monotonic() > until:
            raise running
        time.sleep(0.05)
    asking.say("It has ended.")


def _remove_service() -> None:
    if service.installed():
        service.remove()


def _remove_from_desktop() -> None:
    if anything_installed(places := Places.of_user()):
        remove_from_desktop(places)


def _tried(part: Callable[[], None]) -> CopybaraError | None:
    """Do one part. Returns the error if it fails."""
    try:
        part()
    except CopybaraError as error:
        return error
    return None


def own_files(folder: Path) -> list[Path]:
    """Copybara's files in the folder, sorted."""
    return sorted({path for pattern in OWN for path in folder.glob(pattern)})


def shred(folder: Path) -> None:
    """Overwrite and delete Copybara's files in a folder, and the folder if it is empty then.

    A disk may keep old copies all the same: flash memory, snapshots, backups. Raises StoreError.
    """
    for path in own_files(folder):
        with known_errors(path):
            if path.is_dir() and not path.is_symlink():
                for file in _files(path):
                    _overwrite(file)
                shutil.rmtree(path)
            else:
                _overwrite(path)
                path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path


def _overwrite(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        return
    with path.open("r+b") as file:
        left = path.stat().st_size
        while left > 0:
            file.write(secrets.token_bytes(min(CHUNK, left)))
            left -= CHUNK
        file.flush()
        os.fsync(file.fileno())


def _shreds(home: Home, asking: Asking) -> bool:
    asking.say(
        f"The home {home.folder} holds your keys, contacts and settings. Only a backup can bring them back, and "
        "without them your contacts need a new card of yours.",
    )
    return asking.yes("Remove them for good?", default=False, what="shred")
