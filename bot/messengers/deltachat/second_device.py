"""Makes this machine another device of the owner's own account.

The owner's app sends the account over the local network (Add Second Device, with a code), or has exported it to a file
(Export Backup). The account's settings stay unchanged, because some of them affect all its devices.
"""

from __future__ import annotations

import os

from bot.messengers.deltachat.account import LAST_MESSAGE, SELF, Account
from bot.messengers.deltachat.owner import Owner
from bot.messengers.deltachat.rpc import Rpc, RpcError
from shared.errors import InputError
from shared.sentences import ended

CODE = "dcbackup"
"The beginning of the code that the app shows. Its version follows."

SECONDS = 3600.0
"How long it may take to fetch an account with all its messages and pictures."


def is_code(given: str) -> bool:
    """Whether the text is the code that an app shows for a second device."""
    return given.lower().startswith(CODE)


def is_file(given: str) -> bool:
    """Whether the text is the path of an exported account. An address or an invite has no slash, or another ending."""
    return given.lower().endswith(".tar")


async def take_over(rpc: Rpc, number: int, given: str, password: str) -> Owner:
    """Turn the empty account with that number into a device of the owner's account.

    `password` is the password of an exported account. Raises InputError, RpcDown.
    """
    account = Account(rpc, number)
    try:
        if is_code(given):
            await rpc.call("get_backup", number, given, seconds=SECONDS)
        else:
            file = os.path.abspath(os.path.expanduser(given))  # noqa: ASYNC240 - changes the text
            await rpc.call("import_backup", number, file, password or None, seconds=SECONDS)
        # Old messages must not be carried out.
        await account.set_config(LAST_MESSAGE, "0")  # without a value, only the newest message is fetched
        await account.set_config(LAST_MESSAGE, str(max(await account.new_messages(), default=0)))
        return Owner(SELF, await account.fingerprint_of(SELF))
    except RpcError as error:
        raise InputError(ended(f"Your account can't be taken over: {error}"), _hint(given)) from error


def _hint(given: str) -> str:
    if is_code(given):
        return (
            "The code works as long as your app shows it, on the same network. Open Settings > Add Second Device again."
        )
    return "Check the file and its password. Your app makes one with Settings > Chats > Export Backup."
