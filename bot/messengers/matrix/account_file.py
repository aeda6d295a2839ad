"""The bot's account: a file in the home, readable only by its owner, and written at the log-in."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from bot.home import Home
from shared.errors import InputError, StoreError
from shared.not_json import NOT_JSON
from shared.store.files import known_errors, locked_folder, replace_file

USER = re.compile(r"@[\x21-\x39\x3B-\x7E]{1,200}:[A-Za-z0-9.\[\]:_-]{1,220}")
"A user id (specification, appendices: User identifiers), as far as we check it."

MOST_BYTES = 16 * 1024


class MatrixAccount(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account. After the log-in it also has this device's access."""

    user: str
    server: str = ""
    "The address of the homeserver."

    device: str = ""
    token: str = ""
    "The access token from the log-in. Anyone who has it can use the account."

    owner: str = ""
    "The user who must verify the bot. The same as `user` if the bot is another device of the owner's account."

    def __repr__(self) -> str:
        return f"Account({self.user})"  # the token must not get into a log

    @property
    def logged_in(self) -> bool:
        """Whether the account has a device that can be used."""
        return bool(self.server and self.device and self.token)


def account_file(home: Home) -> Path:
    """Where the file is, or would be."""
    return home.folder / "matrix.json"


def read_account(home: Home) -> MatrixAccount | None:
    """The account. None if there is none. Raises StoreError if the file can't be read."""
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
    """The account after its log-in. Raises InputError if there was none, StoreError."""
    account = read_account(home)
    if account is None or not account.logged_in:
        raise InputError("The bot isn't logged in to Matrix.", "Run: copybara setup matrix")
    return account


def write_account(home: Home, account: MatrixAccount) -> None:
    """Write the account, and replace the previous one. Raises StoreError."""
    with locked_folder(home.folder):
        replace_file(account_file(home), msgspec.json.encode(account))


def check_user(text: str) -> str:
    """Check a typed user id, and return it. Raises InputError."""
    if not USER.fullmatch(text.strip()):
        raise InputError(
            "That isn't a Matrix user.", "It begins with @ and names its server: @copybara-anna:example.org"
        )
    return text.strip()
