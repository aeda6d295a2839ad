"""Logs in and lets the owner verify the bot (`copybara setup matrix`), and reports its state (`copybara doctor`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.home import Home
from bot.messengers.matrix import NAME, check_installed
from bot.messengers.matrix.account_file import MatrixAccount, check_user, logged_in_account, read_account
from bot.terminal.asking import Asking
from bot.terminal.slow_steps import said_if_slow
from shared.config.schema import Config
from shared.errors import InputError
from shared.store import Store
from shared.store.journal import Journal

QUESTION = "The Matrix user of your bot, such as @copybara-anna:example.org? (empty: no Matrix)"

AGAIN = "Matrix is set up. Do a part of it again? (no, verify, login, reset)"

LOGGED_IN = "The bot is logged in to Matrix, and nobody has verified it yet. What is next? (no, verify, login, reset)"

PARTS = ("no", "verify", "login", "reset")
"`reset` is for an account whose keys were lost with another home."

OWNER_FACT = "e2e:owner"
"The journal's fact that says who has verified the bot, see people.py."

IN_ROOM = """
Now verify the bot. In Element, accept the invitation of {user}, open its profile there, and choose Verify by emoji.
"""

OWN_DEVICE = """
Now verify the bot. In Element, open Settings > Sessions, choose “Copybara Relay”, and verify it by emoji.
"""


def set_up(home: Home, config: Config, asking: Asking) -> Mapping[str, object] | None:
    """Ask for the bot's account, log in, and wait until the owner has compared the emoji. Raises CopybaraError."""
    account = read_account(home)
    again = ""
    if account is not None and account.logged_in:
        verified = _is_verified(home)
        question, usual = (AGAIN, "no") if verified else (LOGGED_IN, "verify")
        again = asking.until_good(question, _part, what="matrix_again", default=usual)
        if again == "no":
            return None if config.matrix.enabled else {"enabled": True}
    user = asking.until_good(QUESTION, _user_or_nothing, what="matrix_user", default=account.user if account else "")
    if not user:
        return None
    check_installed()
    if asking.answers.only_prints:
        asking.say(f"Would log in as {user}, and wait until you have verified it.")
        return None
    if account is None or not account.logged_in or account.user != user or again in ("login", "reset"):
        account = _logged_in(home, account, user, asking, reset=again == "reset")
        if account is None:
            return None
        asking.say(f"Logged in as {account.user}.")
    if asking.at_terminal:
        asyncio.run(_verify(home, account, asking))
    return None if config.matrix.enabled else {"enabled": True}


def _part(answer: str) -> str:
    if (word := answer.lower()) not in PARTS:
        raise InputError(f"{answer} is none of these.", f"Type one of: {', '.join(PARTS)}.")
    return word


def next_step(home: Home) -> str:
    """A sentence that tells the owner to verify the bot, unless that is done."""
    if _is_verified(home):
        return "  Write /help to your bot in Matrix"
    return "  copybara setup matrix   verifies your Matrix bot, at a terminal"


def look(home: Home, config: Config) -> str:
    """A sentence about the state of the configured bot. Raises InputError, StoreError."""
    del config
    account = logged_in_account(home)
    if not _is_verified(home):
        raise InputError(f"Nobody has verified {account.user} yet.", "Run: copybara setup matrix")
    check_installed()
    from bot.messengers.matrix.looking import check_accepted

    check_accepted(account)
    return f"{account.user} listens to {account.owner}"


def _is_verified(home: Home) -> bool:
    if not home.database.exists():  # looking must not create a database
        return False
    with Store(home.database) as store:
        return Journal(store, NAME).fact(OWNER_FACT) is not None


def _user_or_nothing(answer: str) -> str:
    return check_user(answer) if answer else ""


def _logged_in(
    home: Home, known: MatrixAccount | None, user: str, asking: Asking, *, reset: bool
) -> MatrixAccount | None:
    """Log in. None if that failed and the person doesn't want to try again. Without a person, it raises InputError."""
    from bot.messengers.matrix.login import log_in

    owner = asking.until_good(
        "Your own Matrix user? (empty: the bot becomes a device of that account)",
        _user_or_nothing,
        what="matrix_owner",
        default=known.owner if known else "",
    )
    server = asking.text(
        "The address of its homeserver? (empty: it is looked up)",
        what="matrix_server",
        default=known.server if known else "",
    )
    password = asking.secret(f"The password of {user}?", what="matrix_password")
    typed = MatrixAccount(user, server, owner=owner)
    try:
        with said_if_slow(f"Logging in as {user}"):
            return asyncio.run(log_in(home, typed, password, reset=reset))
    except InputError as error:
        if not asking.at_terminal:
            raise
        asking.say(f"{error.sentence} {error.hint}")
    if not asking.yes("Try again now?", default=True):
        return None
    user = asking.until_good(QUESTION, _user_or_nothing, default=user)
    if not user:
        return None
    return _logged_in(home, typed, user, asking, reset=reset)


async def _verify(home: Home, account: MatrixAccount, asking: Asking) -> None:
    from bot.messengers.matrix.login import verifying

    async with verifying(home) as ceremony:
        asking.say(OWN_DEVICE if account.owner == account.user else IN_ROOM.format(user=account.user))
        emoji = await ceremony.until_emoji()
        asking.say("   ".join(f"{picture} {name}" for picture, name in emoji), "")
        # The other app waits for a person, and other work may wait as long.
        if not asking.yes("Does your app show the same, in the same order?", default=False):
            await ceremony.differ()
            raise InputError(
                "The emoji differ. Your app isn't verified.",
                "Somebody may be in between: the server, or the network. Try again: copybara setup matrix",
            )
        await ceremony.same()
    asking.say(f"Verified. The bot takes commands from {account.owner}.")
