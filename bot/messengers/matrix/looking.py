"""Checks whether the homeserver accepts this device, without reading messages: for `copybara doctor`."""

from __future__ import annotations

import asyncio

from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.api import MatrixApi, ServerRefusal, Unreachable
from bot.messengers.matrix.canonical import text
from bot.terminal.slow_steps import said_if_slow
from shared.errors import InputError
from shared.sentences import ended

SECONDS = 10.0


def check_accepted(account: MatrixAccount) -> None:
    """Ask the server who we are. Raises InputError if this isn't the account's device, or nobody replies."""
    with said_if_slow(f"Asking {account.server}"):
        try:
            found = asyncio.run(_asked(account))
        except Unreachable as error:
            raise InputError(
                ended(f"The Matrix server {account.server} can't be reached: {error}"),
                "Calls of the console and the page need no Matrix.",
            ) from None
        except ServerRefusal as refusal:
            if refusal.logged_out:
                raise InputError(
                    f"The Matrix server has logged out {account.user}'s device {account.device}.",
                    "Stop copybara and log in again: copybara setup matrix",
                ) from None
            raise InputError(f"The Matrix server refuses: {refusal.code}.", "Try again in a minute.") from None
    if found != account.user:
        raise InputError(
            f"The Matrix server says that this log-in isn't {account.user}'s.", "Log in again: copybara setup matrix"
        )


async def _asked(account: MatrixAccount) -> str:
    api = MatrixApi(account.server, account.token)
    async with api.open():
        return text(await api.get("/account/whoami", {}, SECONDS), "user_id")
