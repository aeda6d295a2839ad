"""Contacts: whom the owner knows, and what each may do."""

from __future__ import annotations

import datetime
import enum
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from shared.errors import InputError
from shared.media import Media
from shared.node_id import NodeId
from shared.printable import is_blank, is_printable, seen_alike
from shared.typed import keyword

STRANGER = "somebody you haven't saved"
"Who isn't in the book, in sentences."

MAX_NAME = 40
"Characters; shorter than any node id (52) and any link (64 and more), so that a name is never taken for one."

OTHER_PROGRAMS = ("classic", "deltachat")
"What a contact may use instead of this program, by the names of the envelopes in peer/calls/programs/."

_BESIDE_NAMES = frozenset({"audio", "voice", "video", "unproven", "hold", "hangup", "stop", "refuse", *OTHER_PROGRAMS})
"What commands may have before or behind a name: `/call Ann audio` calls no Ann Audio."

ENTRY_BYTES = 8

MINUTES_PER_DAY = 24 * 60

_HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)", re.ASCII)


class Trust(enum.StrEnum):
    """What happens when a contact calls."""

    BLOCK = "block"
    "Nothing; the caller learns nothing either."

    RING = "ring"
    "The owner is asked."

    AUTO = "auto"
    "The call is answered without asking."


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of each day, in the owner's local time; past midnight if it ends before it begins."""

    start: int
    "First minute, counted from midnight: 0 to 1439."

    end: int
    "First minute that is outside again: 1 to 1440."

    def __post_init__(self) -> None:
        # msgspec turns ValueError into its own error when it reads a stored one.
        if not (0 <= self.start < MINUTES_PER_DAY and 0 < self.end <= MINUTES_PER_DAY and self.start != self.end):
            raise ValueError("hours begin and end at different minutes of one day")

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read `08:00-22:00`, or `22:00-06:00` for a night; a day ends at 24:00 or 00:00. Raises InputError."""
        numbers = _HOURS.fullmatch(text)
        if numbers is None:
            raise InputError("Those aren't hours of a day.", "Write them like 08:00-22:00.")
        hour, minute, end_hour, end_minute = map(int, numbers.groups())
        try:
            if minute > 59 or end_minute > 59:
                raise ValueError
            return cls(hour * 60 + minute, end_hour * 60 + end_minute or MINUTES_PER_DAY)
        except ValueError:
            raise InputError(f"{text} isn't a part of a day.", "Write it like 08:00-22:00.") from None

    def __contains__(self, time: datetime.time) -> bool:
        minute = time.hour * 60 + time.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody the owner has given a name."""

    name: str
    "What the owner calls them, see check_name()."

    node: NodeId
    "The only node that calls from them come from and calls to them go to."

    trust: Trust = Trust.RING

    classic: bool = False
    """With `auto`: whether calls of other programs, such as the original web app, are answered as well. Nothing but the
    node id says who calls there. The owner has asked for that explicitly.
    """

    program: str = ""
    "Which program calls to them are for: one of OTHER_PROGRAMS, or empty for this one."

    unproven: bool = False
    """With `auto`: whether calls are answered as long as nothing but the node id says who calls, before both sides
    share a key. The owner has asked for that explicitly.
    """

    media: Media = Media.BOTH
    "What they may get, however the call is answered."

    hours: Hours | None = None
    "When `trust` holds; outside, it is one step less: auto rings, ring does nothing. None: always."

    endpoint: str | None = None
    "Which media endpoint answers; None for the configured one."

    files: bool = False
    "Whether their files are accepted without asking, in calls that prove who they are."

    resolves_as: tuple[str, ...] = ()
    "Names in name systems that led to this node, such as `copybara.azero`."

    sealing_key: bytes | None = None
    "X25519 public key from their contact card, 32 bytes; None without a card."

    telegram_user: int | None = None
    "The Telegram user id they write from."

    telegram_bot: str | None = None
    "The user name of their bot in Telegram, without @."

    telegram_bot_id: int | None = None
    "The numeric id of that bot, once it has written; the user name follows it."

    telegram_name: str | None = None
    "Their own user name in Telegram, without @: what a link that opens their chat needs."

    telegram_user_unproven: bool = False
    "That user and name come from a call without the contact's key, so a later call may show others."

    telegram_bot_unproven: bool = False
    "The same of the bot."

    deltachat_contact: int | None = None
    "Their Delta Chat in the account of our bot, once the owner has said that it is theirs: its calls are proven."

    deltachat_key: str = ""
    "The fingerprint of its key, 40 hexadecimal digits: the number is good only as long as it has this key."

    announced: NodeId | None = None
    "Their new node, as a notice says that their key proves; the owner hasn't accepted it yet."

    announced_before: tuple[NodeId, ...] = ()
    "Other nodes of notices before that one, which the owner hasn't accepted either. Then somebody has their key."

    announced_at: int = 0
    "When the latest of these notices was written, Unix seconds; earlier ones don't count."

    trusted_in_clear: bool = False
    """Whether `trust` rests on what was written where others can write in the owner's place: the page then answers
    automatically with microphone and camera off."""

    confirmed_in_clear: bool = False
    "Whether the key that proves them does, with the same effect, until their words are compared where nobody else can."

    created: int
    "When the contact was added, Unix seconds."

    entry: bytes = b""
    """ENTRY_BYTES random bytes, made when they were added: who is removed and added again isn't the same contact.
    Empty for those that earlier versions added.
    """

    @property
    def in_clear(self) -> bool:
        """Whether what is allowed them, or what proves them, rests on what others could have written."""
        return self.trusted_in_clear or self.confirmed_in_clear

    def with_nothing_allowed(self) -> Contact:
        """The same, of whom the owner hasn't said that they get anything without being asked about: they are at another
        node, which nobody has spoken with, or that was said before a backup. Which program calls to them are for, and
        what answers them, stays.
        """
        return msgspec.structs.replace(
            self,
            trust=Trust.RING if self.trust is Trust.AUTO else self.trust,
            unproven=False,
            classic=False,
            files=False,
        )

    def without_unproven(self) -> Contact:
        """The same without the accounts that only a call without their key has shown."""
        contact = self
        if self.telegram_user_unproven:
            contact = msgspec.structs.replace(
                contact, telegram_user=None, telegram_name=None, telegram_user_unproven=False
            )
        if self.telegram_bot_unproven:
            contact = msgspec.structs.replace(
                contact, telegram_bot=None, telegram_bot_id=None, telegram_bot_unproven=False
            )
        return contact

    def with_accounts_unproven(self) -> Contact:
        """The same, where the next call that their key proves may show other accounts."""
        return msgspec.structs.replace(
            self,
            telegram_user_unproven=self.telegram_user is not None,
            telegram_bot_unproven=self.telegram_bot is not None,
        )

    def other_announced(self, node: NodeId) -> set[NodeId]:
        """The nodes beside this one that notices have announced: with any of them somebody has stolen the key."""
        return {*self.announced_before, *filter(None, (self.announced,))} - {node}


def check_name(name: str) -> str:
    """Check a name for a contact and return it in its one normal form: Unicode NFC, its words with one space between.

    1 to 40 visible characters, no word of which can be taken for a command, for what stands behind a name in one, for
    an option of the command line or for a link. Raises InputError. That nobody else has the name is for the store to
    see.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    words = name.split(" ")
    if not name:
        raise InputError("A contact needs a name.", "Write one, such as anna.")
    if len(name) > MAX_NAME:
        raise InputError(f"That name is too long: {len(name)} characters.", f"Use at most {MAX_NAME}.")
    # A combining mark at the beginning of a word would change the character before it.
    if not is_printable(name) or is_blank(name) or any(unicodedata.category(word[0]).startswith("M") for word in words):
        raise InputError("That name has characters that can't be seen.", "Type it instead of copying it.")
    if any(word.startswith("-") for word in words) or "/" in name or ":" in name:
        raise InputError(
            "That name could be taken for a command or a link.",
            "Don't begin a word of it with a dash, and leave out slashes and colons.",
        )
    if len(words) > 1 and (taken := next(filter(_is_beside, words), "")):
        raise InputError(
            f"In a name of several words, {taken} could be taken for a part of a command.", "Leave it out."
        )
    return name


def name_key(name: str) -> bytes:
    """What two spellings of the same name have in common: case, compatible forms (Unicode NFKC), and whether there is a
    space or a dash between its words, don't count.
    """
    # The spaces first: NFKC makes some of other characters, which names of earlier versions have in their keys.
    together = unicodedata.normalize("NFKC", "-".join(name.split()))
    return together.casefold().encode("utf-8", "surrogatepass")


def names_before(words: Sequence[str], names: Iterable[str]) -> list[int]:
    """How many of the words, from the first on, are one of the names: for each that they are, the longest first.

    `ann audio` is no `ann-audio`.
    """
    if not (known := {name_key(seen_alike(name)) for name in names}):
        return []
    several = next((place for place, word in enumerate(words) if _is_beside(word)), len(words))
    counts = range(min(max(several, 1), len(words), MAX_NAME), 0, -1)
    return [count for count in counts if name_key(seen_alike(" ".join(words[:count]))) in known]


def _is_beside(word: str) -> bool:
    return keyword(word) in _BESIDE_NAMES


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
