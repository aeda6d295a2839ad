"""Writes links so that people can tap them in a chat, and finds links anywhere in a message."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from shared.errors import LocalProtocolError
from shared.links.card import Card
from shared.links.tokens import MAX_TOKEN_LENGTH, SIZES, BadLink, LinkKind, kind_of, to_bytes
from shared.links.views import View, views

MAX_TEXT = 4 * 4096
"How many characters of a message are read: four times Telegram's longest message."

MAX_FOUND = 64
"The most links that are found in one message."

TELEGRAM_START_LENGTH = 64
"The most characters of the `start` parameter in a Telegram bot's link (core.telegram.org/bots/features#deep-linking)."

_CANDIDATE = re.compile(
    r"""
    (?:_{0,3}(?P<prefix>
        copybara:
      | http://(?:127\.0\.0\.1|(?:[a-z0-9-]{1,63}\.)?localhost):[0-9]{1,5}/\#
      | (?:https?://)?(?:t|telegram)\.(?:me|dog)/[a-z0-9_]{1,32}\?start=
    ))?
    (?P<run>[A-Za-z0-9_-]+)
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
# Linear time: a match takes a whole run, so each run is tried once per prefix, and every part is bounded.

MAX_LINES = 8
"How many further lines a wrapped link may have. The longest has 256 characters, and a narrow terminal's lines 30."

MAX_MARKS = 4
"How many underscores or dashes may surround a link without being part of it."

SHORTEST = 64
"The shortest link in characters."

_WRAP = re.compile(
    r"""["'+. \t|\\]{0,8}(?:\r\n?|[\n\v\f])(?:[ \t]{0,4}[A-Za-z]{1,4}>)?[ \t>|\#*/:}%;]{0,16}(?:--[ ])?["']?"""
    r"(?P<rest>[A-Za-z0-9_-]+)",
    re.ASCII,
)
# A line break may be followed by a quotation mark (`> `, `AB> `, `: `), or by marks of a comment or a string.
_LIKELY = re.compile(r"[_-]{0,3}[EF][A-Za-z0-9_-]{63}", re.ASCII)


class Found(msgspec.Struct, frozen=True):
    """A part of a message that is a link, or was meant as one."""

    token: str
    "The token alone. It may be impossible to decode."

    prefixed: bool
    "Whether it was in one of the URL forms, so that it was certainly meant as a link."

    start: int
    "The index of the link's first character in the message, or of its URL's."

    end: int
    "The index after its last character."


def find(text: str) -> list[Found]:
    """Find the links in a message, each token once, in the order of the text.

    A token in `copybara:TOKEN`, `http://127.0.0.1:PORT/#TOKEN`, `http://NAME.localhost:PORT/#TOKEN` or
    `https://t.me/BOT?start=TOKEN` is found whatever it is, so that a mistake in it can be explained. A bare token is
    found if its length and first byte fit a kind of link, or if the message is nothing else.

    Links are also found where a person still recognises them: percent-encoded in another address, in italics, wrapped
    by a mail program, escaped as in Markdown, HTML or JSON, or with invisible marks in them. `start` and `end` are then
    those of the text that the link was made of.

    Only the first MAX_TEXT characters are read, and at most MAX_FOUND links returned. The time is linear in the text.
    """
    text = text[:MAX_TEXT]
    found: dict[str, Found] = {}
    broken: list[Found] = []
    for view in views(text):
        for each, is_whole in _in_view(view):
            if is_whole:
                found.setdefault(each.token, each)
            elif view.places is None:
                broken.append(each)
            elif each.prefixed and len(broken) < 2 * MAX_FOUND:
                # The token that is left after undoing the escapes shows better what is missing.
                broken = [other for other in broken if other.end <= each.start or each.end <= other.start]
                broken.append(each)
        if len(found) >= MAX_FOUND:
            break
    whole = [*found.values()]
    for each in broken[:MAX_FOUND]:
        # Skip it if it is a rest of a complete link, or its beginning, as pages shorten long addresses.
        if not any(_is_part(each, other) for other in whole):
            found.setdefault(each.token, each)
    return sorted(found.values(), key=lambda each: (each.start, each.end))[:MAX_FOUND]


def _is_part(broken: Found, whole: Found) -> bool:
    beside = broken.end <= whole.start or whole.end <= broken.start
    return not beside or whole.token.startswith(broken.token)


def _in_view(view: View) -> Iterator[tuple[Found, bool]]:
    """At most MAX_FOUND links of one view, each with whether it looks complete."""
    text = view.text
    alone = text.strip()
    given = 0
    position = 0
    while given < MAX_FOUND and (match := _CANDIDATE.search(text, position)) is not None:
        position = match.end()
        run, prefixed = match["run"], match["prefix"] is not None
        start, end = match.span("run")
        short = len(run) <= MAX_TOKEN_LENGTH
        whole = (run, start, end) if short and _is_whole(run) else _unwrapped(text, run, start, end)
        if whole is None and not (short and (prefixed or run == alone or _fitting_kind(run))):
            continue
        token, start, end = whole or (run, start, end)
        if prefixed:
            start = match.start("prefix")
        position, given = max(position, end), given + 1
        yield Found(token, prefixed, view.place(start), view.place(end)), whole is not None


def _unwrapped(text: str, run: str, start: int, end: int) -> tuple[str, int, int] | None:
    """The complete token in a run of characters, or in the run and the lines after it.

    Returned with its start and end. None if there is none. Underscores and dashes at the ends count as marks of
    italics, or of a scanner's address, if the rest is a complete token. A run at the end of a line is joined with the
    next line if only both together are one token.
    """
    if (bare := _without_marks(run)) is not None:
        return bare, start + run.index(bare), start + run.index(bare) + len(bare)
    for _ in range(MAX_LINES):
        if len(run) > MAX_TOKEN_LENGTH or (wrap := _WRAP.match(text, end)) is None:
            return None
        run, end = run + wrap["rest"], wrap.end()
        if (bare := _without_marks(run)) is not None:
            return bare, start, end
    return None


def _without_marks(run: str) -> str | None:
    if len(run) > MAX_TOKEN_LENGTH + 2 * MAX_MARKS or not _LIKELY.match(run):
        return None
    before = min(len(run) - len(run.lstrip("_-")), MAX_MARKS)
    after = min(len(run) - len(run.rstrip("_-")), MAX_MARKS)
    for first in range(before + 1):
        for last in range(after + 1):
            if _is_whole(bare := run[first : len(run) - last]):
                return bare
    return None


def _is_whole(run: str) -> bool:
    """Whether it looks like exactly one link. A card's length varies, so its checksum decides."""
    kind = _fitting_kind(run)
    if kind is not LinkKind.CARD:
        return kind is not None
    try:
        Card.decode(to_bytes(run))
    except BadLink:
        return False
    return True


def _fitting_kind(run: str) -> LinkKind | None:
    """The kind in its first byte, if its length fits that kind. Otherwise None."""
    if len(run) < SHORTEST or run[0] not in "EF":
        return None
    try:
        kind = kind_of(to_bytes(run[:4]))
    except BadLink:
        return None
    return kind if len(run) % 4 != 1 and len(run) * 3 // 4 in SIZES[kind] else None


def as_copybara(token: str) -> str:
    """The token as `copybara:TOKEN`, for programs and QR codes."""
    return f"copybara:{token}"


def as_telegram(token: str, bot: str) -> str:
    """The token as `https://t.me/BOT?start=TOKEN`. A tap gives it to the Telegram bot with that user name.

    Raises LocalProtocolError for a token longer than TELEGRAM_START_LENGTH, which Telegram would cut off.
    """
    if len(token) > TELEGRAM_START_LENGTH:
        raise LocalProtocolError(f"Telegram's start links take {TELEGRAM_START_LENGTH} characters, not {len(token)}.")
    return f"https://t.me/{bot}?start={token}"
