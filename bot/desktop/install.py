"""`copybara desktop install` and `remove`: the files that make a desktop know the program.

For this user; root isn't needed. Doing either twice changes nothing. Only what was installed is removed: each file says
that it was.
"""

from __future__ import annotations

from pathlib import Path

from bot.desktop import entries
from bot.desktop.mimeapps import with_default, without_default
from bot.desktop.places import ENTRY, Places
from bot.terminal.streams import print_text
from peer import handset
from shared.errors import StoreError
from shared.store.files import known_errors, make_folder, replace_file

ICON = Path(handset.__file__).parent / "static" / "icon.svg"
"The page's own."

MAX_FILE = 1 << 20
"Bytes of a file of the desktop's that are read; a list of what opens what has a few thousand."


def install(places: Places, program: str, home: str, *, starts_at_login: bool) -> None:
    """Write the files, and say which. `program` and `home` are absolute paths. Raises StoreError."""
    icon = ICON.read_text()
    files = {
        places.icon: f"{icon.rstrip()}\n<!-- {entries.MARK} -->\n",
        places.application: entries.application(program, home),
    }
    if starts_at_login:
        files[places.autostart] = entries.autostart(program, home)
    for path in files:
        _check_own(path)
    for path, text in files.items():
        _write(path, text)
    if not starts_at_login:
        _remove(places.autostart)
    before = _read(places.mimeapps) or ""
    _write(places.mimeapps, with_default(before, entries.SCHEME, ENTRY))


def remove(places: Places) -> None:
    """Take away what `install` has made, and say what. Raises StoreError."""
    for path in (places.autostart, places.application, places.icon):
        _remove(path)
    before = _read(places.mimeapps)
    if before is None:
        return
    after = without_default(before, entries.SCHEME, ENTRY)
    if not after and before:
        with known_errors(places.mimeapps):
            places.mimeapps.resolve().unlink()
        print_text(f"Removed {places.mimeapps}")
    else:
        _write(places.mimeapps, after)


def installed(places: Places) -> bool:
    """Whether the desktop knows the program from us, and links lead to it. Raises StoreError."""
    listed = _read(places.mimeapps) or ""
    return _is_own(places.application) and with_default(listed, entries.SCHEME, ENTRY) == listed


def anything_installed(places: Places) -> bool:
    """Whether there is something for `remove`. Raises StoreError."""
    listed = _read(places.mimeapps) or ""
    files = (places.autostart, places.application, places.icon)
    return any(map(_is_own, files)) or without_default(listed, entries.SCHEME, ENTRY) != listed


def _is_own(path: Path) -> bool:
    return entries.MARK in (_read(path) or "")


def _check_own(path: Path) -> None:
    if _read(path) is not None and not _is_own(path):
        raise StoreError(f"{path} is there and isn't Copybara's.", "Move it away, then try again.")


def _read(path: Path) -> str | None:
    """The text of a file, with every byte of it; None if there is no such file."""
    with known_errors(path):
        try:
            with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                text = file.read(MAX_FILE + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
    if len(text) > MAX_FILE:
        raise StoreError(f"{path} is too large.", "It should be a small text file: look what is in it.")
    return text


def _write(path: Path, text: str) -> None:
    """Put the text into a file, all of it or nothing, and say so; a file that holds it already stays as it is."""
    if _read(path) == text:
        return
    with known_errors(path):
        # What the link points to: some people keep such files in one place, and link to them.
        true_path = path.resolve()
        make_folder(true_path.parent)
    replace_file(true_path, text.encode("utf-8", "surrogateescape"), 0o644)
    print_text(f"Wrote {path}")


def _remove(path: Path) -> None:
    if not _is_own(path):
        return
    with known_errors(path):
        path.unlink()
    print_text(f"Removed {path}")
