"""The home: where one copybara keeps everything, who holds it, and the keys that are files in it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import shlex
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import platformdirs
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bot.backup.place import put_back
from shared.errors import HomeInUse, StoreError
from shared.store.files import (
    FILE_MODE,
    FOLDER_MODE,
    known_errors,
    locked_folder,
    make_folder,
    make_private,
    remove_unfinished,
    write_new_file,
)
from shared.store.replaceable import replaceable

logger = logging.getLogger(__name__)

VARIABLE = "COPYBARA_HOME"
"The environment variable that names the home."

PROGRAM = "copybara"

SEALING_KEY_BYTES = 32

HANDSET_KEY_BYTES = 32

_OWN_WRITE = stat.S_IWUSR | stat.S_IXUSR
"What the owner needs to make files in a folder. On a disk that is read-only these bits may be set all the same."

STOP_HINT = (
    "Stop it first: press Ctrl-C in the window where it runs, or for the background service run "
    "`systemctl --user stop copybara.socket copybara.service`. Or give this one another home with --home."
)


class Home(msgspec.Struct, frozen=True):
    """One home. Making the value touches nothing; `prepare` makes the folder."""

    folder: Path
    "An absolute path."

    @classmethod
    def find(cls, given: Path | None = None) -> Home:
        """The home in `given` (--home), else in COPYBARA_HOME, else in the user's data folder (XDG)."""
        chosen = given or os.environ.get(VARIABLE)
        try:
            return cls(Path(chosen or platformdirs.user_data_path(PROGRAM, appauthor=False)).expanduser().absolute())
        except RuntimeError as error:  # neither HOME nor an entry in the password database
            which = f"folder {str(chosen)!r}" if chosen else "folder for this home"
            raise StoreError(
                f"There is no {which}: the user has no home folder.", "Set HOME, or name a folder with --home."
            ) from error
        except (OSError, ValueError) as error:  # the current folder has been removed; a NUL character
            raise StoreError(f"There is no folder {str(chosen)!r}.", "Give another one with --home.") from error

    @property
    def restoring(self) -> Path:
        """Where a home that is restored from a backup is until it is whole."""
        return self.folder.with_name(f".{self.folder.name}.restoring")

    @property
    def kept(self) -> Path:
        """Where the person's own files of a home's folder are while a restored home takes its place."""
        return self.folder.with_name(f".{self.folder.name}.kept")

    @property
    def database(self) -> Path:
        """The file of the store."""
        return self.folder / "copybara.db"

    @property
    def node_key(self) -> Path:
        """The loopback overlay's node key."""
        return self.folder / "node.key"

    @property
    def sealing_key(self) -> Path:
        """The private key of the contact card; read it with `load_sealing_key`."""
        return self.folder / "sealing.key"

    @property
    def handset_key(self) -> Path:
        """The key that the handset page and its server prove to each other; read it with `load_handset_key`."""
        return self.folder / "handset.key"

    @property
    def removed_devices(self) -> Path:
        """Which devices were removed and couldn't be erased yet (bot/devices/removed.py)."""
        return self.folder / "devices.removed"

    @property
    def command_socket(self) -> Path:
        """The socket on which the running process takes commands (bot/command_socket.py)."""
        return self.folder / "control.sock"

    @property
    def for_root(self) -> Path:
        """What an administrator has to run, while set-up waits for that (bot/cli/setup/yggdrasil/for_root.py)."""
        return self.folder / "for-root.sh"

    @property
    def recordings(self) -> Path:
        """Where recordings go unless the configuration names another folder. Not made here."""
        return self.folder / "recordings"

    @property
    def files(self) -> Path:
        """Where files go that others send in calls, unless the configuration names another folder. Not made here."""
        return self.folder / "files"

    @property
    def sending(self) -> Path:
        """Where copies wait of what the page sends. Not made here."""
        return self.folder / "sending"

    @property
    def lock(self) -> Path:
        """The file whose lock tells that a process runs with this home."""
        return self.folder / "copybara.pid"

    @property
    def own_config(self) -> Path:
        """Where this home's configuration is to be written."""
        return self.folder / "copybara.toml"

    @property
    def config(self) -> Path | None:
        """The configuration to read: the home's own, else the user's (XDG), else None for the defaults."""
        places = [self.own_config]
        with contextlib.suppress(RuntimeError):  # the user has no home folder
            places.append(platformdirs.user_config_path(PROGRAM, appauthor=False) / "copybara.toml")
        with known_errors(self.folder):
            return next((path for path in places if _is_named(path)), None)

    def prepare(self) -> None:
        """Make the home, of mode 0700, if there is none yet.

        A folder that is there and empty becomes 0700 too. One that has things in it is left as it is, as long
        as nobody but its owner can write there: all our files in it are 0600. Raises StoreError if the folder
        can't be made, belongs to somebody else, can be written to by others, or lies where others could put another
        one in its place; and while a backup is to become the home.
        """
        self._refuse_replaceable()
        self.refuse_half_restored()
        make_folder(self.folder)
        self.put_back()
        with known_errors(self.folder):
            status = self.folder.stat()
            empty = next(self.folder.iterdir(), None) is None
        if empty and status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) != FOLDER_MODE:
            with known_errors(self.folder):
                self.folder.chmod(FOLDER_MODE)
        else:
            self.check(status)

    def check(self, status: os.stat_result) -> None:
        """Raise StoreError if the folder with this status isn't ours, or others can write in it or replace it."""
        self._refuse_replaceable()
        if status.st_uid != os.geteuid():
            raise StoreError(f"The home {self.folder} belongs to another user.", "Give one of your own with --home.")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise StoreError(
                f"Other users can write to the home {self.folder}.",
                f"If it is yours alone, run: chmod 700 {self.folder}. Else give another one with --home.",
            )
        if not os.access(self.folder, os.W_OK | os.X_OK) and status.st_mode & _OWN_WRITE != _OWN_WRITE:
            raise StoreError(
                f"You may not write in the home {self.folder}.", f"Run: chmod u+rwx {shlex.quote(str(self.folder))}"
            )

    def refuse_half_restored(self) -> None:
        """Raise StoreError if a backup was to become the home and hasn't: a new home would be in its way."""
        with known_errors(self.folder):
            is_half = self.restoring.exists() and not self.database.exists()
        if is_half:
            raise StoreError(
                f"A backup is being restored to {self.folder}, or that was interrupted.",
                "If it was, run `copybara restore FILE` again. To begin without the backup: "
                f"rm -r {shlex.quote(str(self.restoring))}",
            )

    def put_back(self) -> None:
        """Bring back what a restore has put aside that was killed. What can't be brought back is named in the log."""
        try:
            with known_errors(self.kept):
                if not self.kept.exists():
                    return
            make_folder(self.folder)
            with locked_folder(self.folder.parent), known_errors(self.kept):  # one that goes on is waited for
                put_back(self.kept, self.folder)
                if not self.kept.exists():
                    return
            why = "others there have their names"
        except StoreError as error:
            why = error.sentence
        logger.warning("files of yours are still in %s, not in %s: %s", self.kept, self.folder, why)

    def _refuse_replaceable(self) -> None:
        """Raise StoreError if a folder above the home lets others rename what is in it."""
        with known_errors(self.folder):
            found = replaceable(self.folder)
        if found is not None:
            raise StoreError(
                f"{found.who} could put another folder in the home's place: {found.folder} allows it.",
                f"Give a home elsewhere with --home, or see to it that only you can write to {found.folder}.",
            )

    def load_sealing_key(self) -> X25519PrivateKey:
        """The key that sealed first-contact links to us are opened with; made once, then always the same.

        Call it after `prepare`. Raises StoreError if the file can't be read or isn't 32 bytes long.
        """
        with locked_folder(self.folder):  # of two processes that both find no key, one makes it
            remove_unfinished(self.folder)  # a killed process may have left another key, or a token
            if not self.sealing_key.exists():
                write_new_file(self.sealing_key, X25519PrivateKey.generate().private_bytes_raw())
            make_private(self.sealing_key)
            with known_errors(self.sealing_key):
                raw = self.sealing_key.read_bytes()
        if len(raw) != SEALING_KEY_BYTES:
            raise StoreError(
                f"The key {self.sealing_key} is damaged: it has {len(raw)} bytes, not {SEALING_KEY_BYTES}.",
                "Put a backup in its place. Or move it away: a new one is made, and contacts need your new card.",
            )
        return X25519PrivateKey.from_private_bytes(raw)

    def load_handset_key(self) -> bytes:
        """The handset's key, 32 random bytes; made once, then always the same. Call it after `prepare`.

        Raises StoreError if the file can't be read. One that is damaged is replaced: browsers then need the address.
        """
        with locked_folder(self.folder):
            with known_errors(self.handset_key):
                raw = self.handset_key.read_bytes() if self.handset_key.exists() else b""
                if len(raw) != HANDSET_KEY_BYTES:
                    self.handset_key.unlink(missing_ok=True)
                    raw = secrets.token_bytes(HANDSET_KEY_BYTES)
                    write_new_file(self.handset_key, raw)
            make_private(self.handset_key)
        return raw


class HomeLock:
    """Holds a home for one process, from `with` to its end or the end of the process, however it ends.

    The lock is the kernel's (flock on `Home.lock`), so the file of a dead process is no obstacle. The process
    number in the file is only there for messages.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the home. Raises HomeInUse, naming the process that has it, and StoreError for a bad file."""
        with known_errors(self._home.lock):
            descriptor = os.open(self._home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            with known_errors(self._home.lock):
                self._flock(descriptor)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of the home. The file stays: removing it could remove the lock of the next one."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):  # a disk that fails; the number in the file only was for messages
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _flock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            holder = os.pread(descriptor, 32, 0).strip()
            process = int(holder) if holder.isdigit() else None
            who = f"Process {process}" if process else "Another process"
            in_use = HomeInUse(f"{who} is already running with the home {self._home.folder}.", STOP_HINT)
            in_use.process = process
            raise in_use from error


def who_runs(home: Home) -> HomeInUse | None:
    """What says that a process runs with the home, if one does. Makes no file. Raises StoreError for a bad file."""
    with known_errors(home.lock):
        if not home.lock.exists():
            return None
    try:
        with HomeLock(home):
            return None
    except HomeInUse as error:
        return error


def _is_named(path: Path) -> bool:
    """Whether something has that name, if only a link that leads nowhere: then it is said, instead of ignored."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
