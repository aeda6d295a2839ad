"""What `copybara setup telegram` asks and checks, and what `copybara doctor` reports."""

from __future__ import annotations

from collections.abc import Mapping

from bot.home import Home
from bot.messengers.kept_facts import text
from bot.messengers.owner_code import code_of, forget_owner, owner_of
from bot.messengers.telegram import NAME, switches
from bot.messengers.telegram.token import BotToken, checked, read_token, silence, token_file
from bot.terminal.asking import Asking, Stopped
from shared.config.schema import Config
from shared.errors import CopybaraError, InputError, MessengerError
from shared.store import Store
from shared.store.files import locked_folder, replace_file
from shared.store.journal import CONNECTION, Journal

QUESTION = "The token of your own Telegram bot, from @BotFather? (empty: no Telegram)"


def set_up(home: Home, config: Config, asking: Asking) -> Mapping[str, object] | None:
    """Ask for the bot's token, check it (getMe), store it in its file, and switch on the ways into Telegram.

    A stored token is checked again, and the bot may get another owner. If a token is malformed or refused, a person is
    asked again; without a person that raises InputError.
    """
    settings = config.telegram
    if asking.answers.only_prints:
        asking.say("telegram   asks for the bot's token, tries it and keeps it; switches the bot's ways on")
        return None
    if settings.token == "environment" and not asking.answers.get("telegram_token"):  # noqa: S105 - a place
        return None
    if settings.token and not _replaces_kept(home, config, asking):
        return None

    def tried(answer: str) -> BotToken | None:
        if not answer:
            return None
        token = checked(answer)
        try:
            _open_ways(token, settings.base_url, asking)
        except MessengerError as error:
            asking.say(f"{error.sentence} The token was kept; `copybara doctor` will try it.")
        return token

    token = asking.until_good(QUESTION, tried, what="telegram_token", secret=True)
    if token is None:
        return None
    with locked_folder(home.folder):
        replace_file(token_file(home, settings), f"{token.reveal()}\n".encode())
    return {"token": "file"}


def _replaces_kept(home: Home, config: Config, asking: Asking) -> bool:
    """Check the stored token. Returns whether it is useless and a person can enter another one."""
    replaceable = config.telegram.token == "file" and asking.at_terminal  # noqa: S105 - a place
    try:
        token = read_token(home, config.telegram)
    except InputError as error:
        if not replaceable:
            raise
        asking.say(f"telegram   {error.sentence}")
        return True
    try:
        _open_ways(token, config.telegram.base_url, asking)
    except Stopped:
        raise
    except CopybaraError as error:
        asking.say(f"telegram   {error.sentence} {error.hint}")
        if isinstance(error, InputError) and replaceable:
            return True
    with Store(home.database) as store:
        journal = Journal(store, NAME)
        owner = owner_of(journal)
        question = f"The bot listens to user {owner}. Give it another owner?"
        if owner is not None and asking.yes(question, default=False, what="telegram_new_owner"):
            forget_owner(journal, CONNECTION)
            asking.say("Restart the program: it shows the code for the new owner.")
    return False


def _open_ways(token: BotToken, base_url: str, asking: Asking) -> None:
    """Say whose token it is, switch the ways on, and say how each stands. Raises InputError, MessengerError."""
    silence(token)
    asking.say("Asking Telegram about the bot …")
    before = switches.me(token.reveal(), base_url)
    asking.say(f"telegram   the token is @{before['username']}'s")
    told = all(way.state is switches.SwitchState.ON for way in switches.ways(before))
    if not told and asking.yes("Switch on all ways in which links can reach your bot?", default=True):
        told = switches.switch_on(token.reveal(), base_url)
        if not told:
            asking.say("Telegram doesn't let a program do that here. By hand, then:", f"{switches.MENU} see below.")
    found = switches.ways(switches.me(token.reveal(), base_url), accepted=told)
    asking.say(*(f"  {way.name:22} {way.state}{f': {way.missing}' if way.missing else ''}" for way in found))
    if any(way.missing for way in found):
        asking.say(f"To switch on what is missing: {switches.MENU} then the name after the colon.")


def next_step(home: Home) -> str:
    """A sentence with the code by which the owner claims the bot."""
    with Store(home.database) as store:
        journal = Journal(store, NAME)
        if (owner := owner_of(journal)) is not None:
            return f"Your Telegram bot listens to user {owner}."
        code = code_of(journal)
    return f"Then send your bot this, which makes you its owner:  /start {code}"


def look(home: Home, config: Config) -> str:
    """A sentence about the state of the configured bot. Raises InputError, StoreError."""
    if config.telegram.token != "environment":  # noqa: S105 - no password; reading that one would take it out
        read_token(home, config.telegram)
    with Store(home.database) as store:
        journal = Journal(store, NAME)
        bot, owner = text(journal, "bot"), owner_of(journal)
    name = f"@{bot}" if bot else "the bot"
    if owner is None:
        raise InputError(
            f"Nobody is the owner of {name} yet.", "Run `copybara start`: it shows the code to send to it."
        )
    return f"{name} listens to user {owner}"
