"""What `copybara setup telegram` asks and tries, and what `copybara doctor` looks at."""

from __future__ import annotations

from collections.abc import Mapping

from bot.asking import Asking
from bot.home import Home
from bot.messengers.owner_code import code_of, owner_of
from bot.messengers.telegram import NAME
from bot.messengers.telegram.token import FORMAT, read_token
from shared.config.schema import Config
from shared.errors import InputError
from shared.store import Store
from shared.store.files import locked_folder, replace_file
from shared.store.journal import Journal

QUESTION = "The token of your own Telegram bot, from @BotFather? (empty: no Telegram)"


def set_up(home: Home, config: Config, asking: Asking) -> Mapping[str, object] | None:
    """Ask for the bot's token and keep it in its file in the home, mode 0600. Raises InputError for what is none."""
    if config.telegram.token:
        return None
    answer = asking.secret(QUESTION, what="telegram_token")
    if not answer:
        return None
    if not FORMAT.fullmatch(answer):
        raise InputError("That isn't a Telegram token.", "BotFather shows it: digits, a colon and 35 characters.")
    with locked_folder(home.folder):
        replace_file(home.folder / "telegram.token", f"{answer}\n".encode())
    return {"token": "file"}


def next_step(home: Home) -> str:
    """The code by which the owner makes the bot theirs."""
    with Store(home.database) as store:
        code = code_of(Journal(store, NAME))
    return f"Then send your bot this, which makes you its owner:  /start {code}"


def look(home: Home, config: Config) -> str:
    """How it stands with the configured bot. Raises InputError, StoreError."""
    if config.telegram.token != "environment":  # noqa: S105 - no password; reading that one would take it out
        read_token(home, config.telegram)
    with Store(home.database) as store:
        journal = Journal(store, NAME)
        bot, owner = journal.fact("bot"), owner_of(journal)
    name = f"@{bot.decode()}" if bot else "the bot"
    if owner is None:
        raise InputError(
            f"Nobody is the owner of {name} yet.", "Run `copybara start`: it shows the code to send to it."
        )
    return f"{name} listens to user {owner}"
