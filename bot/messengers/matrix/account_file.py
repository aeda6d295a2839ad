"""The account that the bot uses: a file in the home, for its owner only, written when it logs in."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from bot.home import Home
from shared.errors import InputError, StoreError
from shared.not_json import NOT_JSON
from shared.store.files import known_errors, locked_folder, replace_file

USER = re.compile(r"@[\x21-\x39\x3B-\x7E]{1,200}:[A-Za-z0-9.\[\]:_-]{1,220}")
"A user id (specification, appendices: User identifiers), as far as we look at it."

MOST_BYTES = 16 * 1024


class MatrixAccount(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account, and this device's log-in once there is one."""

    user: str
    server: str = ""
    "The address of the homeserver."

    device: str = ""
    token: str = ""
    "What the server gave us at the log-in: anyone who has it can use the account."

    owner: str = ""
    "Whose verification is waited for; the same as `user` if the bot is another device of the owner's own account."

    def __repr__(self) -> str:
        return f"Account({self.user})"  # the token goes into no log

    @property
    def logged_in(self) -> bool:
        """Whether there is a device that can be used."""
        return bool(self.server and self.device and self.token)


def account_file(home: Home) -> Path:
    """Where the file is, or belongs."""
    return home.folder / "matrix.json"


def read_account(home: Home) -> MatrixAccount | None:
    """The account; None if there is none. Raises StoreError when the file can't be read."""
    path = account_file(home)
    with known_errors(path):
        try:
            with path.open("rb") as file:
                raw = file.read(MOST_BYTES)
        except FileNotFoundError:
            return None
    try:
        return msgspec.json.decode(raw, type=MatrixAccount)
    except NOT_JSON:
        raise StoreError(f"{path} can't be read any more.", "Log in again: copybara setup matrix") from None


def logged_in_account(home: Home) -> MatrixAccount:
    """The account with its log-in. Raises InputError if there is none, StoreError."""
    account = read_account(home)
    if account is None or not account.logged_in:
        raise InputError("The bot isn't logged in to Matrix.", "Run: copybara setup matrix")
    return account


def write_account(home: Home, account: MatrixAccount) -> None:
    """Keep an account in place of the one before. Raises StoreError."""
    with locked_folder(home.folder):
        replace_file(account_file(home), msgspec.json.encode(account))


def check_user(text: str) -> str:
    """A user id as it was typed. Raises InputError if it can't be one."""
    if not USER.fullmatch(text.strip()):
        raise InputError(
            "That isn't a Matrix user.", "It begins with @ and names its server: @copybara-anna:example.org"
        )
    return text.strip()
