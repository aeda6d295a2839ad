"""`copybara status`, `call`, `answer`, `hold` and others: passed to the copybara that runs with this home."""

from __future__ import annotations

import shutil
from typing import Any

from bot.cli.status_lines import status_lines
from bot.command_socket import AskStatus, Say, ask
from bot.home import Home
from bot.kinds import Kind
from bot.terminal.slow_steps import said_if_slow
from bot.terminal.streams import print_json, print_text
from bot.terminal.texts import send_this, written
from bot.terminal.wrapping import NEWS
from bot.texts.as_typed import as_typed
from shared.errors import CopybaraError, NotRunning, StoreError


def say(home: Home, text: str, *, as_json: bool) -> int:
    """Send `text` as the owner's, and print the bot's replies. Raises NotRunning."""
    try:
        with said_if_slow(f"Waiting for copybara to carry out: {as_typed(text.strip())}"):
            posts = ask(home.command_socket, Say(text)).posts
    except NotRunning:
        raise
    except CopybaraError as error:
        error.hint = as_typed(error.hint, _names(home))
        raise
    if as_json:
        print_json({"posts": posts})
        return 0
    names = _names(home)
    for post in posts:
        text = str(post["text"])
        if post.get("to") == "chat":
            print_text(send_this(str(post.get("kind"))).capitalize())
            print_text(text, to_copy=True)
            continue
        for line in written(text) if post.get("kind") == Kind.TEXT else [as_typed(text, names)]:
            print_text(line, at_least=NEWS)
    return 0


def _names(home: Home) -> list[str]:
    """The contacts' names. Empty if they can't be read, because the command itself has been carried out."""
    from shared.store import Store  # `copybara status` doesn't need it

    try:
        with Store(home.database) as store:
            return [contact.name for contact in store.contacts()]
    except StoreError:
        return []


def status(home: Home, *, as_json: bool) -> int:
    """Print what the running copybara is doing. Raises NotRunning."""
    answer: dict[str, Any] = _asked(home)
    if as_json:
        print_json(answer)
        return 0
    for line in status_lines(answer, shutil.get_terminal_size().columns):
        print_text(line)
    return 0


def _asked(home: Home) -> dict[str, Any]:
    with said_if_slow("Waiting for copybara's answer"):
        return ask(home.command_socket, AskStatus()).status or {}
