"""`copybara sdp offer`, `answer`, `take`: exchanges descriptions with the running copybara over stdin and stdout."""

from __future__ import annotations

import sys

from bot.command_socket import Say, ask
from bot.home import Home
from bot.terminal.streams import print_json
from shared.errors import InputError
from shared.links.pasted import MAX_PASTED


def exchange(home: Home, words: list[str], *, as_json: bool) -> int:
    """Send `/sdp` and the words, with the text from standard input. Raises NotRunning, InputError.

    Only our own description goes to standard output. Sentences for the owner go to stderr.
    """
    text = ""
    if words[0] != "offer":
        text = _read(f"Give it a file: copybara sdp {words[0]} < FILE")
    posts = ask(home.command_socket, Say(f"/sdp {' '.join(words)} {text}")).posts
    if as_json:
        print_json({"posts": posts})
        return 0
    for post in posts:
        stream = sys.stdout if post["to"] == "chat" else sys.stderr
        stream.write(f"{str(post['text']).strip()}\n")
    return 0


def _read(hint: str) -> str:
    """Read standard input, at most MAX_PASTED characters. Raises InputError with the hint."""
    raw = sys.stdin.buffer.read(4 * MAX_PASTED + 1)
    try:
        # Some editors begin a file with a byte order mark.
        text = raw[: 4 * MAX_PASTED].decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("What is on standard input isn't text in UTF-8.", hint) from None
    if len(raw) > 4 * MAX_PASTED or len(text) > MAX_PASTED:
        raise InputError("That is too long for an offer or an answer.", "A browser's has about 9,000 characters.")
    if not text.strip():
        raise InputError("There is no offer or answer on standard input.", hint)
    return text
