"""The bot's token: where it is read, and how it is kept out of everything else."""

from __future__ import annotations

import importlib
import logging
import os
import re
import stat
from pathlib import Path

from bot.home import Home
from shared.config.schema import Telegram as Settings
from shared.errors import InputError, StoreError
from shared.extras import how_to_add
from shared.store.files import known_errors

VARIABLE = "COPYBARA_TELEGRAM_TOKEN"
SERVICE, USER = "copybara", "telegram"
"Its service and user name in the keyring."

FORMAT = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{30,64}", re.ASCII)
# Bot API, Authorizing your bot: 123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11


class BotToken:
    """A token that isn't shown if somebody prints it by mistake."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The token itself."""
        return self._text

    def __repr__(self) -> str:
        return "Token(…)"


def token_file(home: Home, settings: Settings) -> Path:
    """Where the token's file is, or would be."""
    return Path(settings.token_file) if settings.token_file else home.folder / "telegram.token"


def read_token(home: Home, settings: Settings) -> BotToken:
    """Read the token from where the configuration says. Raises InputError, with no part of the token in the message."""
    match settings.token:
        case "file":
            text = _from_file(token_file(home, settings))
        case "environment":
            # Remove it from the environment, so that no child process inherits it.
            text = os.environ.pop(VARIABLE, "")
            if not text:
                raise InputError(f"The variable {VARIABLE} isn't set.", "Set it to the token that BotFather gave you.")
        case _:
            text = _from_keyring()
    return checked(text)


def checked(text: str) -> BotToken:
    """Check a typed token. Raises InputError, with no part of the text in the message."""
    if not FORMAT.fullmatch(text.strip()):
        raise InputError("That isn't a Telegram token.", "BotFather shows it: digits, a colon and 35 characters.")
    return BotToken(text.strip())


def silence(token: BotToken) -> None:
    """Keep the token out of all logs: the HTTP library logs addresses, and Telegram's addresses contain the token."""
    for name in ("httpx", "httpcore", "telegram"):
        logging.getLogger(name).setLevel(logging.WARNING)
    hide = _Hide(token)
    # Without -v there is no handler, and Python's last resort prints the warnings.
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if handler is not None:
            handler.addFilter(hide)


class _Hide(logging.Filter):
    """Removes the token from all log records."""

    def __init__(self, token: BotToken) -> None:
        super().__init__()
        self._token = token

    def filter(self, record: logging.LogRecord) -> bool:
        secret = self._token.reveal()
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        if secret in text:
            record.msg, record.args, record.exc_info, record.exc_text = text.replace(secret, "…"), None, None, None
        return True


def _from_file(path: Path) -> str:
    try:
        with known_errors(path):
            mode = path.stat().st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise InputError(f"Other users can read {path}.", f"Run: chmod 600 {path}")
            return path.read_text("ascii", "replace")
    except StoreError:
        raise InputError(
            f"The token {path} can't be read.",
            "Run `copybara setup telegram`, or put the token that BotFather gave you there, with mode 0600.",
        ) from None


def _from_keyring() -> str:
    try:
        found = importlib.import_module("keyring").get_password(SERVICE, USER)
    except ImportError:
        raise InputError("The package keyring isn't installed.", how_to_add("keyring")) from None
    except Exception as error:
        raise InputError(f"The keyring can't be read: {type(error).__name__}.", "Unlock it, or use a file.") from None
    if not found:
        raise InputError("The keyring has no token.", f"Run: keyring set {SERVICE} {USER}")
    return str(found)
