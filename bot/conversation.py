"""What passes between a messenger and the assistant."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

from bot.kinds import Sentence
from bot.shown_contact import ShownContact
from shared.contacts import Contact
from shared.links.classic import GZIP_AS_BASE64
from shared.links.pasted import MAX_PASTED, looks_pasted
from shared.media import Media
from shared.printable import as_command

if TYPE_CHECKING:
    from peer.calls.files.transfer import Transfer
    from peer.calls.line import Line
    from peer.calls.reading import MissedCall
    from peer.calls.switchboard import Switchboard

MAX_MESSAGE = 4096
"Characters of a message that are read; Telegram's own limit, and enough for 60 links."


def readable(text: str) -> str:
    """As much of a message as is read: MAX_MESSAGE characters, and more of what another program has written. One more
    shows that there was more, see `whole`. A command begins with its slash, whatever stood unseen before it.
    """
    if (command := as_command(text[:MAX_PASTED])).startswith("/"):
        text = command
    return text[:MAX_PASTED] if _is_foreign(text) else text[: MAX_MESSAGE + 1]


def whole(text: str) -> tuple[str, bool]:
    """What `readable` left of a message, without what shows that there was more; and whether that is the whole."""
    if len(text) <= MAX_MESSAGE or _is_foreign(text):
        return text, True
    return text[:MAX_MESSAGE], False


def _is_foreign(text: str) -> bool:
    """Whether another program may have written it."""
    start = text[:MAX_MESSAGE]
    return looks_pasted(text) or start.lstrip().lower().startswith("/sdp") or f"?{GZIP_AS_BASE64}" in start


EVERYWHERE = ""
"The chat for what reaches the owner in every messenger."


class Identity(msgspec.Struct, frozen=True):
    """Who wrote a message, as the messenger says. It decides where answers go, never what a link may do."""

    user: int | None = None
    "A person's numeric id."

    name: str | None = None
    "A person's user name, without @."

    bot: str | None = None
    "A bot's user name, without @."

    bot_id: int | None = None
    "Its numeric id. Ids are who somebody is; a name may be another's tomorrow."

    shown: str = ""
    "What the messenger calls them, for people to read; anybody can choose anything."


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message as the messenger saw it."""

    text: str
    sender: str
    "Who wrote it, in the messenger's own terms. Never trusted on its own."
    from_owner: bool
    "Whether the messenger knows that the owner of this bot wrote it."
    chat: str = "chat"
    "Which conversation it stands in; an answer to the other side goes there."

    alone: bool = True
    "Whether only the owner reads that conversation, so that everything can be explained in it."

    identity: Identity | None = None
    "Where it came from, if the messenger can tell and nobody has forwarded it."

    tell_missed: bool = False
    "Whether the owner hears of calls in it that came too late: messengers keep messages while nobody reads them."

    age: float | None = None
    "Seconds since it was written, as far as the messenger knows."

    again: bool = False
    "Whether the program may have begun to act on it when it was killed."


class Act(enum.StrEnum):
    """What the owner can do about a call with one tap."""

    ANSWER = "answer"
    ANSWER_AUDIO = "answer-audio"
    HOLD_AND_ANSWER = "hold-answer"
    END_AND_ANSWER = "end-answer"
    DECLINE = "decline"
    BLOCK = "block"
    HANG_UP = "hang-up"
    HOLD = "hold"
    RESUME = "resume"
    SAVE = "save"
    TRUST = "trust"
    CONFIRM = "confirm"


RINGING = (Act.ANSWER, Act.ANSWER_AUDIO, Act.DECLINE, Act.BLOCK)
"What a ringing call offers."

RINGING_BESIDE = (Act.HOLD_AND_ANSWER, Act.END_AND_ANSWER, Act.DECLINE, Act.BLOCK)
"What it offers while the owner is in another call."


class Action(msgspec.Struct, frozen=True):
    """One of them, for one call or contact."""

    act: Act
    call: str
    "Line.id; empty with TRUST."

    words: str = ""
    "With CONFIRM: the four words that the owner was shown with it. Another call has others."

    contact: ShownContact | None = None
    "With TRUST: the contact that it was shown for."


@dataclass(frozen=True, slots=True)
class Post:
    """A message that the bot writes."""

    to: Literal["chat", "owner"]
    "`chat`: where the other side reads it. `owner`: only the owner of this bot sees it."
    said: Sentence
    token: str | None = None
    "The link token that stands in the text, if any."
    chat: str = "chat"

    actions: tuple[Act, ...] = ()
    "What the owner can do about it. A messenger without buttons shows the commands for it."

    line: Line | None = None
    "The call that it is about."

    call: str | None = None
    "The id of a call that it is about and that isn't there any more."

    live: bool = False
    "Whether it says how the call stands now, so that it may take the place of what said so before."

    contact: Contact | None = None
    "Whom the link is for, or who is concerned."

    their_bot: str | None = None
    "The other side's Telegram bot, by its user name: as saved, as it wrote to us, or as their card has it."

    missed: MissedCall | None = None
    "A call that came too late; one message may report several."

    answers: bool = False
    "Whether it answers a link of the contact's that came to no call: anybody may have brought that."

    handset: bool = False
    "Whether the owner wants to open the handset page: each messenger shows the way there in its own manner."

    file: Path | None = None
    "A recording that goes along to the owner, if the messenger can carry files; the text names it as well."

    in_clear: Sentence | None = None
    "What is said instead where others can read it, see Capabilities.private; None: the same."

    from_call: bool = False
    "Whether it repeats what was said or sent in a call, see Capabilities.texts."

    @property
    def text(self) -> str:
        """What is read."""
        return self.said.text

    @property
    def kind(self) -> str:
        """What it says, for scripts: see docs/console.md."""
        return self.said.kind

    @property
    def words(self) -> str:
        """The four words that CONFIRM is about, if that is among the actions."""
        return self.line.shown.phrase if self.line is not None and Act.CONFIRM in self.actions else ""

    @property
    def trusts(self) -> ShownContact | None:
        """The contact that TRUST is about, if that is among the actions."""
        return ShownContact.of(self.contact) if self.contact is not None and Act.TRUST in self.actions else None


class Listener(Protocol):
    """The assistant, as messengers see it. It does one thing after the other, for all of them."""

    @property
    def switchboard(self) -> Switchboard:
        """Where calls go in that the messenger's own app makes; the messenger adds itself to its `programs`."""

    async def hear(self, message: IncomingMessage) -> list[Post]:
        """Act on a message; returns what was posted meanwhile. No content makes it raise."""

    def unfinished(self) -> frozenset[asyncio.Task[Any]]:
        """What goes on after a message was heard."""

    async def act(self, action: Action, chat: str) -> str:
        """Do what the owner has tapped; returns a word about it. Raises CopybaraError when it can't be done now."""

    async def prepare(self, whom: str, media: Media, chat: str, before: Line | None) -> Line:
        """Place a call whose link may never be posted, in place of the one before. Raises CopybaraError."""

    def confirm(self, line: Line) -> None:
        """The link of a prepared call was posted."""

    def discard(self, line: Line) -> None:
        """End a call that was prepared and isn't wanted any more."""


class HandsetPage(Protocol):
    """The way to the handset page, as messengers see it."""

    @property
    def address(self) -> str:
        """With the key in it: only this machine's user may see it."""

    @property
    def lasts(self) -> bool:
        """Whether the next run is at the same address, so that it may be kept as a bookmark."""

    def address_for(self, place: str, used: Callable[[], None]) -> str:
        """An address for a place that others can read, good once and for an hour; `used` is called when it was opened.

        Asked again for the same place it is the same, until it was opened or half of its time is over.
        """


class Capabilities(msgspec.Struct, frozen=True):
    """What differs between messengers, for those who don't know which it is."""

    at_terminal: bool
    "Whether its owner sits at the terminal of this program, and may have no page open."

    private: bool = False
    "Whether nobody but the owner can read what it writes to them, or write as them: at a terminal, or encrypted."

    texts: bool = False
    "Whether the owner wants to read there what is said and sent in calls, although others can read it."

    by_hand: bool = False
    "Whether what it writes for the other side reaches them only if its owner carries it there."

    rings_again: bool = True
    "Whether it keeps the calls that ring, and lets them ring again when the program was killed."


@runtime_checkable
class ShowsFiles(Protocol):
    """What a messenger has as well that shows how far files are."""

    def file_changed(self, line: Line, transfer: Transfer) -> None:
        """Show how a file stands. Must not block."""


class Messenger(Protocol):
    """One way to read and write messages: a folder or a file here, and an entry in registry.py.

    docs/adding-a-messenger.md leads through it.
    """

    capabilities: Capabilities

    def running(self) -> AbstractAsyncContextManager[None]:
        """Write what is posted for the length of the block."""

    async def run(self, listener: Listener) -> None:
        """Let the listener hear every message until the conversation is over."""

    def ready(self, node: str, notices: list[str], handset: HandsetPage | None) -> None:
        """Say that links can be read and calls be made from now on. `handset` is None if no page is served."""

    def handles(self, chat: str) -> bool:
        """Whether that conversation is one of this messenger's."""

    def post(self, post: Post) -> None:
        """Write a message. Must not block."""

    def call_changed(self, line: Line) -> None:
        """Show the state of a call. Must not block."""
