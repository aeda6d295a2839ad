"""Links in the text of a chat: written for people to tap, and found again anywhere in a message."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.errors import LocalProtocolError
from shared.links.tokens import MAX_TOKEN_LENGTH, SIZES, BadLink, kind_of, to_bytes

MAX_TEXT = 4 * 4096
"Characters of a message that are looked at: four of Telegram's longest."

MAX_FOUND = 64
"Links that are looked at in one message."

TELEGRAM_START_LENGTH = 64
"Characters that the `start` parameter of a Telegram bot's link takes (core.telegram.org/bots/features#deep-linking)."

_CANDIDATE = re.compile(
    r"""
    (?P<prefix>
        copybara:
      | http://(?:127\.0\.0\.1|[a-z0-9-]{1,63}\.localhost):[0-9]{1,5}/\#
      | (?:https?://)?t\.me/[a-z0-9_]{1,32}\?start=
    )?
    (?P<run>[A-Za-z0-9_-]+)
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
# Linear: a match takes a whole run, so a prefix is tried once a run, and each of its parts has a bound.


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of a message that is, or was meant to be, a link."""

    token: str
    "The token alone; nothing says yet that it can be decoded."

    prefixed: bool
    "Whether it stood in one of the URL forms, so that somebody surely meant it as a link."

    start: int
    "Index in the message of the link's first character, that of the URL if there is one."

    end: int
    "Index after its last character."


def find(text: str) -> list[Found]:
    """Find the links in a message, each token once, in the order of the text.

    A token is found in `copybara:TOKEN`, `http://127.0.0.1:PORT/#TOKEN`, `http://NAME.localhost:PORT/#TOKEN` and
    `https://t.me/BOT?start=TOKEN` whatever it is, so that a mistake in it can be explained. One that stands alone is
    found if its length and first byte fit a kind of link, or if the message is nothing else. Only the first MAX_TEXT
    characters are read, only the first MAX_FOUND links are given, and the time is linear in the text.
    """
    text = text[:MAX_TEXT]
    whole = text.strip()
    found: dict[str, Found] = {}
    for match in _CANDIDATE.finditer(text):
        run, prefixed = match["run"], match["prefix"] is not None
        if len(run) > MAX_TOKEN_LENGTH or run in found:
            continue
        if prefixed or run == whole or _fits_a_kind(run):
            found[run] = Found(run, prefixed, match.start(), match.end())
            if len(found) == MAX_FOUND:
                break
    return list(found.values())


def _fits_a_kind(run: str) -> bool:
    try:
        kind = kind_of(to_bytes(run[:4]))
    except BadLink:
        return False
    return len(run) % 4 != 1 and len(run) * 3 // 4 in SIZES[kind]


def as_copybara(token: str) -> str:
    """`copybara:TOKEN`, for programs and QR codes."""
    return f"copybara:{token}"


def as_handset(token: str, port: int) -> str:
    """`http://127.0.0.1:PORT/#TOKEN`: opens the reader's own handset page; the token never leaves the browser."""
    return f"http://127.0.0.1:{port}/#{token}"


def as_telegram(token: str, bot: str) -> str:
    """`https://t.me/BOT?start=TOKEN`: hands the token to the Telegram bot of that user name.

    Raises LocalProtocolError for a token longer than TELEGRAM_START_LENGTH, which Telegram would cut off.
    """
    if len(token) > TELEGRAM_START_LENGTH:
        raise LocalProtocolError(f"Telegram's start links take {TELEGRAM_START_LENGTH} characters, not {len(token)}.")
    return f"https://t.me/{bot}?start={token}"
