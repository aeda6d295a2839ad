"""`copybara backup`, `restore` and `export`: the home in one encrypted file, and its readable data as JSON."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from pathlib import Path

import msgspec

from bot.backup.place import put_in_place
from bot.backup.sealed_file import HEAD_BYTES, LARGEST, TAG_BYTES, check_sealed, seal, unseal
from bot.backup.snapshot import packed, unpack
from bot.cli.uninstall import own_files, shred
from bot.home import Home, HomeLock, who_runs
from bot.terminal import texts
from bot.terminal.asking import Answers, Asking, Stopped
from bot.terminal.slow_steps import said_if_slow
from bot.terminal.streams import print_json, print_text
from shared.config.file import load
from shared.contacts import Contact
from shared.errors import BadBackup, InputError, StoreError
from shared.store import Store
from shared.store.files import (
    SQLITE_SIDE_FILES,
    known_errors,
    locked_folder,
    make_folder,
    sync_folder,
    write_new_file,
)
from shared.store.restored import restored

SHORTEST = 8
"The shortest passphrase in characters. Anyone who has the file can try as many as they like."

LONGEST = 1024

TRIES = 3
"How many times a person may type a passphrase."

AT_ONCE = 1 << 20
"How many bytes of a file are read in one step."

EVERY_CALL = 1 << 31
"More calls than the log keeps."


def backup(home: Home, file: Path) -> int:
    """Write the home to a new file, encrypted with a passphrase. Raises InputError, StoreError."""
    if not home.database.exists():
        raise InputError(f"There is no home in {home.folder} yet.", "Run copybara once, or give another --home.")
    with known_errors(file):
        if file.exists():
            raise InputError(f"{file} is there already.", "Give another name.")
    passphrase = _new_passphrase(file)
    with said_if_slow("Packing and encrypting the home"):
        write(home, file, passphrase)
    recordings, files = ((folder, _count(folder)) for folder in _places(home))
    print_text(texts.backed_up(file, recordings, files))
    return 0


def write(home: Home, file: Path, passphrase: str, *, largest: int = LARGEST) -> None:
    """Write the backup. Raises StoreError, also if it has more than `largest` bytes and so couldn't be restored."""
    archive = packed(home.folder, but=_folders_of_calls(home))
    if len(archive) > largest - HEAD_BYTES - TAG_BYTES:
        raise StoreError(
            f"The backup would have {len(archive) >> 20} MB, more than can be brought back.",
            f"Look for what is large in {home.folder}, and move it elsewhere.",
        )
    write_new_file(file.absolute(), seal(archive, passphrase))


def _places(home: Home) -> tuple[Path, Path]:
    """The folders of recordings and of received files."""
    try:
        config = load(home.config)
    except InputError:
        return home.recordings, home.files  # a backup matters most when something in the home is broken
    return Path(config.media.record_to or home.recordings), Path(config.files.folder or home.files)


def _count(folder: Path) -> int:
    """How many files are in the folder and below it, but for hidden ones, which haven't arrived as a whole."""
    count = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        count += sum(not name.startswith(".") for name in files)
    return count


def _folders_of_calls(home: Home) -> list[Path]:
    """Those of them that are in the home, as paths relative to it."""
    whole = home.folder.resolve()
    return [folder.relative_to(whole) for each in _places(home) if whole in (folder := each.resolve()).parents]


def restore(home: Home, file: Path) -> int:
    """Make a home from a backup. The folder may have other files, but no home yet.

    Raises InputError, HomeInUse, StoreError, BadBackup.
    """
    home.put_back()
    _refuse_used(home)
    archive = _unsealed(read(file), Asking(Answers(), f"copybara restore {shlex.quote(str(file))}"))
    with said_if_slow("Making a home of it"):
        contacts = _made_from(archive, home)
    print_text(texts.brought_back(home.folder, contacts, *_places(home)))
    return 0


def _refuse_used(home: Home) -> None:
    """Raise InputError if there is a home already, HomeInUse if a program runs with it."""
    if (running := who_runs(home)) is not None:
        raise running
    with known_errors(home.folder):
        if own_files(home.folder) and not _unused(home):
            raise InputError(
                f"There is a home in {home.folder} already.",
                f"Move it away first: {shlex.join(['mv', str(home.folder), f'{home.folder}.old'])}. "
                "Or restore into another: --home DIR",
            )


def _unsealed(sealed: bytes, asking: Asking) -> bytes:
    """Decrypt the backup. A person may try another passphrase. Raises InputError, BadBackup."""
    check_sealed(sealed)
    left = TRIES
    while True:
        passphrase = _passphrase("Passphrase of the backup:", asking)
        left -= 1
        try:
            with said_if_slow("Decrypting the backup"):
                return unseal(sealed, passphrase)
        except BadBackup as error:
            if not (left and asking.at_terminal):
                raise
            asking.say(f"{error.sentence} Try again.")


def _unused(home: Home) -> bool:
    """Whether the home has only what commands such as `copybara contacts` make. Raises HomeInUse."""
    made = (home.database.name, *(f"{home.database.name}{end}" for end in SQLITE_SIDE_FILES), home.lock.name)
    if not home.database.exists() or any(path.name not in made for path in own_files(home.folder)):
        return False
    with HomeLock(home), Store(home.database) as store:
        return not (store.contacts() or store.call_log(1) or store.devices())


def read(file: Path, *, largest: int = LARGEST) -> bytes:
    """Read a whole backup. The size is counted while reading, because a device or a pipe doesn't have one.

    Raises StoreError, and BadBackup if there are more than `largest` bytes.
    """
    content = bytearray()
    with known_errors(file), file.open("rb") as opened:
        while len(content) <= largest and (more := opened.read(AT_ONCE)):
            content += more
    if len(content) > largest:
        raise BadBackup("That file is larger than any backup.", "Give the file that `copybara backup` wrote.")
    return bytes(content)


def _made_from(archive: bytes, home: Home) -> int:
    """Make the home completely or not at all. Returns the number of its contacts. Raises StoreError, BadBackup."""
    make_folder(home.folder.parent)
    with locked_folder(home.folder.parent):
        unfinished = Home(home.restoring)
        unfinished.prepare()
        # A restore that was killed may have left keys there.
        shred(unfinished.folder)
        shutil.rmtree(unfinished.folder, ignore_errors=True)
        try:
            unfinished.prepare()
            unpack(archive, unfinished.folder)
            if not unfinished.database.exists():
                raise BadBackup("That backup holds no home.")
            with Store(unfinished.database) as store:
                restored(store, int(time.time()))
                contacts = len(store.contacts())
            _refuse_used(home)  # somebody may have made a home while the passphrase was asked for
            _refuse_both(unfinished.folder, home.folder)
            with known_errors(home.folder):
                # The database goes last: SQLite's other files without it look like a damaged database.
                for made_by_a_look in reversed(own_files(home.folder)):
                    made_by_a_look.unlink()
                put_in_place(unfinished.folder, home.folder, home.kept)
                sync_folder(home.folder.parent)
        finally:
            shutil.rmtree(unfinished.folder, ignore_errors=True)
    return contacts


def _refuse_both(restored: Path, folder: Path) -> None:
    """Raise InputError if a file of the backup has the name of a file that stays in the home's folder."""
    with known_errors(folder):
        stays = {path.name for path in folder.iterdir()} if folder.exists() else set()
        ours = {path.name for path in own_files(folder)}
        both = sorted((stays - ours) & {path.name for path in restored.iterdir()})
    if both:
        raise InputError(f"{folder / both[0]} is there already, and is in the backup too.", "Move it away first.")


def export(home: Home) -> int:
    """Print contacts and call log as JSON, without any key. Raises StoreError."""
    home.prepare()
    with Store(home.database) as store:
        contacts = [_contact(contact) for contact in store.contacts()]
        calls = [
            msgspec.to_builtins(call)
            | {"reference": call.reference.hex(), "peer": str(call.peer), "media": call.media.words}
            for call in store.call_log(EVERY_CALL)
        ]
    print_json({"version": 1, "contacts": contacts, "calls": calls})
    return 0


def _contact(contact: Contact) -> dict[str, object]:
    values: dict[str, object] = msgspec.to_builtins(contact)
    key = contact.sealing_key
    return values | {
        "node": str(contact.node),
        "media": contact.media.words,
        "hours": str(contact.hours) if contact.hours else None,
        "sealing_key": key.hex() if key else None,
    }


def _new_passphrase(file: Path) -> str:
    """Ask for a new passphrase: a person types it twice, and may try again. Raises InputError."""
    again = f"copybara backup {shlex.quote(str(file))}"
    asking = Asking(Answers(), again)
    for left in reversed(range(TRIES)):
        try:
            given = _passphrase("Passphrase for the backup:", asking)
            if len(given) < SHORTEST:
                raise InputError(
                    f"That passphrase is too short: it needs {SHORTEST} characters or more.",
                    "Take four or five words that nobody would guess. From a script: write it to standard input.",
                )
            if asking.at_terminal and given != asking.secret("The same once more:"):
                raise InputError("The two passphrases weren't the same, so nothing was written.", f"Once more: {again}")
            break
        except InputError as error:
            if not (left and asking.at_terminal) or isinstance(error, Stopped):
                raise
            asking.say(f"{error.sentence} Try again.")
    return given


def _passphrase(question: str, asking: Asking) -> str:
    """Ask for a passphrase at the terminal, or read the first line of a script's standard input. Raises InputError."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(LONGEST).rstrip("\r\n")
    return asking.secret(question)
