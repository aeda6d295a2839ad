"""The owner's own account, taken over to this machine as one more device of it.

Their app hands it over itself (Add Second Device: a code, over the local network), or has exported it as a file
(Export Backup). The account's settings stay as they are, for some of them reach all its devices.
"""

from __future__ import annotations

import os

from bot.messengers.deltachat.account import LAST_MESSAGE, SELF, Account
from bot.messengers.deltachat.owner import Owner
from bot.messengers.deltachat.rpc import Rpc, RpcError
from shared.errors import InputError
from shared.sentences import ended

CODE = "dcbackup"
"What the code begins with that their app shows, followed by its version."

SECONDS = 3600.0
"How long fetching an account may take, with all its messages and pictures."


def is_code(given: str) -> bool:
    """Whether that is what an app shows to add a second device."""
    return given.lower().startswith(CODE)


def is_file(given: str) -> bool:
    """Whether that is an exported account; an address or an invite has no slash, or ends otherwise."""
    return given.lower().endswith(".tar")


async def take_over(rpc: Rpc, number: int, given: str, password: str) -> Owner:
    """Make the empty account with that number a device of the owner's; `password` is an exported one's.

    Raises InputError, RpcDown.
    """
    account = Account(rpc, number)
    try:
        if is_code(given):
            await rpc.call("get_backup", number, given, seconds=SECONDS)
        else:
            file = os.path.abspath(os.path.expanduser(given))  # noqa: ASYNC240 - changes the text
            await rpc.call("import_backup", number, file, password or None, seconds=SECONDS)
        # What was written before is nothing to act on.
        await account.set_config(LAST_MESSAGE, "0")  # without a value only the newest message is handed out
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
