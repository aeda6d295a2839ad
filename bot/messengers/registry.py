"""The messengers that a configuration can ask for, as a table: to add one is to add an entry.

The console isn't in it: `copybara run --console` asks for that.
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
    """What `copybara setup` asks about a messenger, and what `copybara doctor` looks at: a module of its folder."""

    def set_up(self, home: Home, config: Config, asking: Asking) -> Mapping[str, object] | None:
        """Ask what the messenger needs, check it, and keep secrets in files of the home.

        Returns what its section of the configuration gets; None: nothing changes. Raises CopybaraError.
        """

    def next_step(self, home: Home) -> str:
        """What the owner does after that, in a sentence."""

    def look(self, home: Home, config: Config) -> str:
        """How it stands with the configured one. Raises InputError, StoreError."""


class Entry(msgspec.Struct, frozen=True):
    """One messenger."""

    name: str
    "As in the configuration's section, and in the journal."

    is_configured: Callable[[Config], bool]
    open: Callable[[Home, Config, StoreThread], Messenger]
    "Raises InputError when it can't be opened. Imports its libraries only then."

    setup: Callable[[], Setup]
    "Imports that module only then: a program that runs sets nothing up."

    offer: str
    "As `copybara setup` offers it."

    asks_first: str
    "What its setup asks first, by its name in bot/terminal/asking.py."

    asks_a_secret: bool = False
    "Whether that is one."

    check_installed: Callable[[], None] = lambda: None
    "Raises InputError without what only an extra brings, and says how to add that."


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
        telegram.NAME,
        lambda config: bool(config.telegram.token),
        telegram.telegram,
        _telegram_setup,
        TELEGRAM,
        "telegram_token",
        asks_a_secret=True,
    ),
    Entry(
        deltachat.NAME,
        lambda config: config.deltachat.enabled,
        deltachat.deltachat,
        _deltachat_setup,
        DELTACHAT,
        "deltachat_account",
        asks_a_secret=True,
        check_installed=_deltachat_installed,
    ),
    Entry(
        matrix.NAME,
        lambda config: config.matrix.enabled,
        matrix.matrix,
        _matrix_setup,
        MATRIX,
        "matrix_user",
        check_installed=matrix.check_installed,
    ),
)


def configured(config: Config) -> list[Entry]:
    """Those that a configuration asks for."""
    return [entry for entry in MESSENGERS if entry.is_configured(config)]
