"""Makes the bot's Delta Chat account and finds its owner: for `copybara setup deltachat`, `init` and `doctor`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bot.home import Home
from bot.messengers.deltachat import NAME
from bot.messengers.deltachat.account import JOINED, LAST_MESSAGE, Account, next_events
from bot.messengers.deltachat.owner import ADDRESS, Owner
from bot.messengers.deltachat.rpc import NoAnswer, Rpc, RpcDown, RpcError, program
from bot.messengers.deltachat.second_device import is_code, is_file, take_over
from bot.terminal import qr_code
from bot.terminal.asking import Asking
from bot.terminal.slow_steps import said_if_slow
from shared.config.schema import Config
from shared.errors import InputError, first_error
from shared.sentences import ended
from shared.store import Store
from shared.store.files import make_folder
from shared.store.journal import OWNER, Journal

QUESTION = """
The bot's Delta Chat account. One of its own: an invite (dcaccount:…) or an address. Or yours, with the bot as one more
device: what your app shows and copies in Settings > Add Second Device (DCBACKUP…), or the file of a backup (….tar).
Which one? (empty: no Delta Chat)"""

PASSWORD = "The password of that account?"  # noqa: S105 - a question

BACKUPS_PASSWORD = "The password of that backup? (empty: none)"  # noqa: S105 - a question

SCAN = "Scan this with your own Delta Chat, or open it there. It makes you the bot's owner:"

_Result = TypeVar("_Result")

INVITES = ("dcaccount:", "dclogin:", "https://i.delta.chat/")
"The beginnings of an invite. Anything else is an address."

AGAIN = "Check the account, and try again: copybara setup deltachat"

FAILED = "Try again: copybara setup deltachat"

NOT_MADE = "The bot has no Delta Chat account yet.", "Run `copybara setup deltachat`."

OTHER_ACCOUNT = (
    "The bot has a Delta Chat account already.",
    "To make it a device of yours, stop copybara, remove the folder deltachat in its home, and run this again.",
)

TAKING_OVER = "taking-over"
"The fact that the owner's account is being taken over. A half-finished copy isn't the bot's account, and is deleted."

CLAIM_SECONDS = 600.0
"How long the QR code waits for the owner."

CONFIGURE_SECONDS = 180.0
"How long it may take to find the mail servers and log in."

ONLINE_SECONDS = 60.0
"How long the first look into the inbox may take."

_SETTINGS = {
    "bot": "1",  # others see that a program writes; every chat is accepted, and reader.py decides what counts
    "displayname": "Copybara",
    # Otherwise the owner wouldn't hear of unencrypted messages. wire.py writes to encrypted chats only.
    "force_encryption": "0",
    LAST_MESSAGE: "0",  # without a value, only the newest message would be fetched
    "mdns_enabled": "0",  # read receipts would show when the program runs
    "who_can_call_me": "1",  # only contacts; our program decides whether to answer
}


def accounts_folder(home: Home) -> Path:
    """The folder in which Delta Chat's core keeps the account, its password and its keys. Its mode is 0700."""
    return home.folder / "deltachat"


def check_made(home: Home) -> None:
    """Raise InputError if there is no account, or its program isn't installed."""
    program()
    if not _is_made(home):
        raise InputError(*NOT_MADE)


def set_up(home: Home, config: Config, asking: Asking) -> Mapping[str, object] | None:
    """Make the account or use the existing one, and let the owner scan its QR code if a person is at the terminal.

    Raises InputError, StoreError.
    """
    if asking.answers.only_prints:
        asking.say("deltachat  makes an account for the bot, and shows the QR code that makes you its owner")
        return None
    made = config.deltachat.enabled and _is_made(home)
    if made and _owner(home) is not None:
        return None
    if made:
        asking.say(f"The bot's account: {make(home, '', '')}")
    else:
        if asking.at_terminal:
            program()
        given = asking.until_good(QUESTION, lambda given: _made_by(home, given, asking), what="deltachat_account")
        if not given:
            return None
        if _is_device(given):
            return {"enabled": True}

    def show(invite: str) -> None:
        if asking.at_terminal:
            sys.stdout.write(f"{qr_code.or_why_not(qr_code.made(invite))}\n")
        asking.say(SCAN, "", invite, "")

    if asking.at_terminal and claim(home, show, CLAIM_SECONDS):
        asking.say("The bot has its owner.")
    return {"enabled": True}


def _made_by(home: Home, given: str, asking: Asking) -> str:
    """Make the account from what was given, and return that. Empty: no account is wanted.

    Raises InputError, StoreError.
    """
    if not given:
        return ""
    is_device, password = _is_device(given), ""
    if not is_code(given) and not given.lower().startswith(INVITES):
        password = asking.secret(BACKUPS_PASSWORD if is_device else PASSWORD, what="deltachat_password")
    slow = "Fetching your account" if is_device else "Finding and asking the mail servers, up to three minutes"
    with said_if_slow(slow):
        address = make(home, given, password)
    asking.say(f"The bot is a device of your account {address}." if is_device else f"The bot's account: {address}")
    return given


def _is_device(given: str) -> bool:
    return is_code(given) or is_file(given)


def next_step(home: Home) -> str:
    """A sentence that tells the owner how to claim the bot."""
    if (owner := _owner(home)) is not None and owner.has_this_account:
        return "  Delta Chat: write /help to Saved messages once the bot runs"
    if owner is not None:
        return "  Delta Chat: write to your bot once it runs; /help lists what it can do"
    return "  copybara setup deltachat   shows the QR code with which your Delta Chat becomes the bot's owner"


def look(home: Home, config: Config) -> str:
    """A sentence about the state of the configured account. Raises InputError, StoreError."""
    check_made(home)
    if not home.database.exists():  # looking must not create a database
        raise InputError(*NOT_MADE)
    with Store(home.database) as store:
        journal = Journal(store, NAME)
        address, owner = journal.fact(ADDRESS), Owner.read(journal.fact(OWNER))
    name = address.decode(errors="replace") if address else "the bot"
    if owner is None:
        raise InputError(f"Nobody is the owner of {name} yet.", "`copybara setup deltachat` shows a QR code to scan.")
    if owner.has_this_account:
        return f"a device of {name}, and listens to its others"
    return f"{name} listens to the key {owner.fingerprint[:16]}…"


def make(home: Home, account: str, password: str, *, seconds: float = CONFIGURE_SECONDS) -> str:
    """Make the account, and return its address. An existing account isn't changed.

    `account` is an invite, an address with a password, or a code or file for a device of the owner's account. The mail
    servers of a new account have `seconds` to answer. Raises InputError, StoreError.
    """
    return _run(_make(home, account, password, seconds))


def claim(home: Home, show: Callable[[str], None], seconds: float) -> bool:
    """Wait until somebody adds the bot by its QR code, and make them its owner. Returns False if nobody does.

    `show` gets the content of the QR code. If there is an owner already, returns True at once. Raises InputError,
    StoreError.
    """
    with Store(home.database) as store:
        journal = Journal(store, NAME)
        if Owner.read(journal.fact(OWNER)) is not None:
            return True
        owner = _run(_claimed(home, show, seconds))
        if owner is not None:
            journal.set_facts({OWNER: owner.kept()})
    return owner is not None


def _is_made(home: Home) -> bool:
    return (accounts_folder(home) / "accounts" / "accounts.toml").exists()


def _owner(home: Home) -> Owner | None:
    with Store(home.database) as store:
        return Owner.read(Journal(store, NAME).fact(OWNER))


async def _make(home: Home, given: str, password: str, seconds: float) -> str:
    folder = accounts_folder(home)
    make_folder(folder)
    rpc = Rpc(folder / "accounts")
    async with rpc.running():
        for number in await rpc.call("get_all_account_ids"):
            if await rpc.call("is_configured", number) and not _half_taken_over(home):
                if _is_device(given):
                    raise InputError(*OTHER_ACCOUNT)
                return await _address(home, Account(rpc, number))
            await rpc.call("remove_account", number)
        if not given:
            raise InputError("There is nothing to make an account from.", "Give an invite, or the bot's address.")
        with Store(home.database) as store, store.transaction():
            journal = Journal(store, NAME)
            journal.forget_everything()
            if _is_device(given):
                journal.set_facts({TAKING_OVER: b"1"})
        number = await rpc.call("add_account")
        if _is_device(given):
            return await _taken_over(home, rpc, number, given, password)
        await rpc.call("batch_set_config", number, _SETTINGS)
        try:
            if given.lower().startswith(INVITES):
                await rpc.call("add_transport_from_qr", number, given, seconds=seconds)
            else:
                login: dict[str, Any] = {"addr": given, "password": password}
                await rpc.call("add_or_update_transport", number, login, seconds=seconds)
        except RpcError as error:
            await rpc.call("remove_account", number)
            raise InputError(ended(f"Delta Chat can't use that account: {error}"), AGAIN) from error
        except NoAnswer as error:
            # The core is busy with the half-finished account, so the next try removes it.
            raise InputError("The account's mail servers come to no end.", AGAIN) from error
        await _seen_its_inbox(rpc, Account(rpc, number))
        return await _address(home, Account(rpc, number))


async def _taken_over(home: Home, rpc: Rpc, number: int, given: str, password: str) -> str:
    try:
        owner = await take_over(rpc, number, given, password)
    except InputError:
        await rpc.call("remove_account", number)
        raise
    with Store(home.database) as store:
        Journal(store, NAME).set_facts({OWNER: owner.kept(), TAKING_OVER: None})
    return await _address(home, Account(rpc, number))


def _half_taken_over(home: Home) -> bool:
    with Store(home.database) as store:
        return Journal(store, NAME).fact(TAKING_OVER) is not None


async def _seen_its_inbox(rpc: Rpc, account: Account) -> None:
    """Go online once. Messages before the first look into the inbox would never be read (imap.rs in the core)."""
    await account.start()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ONLINE_SECONDS):
            while not any(event["kind"] == "ImapInboxIdle" for _, event in await next_events(rpc)):
                pass


async def _address(home: Home, account: Account) -> str:
    address = await account.config("configured_addr") or await account.config("addr") or ""
    with Store(home.database) as store:
        Journal(store, NAME).set_facts({ADDRESS: address.encode()})
    return address


async def _claimed(home: Home, show: Callable[[str], None], seconds: float) -> Owner | None:
    rpc = Rpc(accounts_folder(home) / "accounts")
    async with rpc.running():
        account = Account(rpc, int((await rpc.call("get_all_account_ids"))[0]))
        await account.start()
        invite = await account.invite()
        show(invite)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for _, event in await next_events(rpc):
                        if event["kind"] == "SecurejoinInviterProgress" and event["progress"] == JOINED:
                            contact = int(event["contactId"])
                            if fingerprint := await account.fingerprint_of(contact):
                                await account.withdraw(invite)
                                return Owner(contact, fingerprint)
        except TimeoutError:
            return None


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine that talks to the core. Raises InputError for its errors."""
    try:
        return asyncio.run(work)
    except (RpcDown, RpcError) as error:
        raise InputError(ended(f"Delta Chat's core failed: {error}"), FAILED) from error
    except BaseExceptionGroup as group:
        first = first_error(group)
        if isinstance(first, RpcDown | RpcError):
            raise InputError(ended(f"Delta Chat's core failed: {first}"), FAILED) from group
        raise first from group
