"""`copybara desktop status | install | remove`: adds the program to this user's desktop, or removes it."""

from __future__ import annotations

from bot.cli import service
from bot.cli.service import units
from bot.desktop.install import anything_installed, installed
from bot.desktop.install import install as install_files
from bot.desktop.install import remove as remove_files
from bot.desktop.places import Places
from bot.home import Home
from bot.process.own_program import own_program
from bot.terminal.slow_steps import said_if_slow
from bot.terminal.streams import print_text

UNKNOWN = "The desktop doesn't know Copybara. `copybara desktop install` changes that."


def install(home: Home, *, starts_at_login: bool) -> int:
    """Add an entry to the applications, links, and a start at each log-in. Raises InputError, StoreError."""
    home.prepare()
    runs_as_service = (service.folder() / units.SERVICE).exists()
    places = Places.of_user()
    program, folder = own_program(), str(home.folder.absolute())
    with said_if_slow("Telling the desktop"):
        install_files(places, program, folder, starts_at_login=starts_at_login and not runs_as_service)
    print_text("Copybara is among your applications. A click on a link copybara:… opens the page, which explains it.")
    if runs_as_service:
        print_text("The service starts it; see `copybara service status`.")
    elif starts_at_login:
        print_text("It starts when you log in. To start it now: copybara start")
    return 0


def status() -> int:
    """Say what is installed. Raises StoreError."""
    places = Places.of_user()
    if not installed(places):
        print_text(UNKNOWN)
        return 0
    how = "starts when you log in" if places.autostart.exists() else "doesn't start when you log in"
    print_text(f"A click on a link copybara:… opens the page. Copybara {how}.")
    return 0


def remove() -> int:
    """Remove all of that. Raises StoreError."""
    places = Places.of_user()
    if not anything_installed(places):
        print_text(UNKNOWN)
        return 0
    with said_if_slow("Telling the desktop"):
        remove_files(places)
    print_text("The desktop no longer knows Copybara. Your home, with keys and contacts, is still there.")
    return 0
