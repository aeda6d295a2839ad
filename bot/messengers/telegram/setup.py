"""What `copybara init` asks about Telegram, and what `copybara doctor` looks at. Neither talks to Telegram."""

from __future__ import annotations

from bot.home import Home
from bot.messengers.owner_code import code_of, owner_of
from bot.messengers.telegram import NAME
from bot.messengers.telegram.token import FORMAT, read_token
from shared.config.schema import Config
from shared.errors import InputError
from shared.store import Store
from shared.store.files import locked_folder, write_new_file
from shared.store.journal import Journal

QUESTION = "The token of your own Telegram bot, from @BotFather? (empty: no Telegram)"

SECTION = """
[telegram]
token = "file"
"""
"What the configuration gets when there is a token."


def keep(home: Home, answer: str) -> None:
    """Write the token to its file in the home, mode 0600. Raises InputError for what is no token."""
    if not FORMAT.fullmatch(answer):
        raise InputError("That isn't a Telegram token.", "BotFather shows it: digits, a colon and 35 characters.")
    with locked_folder(home.folder):
        write_new_file(home.folder / "telegram.token", f"{answer}\n".encode())


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
            f"Nobody is the owner of {name} yet.", "Start `copybara run`: it shows the code to send to it."
        )
    return f"{name} listens to user {owner}"
