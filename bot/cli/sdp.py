"""`copybara sdp offer`, `answer`, `take`: descriptions by standard input and output, with the copybara that runs."""

from __future__ import annotations

import sys

from bot.control_socket import Say, ask
from bot.home import Home
from bot.streams import print_json
from shared.errors import InputError
from shared.links.pasted import MAX_PASTED


def exchange(home: Home, words: list[str], *, as_json: bool) -> int:
    """Send `/sdp` and the words, with the text from standard input. Raises NotRunning, InputError.

    Our own description goes to standard output and nothing else does; what is said to the owner goes to stderr.
    """
    text = ""
    if words[0] != "offer":
        try:
            # Some editors begin a file with a mark.
            text = sys.stdin.buffer.read(4 * MAX_PASTED).decode("utf-8-sig")
        except UnicodeDecodeError:
            text = ""
        if len(text) > MAX_PASTED or not text.strip():
            raise InputError("There is no offer or answer on standard input.", "copybara sdp answer < offer.sdp")
    posts = ask(home.control_socket, Say(f"/sdp {' '.join(words)} {text}")).posts
    if as_json:
        print_json({"posts": posts})
        return 0
    for post in posts:
        stream = sys.stdout if post["to"] == "chat" else sys.stderr
        stream.write(f"{str(post['text']).strip()}\n")
    return 0
