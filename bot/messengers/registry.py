"""The table of messengers that a configuration can ask for. Adding one means adding an entry.

The console isn't in the table, because `copybara run --console` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from bot.conversation import Messenger
from bot.home import Home
from bot.messengers import deltachat, matrix, telegram
from bot.terminal.asking import Asking
from shared.config.schema import Config
from shared.store import StoreThread


class Setup(Protocol):
    """A messenger's module for `copybara setup` and `copybara doctor`."""

    def set_up(self, home: Home, config: Config, asking: Asking) -> Mapping[str, object] | None:
        """Ask for what the messenger needs, check it, and store secrets in files of the home.

        Returns the messenger's section of the configuration. None if nothing changes. Raises CopybaraError.
        """

    def next_step(self, home: Home) -> str:
        """A sentence that tells the owner what to do next."""

    def look(self, home: Home, config: Config) -> str:
        """A sentence about the state of the configured messenger. Raises InputError, StoreError."""


class Entry(msgspec.Struct, frozen=True):
    """One messenger."""

    name: str
    "Its name in the configuration and in the journal."

    is_configured: Callable[[Config], bool]
    open: Callable[[Home, Config, StoreThread], Messenger]
    "Opens the messenger. Imports its libraries only then. Raises InputError if it can't be opened."

    setup: Callable[[], Setup]
    "Imports its setup module. Only `setup` and `doctor` need that module."

    offer: str
    "Its description in `copybara setup`."

    asks_first: str
    "The first question of its setup, by its name in bot/terminal/asking.py."

    asks_a_secret: bool = False
    "Whether the answer to that question is a secret."

    check_installed: Callable[[], None] = lambda: None
    "Raises InputError if an extra is missing, and says how to add it."


TELEGRAM = "Telegram, by a bot of my own (copybara manual telegram)"
DELTACHAT = "Delta Chat, by an account for a bot, end-to-end encrypted (copybara manual deltachat)"
MATRIX = "Matrix, by an account for a bot, end-to-end encrypted (copybara manual matrix)"


def _telegram_setup() -> Setup:
    from bot.messengers.telegram import setup

    return setup


def _deltachat_setup() -> Setup:
    from bot.messengers.deltachat import setup

    return setup


def _deltachat_installed() -> None:
    from bot.messengers.deltachat.rpc import program

    program()


def _matrix_setup() -> Setup:
    from bot.messengers.matrix import setup

    return setup


MESSENGERS = (
    Entry(
        name=telegram.NAME,
        is_configured=lambda config: bool(config.telegram.token),
        open=telegram.telegram,
        setup=_telegram_setup,
        offer=TELEGRAM,
        asks_first="telegram_token",
        asks_a_secret=True,
    ),
    Entry(
        name=deltachat.NAME,
        is_configured=lambda config: config.deltachat.enabled,
        open=deltachat.deltachat,
        setup=_deltachat_setup,
        offer=DELTACHAT,
        asks_first="deltachat_account",
        asks_a_secret=True,
        check_installed=_deltachat_installed,
    ),
    Entry(
        name=matrix.NAME,
        is_configured=lambda config: config.matrix.enabled,
        open=matrix.matrix,
        setup=_matrix_setup,
        offer=MATRIX,
        asks_first="matrix_user",
        check_installed=matrix.check_installed,
    ),
)


def configured(config: Config) -> list[Entry]:
    """The messengers that a configuration asks for."""
    return [entry for entry in MESSENGERS if entry.is_configured(config)]
