"""The values that pass between a messenger and the assistant, and what each of the two offers the other."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

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
"How many characters of a message are read: Telegram's own limit, and enough for 60 links."


def readable(text: str) -> str:
    """The part of a message that is read: MAX_MESSAGE characters, more of what another program has written.

    One more character is left if there was more, see `whole`. A command begins with its slash: invisible characters in
    front of that are removed.
    """
    if (command := as_command(text[:MAX_PASTED])).startswith("/"):
        text = command
    return text[:MAX_PASTED] if _is_foreign(text) else text[: MAX_MESSAGE + 1]


def whole(text: str) -> tuple[str, bool]:
    """What `readable` has left of a message, at most MAX_MESSAGE characters, and whether that is all of it."""
    if len(text) <= MAX_MESSAGE or _is_foreign(text):
        return text, True
    return text[:MAX_MESSAGE], False


def _is_foreign(text: str) -> bool:
    """Whether another program may have written it."""
    start = text[:MAX_MESSAGE]
    return looks_pasted(text) or start.lstrip().lower().startswith("/sdp") or f"?{GZIP_AS_BASE64}" in start


EVERYWHERE = ""
"The chat of a post that reaches the owner in every messenger."


class Identity(msgspec.Struct, frozen=True):
    """Who wrote a message, as the messenger says. It decides where answers go, never what a link may do."""

    user: int | None = None
    "A person's numeric id."

    name: str | None = None
    "A person's user name, without @."

    bot: str | None = None
    "A bot's user name, without @."

    bot_id: int | None = None
    "The bot's numeric id. An id stays with its account; a name may belong to another one tomorrow."

    shown: str = ""
    "The name that the messenger shows, for people to read. Anybody can choose any name."


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message as the messenger saw it."""

    text: str
    sender: str
    "Who wrote it, in the messenger's own terms. Never trusted on its own."
    from_owner: bool
    "Whether the messenger knows that the owner of this bot wrote it."
    chat: str = "chat"
    "The conversation that it was written in; answers to the other side go there."

    alone: bool = True
    "Whether only the owner reads that conversation. Then everything is explained in it."

    identity: Identity | None = None
    "Which account wrote it, if the messenger can tell and it wasn't forwarded."

    tell_missed: bool = False
    """Whether the owner hears of calls in it that came too late, because the messenger kept it while this program
    didn't run."""

    age: float | None = None
    "Seconds since it was written; None: the messenger doesn't know."

    again: bool = False
    "Whether this program may have begun to act on it just before it was killed."


class Act(enum.StrEnum):
    """What the owner can do with one tap."""

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
    DIFFER = "differ"


RINGING = (Act.ANSWER, Act.ANSWER_AUDIO, Act.DECLINE, Act.BLOCK)
"The buttons of a call that rings."

RINGING_BESIDE = (Act.HOLD_AND_ANSWER, Act.END_AND_ANSWER, Act.DECLINE, Act.BLOCK)
"The buttons of a call that rings while the owner is in another one."


class Action(msgspec.Struct, frozen=True):
    """One tap: an Act, and the call or contact that it is for."""

    act: Act
    call: str
    "Line.id; empty with TRUST."

    words: str = ""
    "With CONFIRM: the four words that were shown beside the button. Another call has others."

    contact: ShownContact | None = None
    "With TRUST: the contact that the button was shown for."


@dataclass(frozen=True, slots=True)
class Post:
    """A message that the bot writes."""

    to: Literal["chat", "owner"]
    "`chat`: where the other side reads it. `owner`: only the owner of this bot sees it."
    sentence: Sentence
    token: str | None = None
    "The token of the link that is in the text, if there is one."
    chat: str = "chat"

    actions: tuple[Act, ...] = ()
    "Its buttons. A messenger without buttons shows the commands instead."

    line: Line | None = None
    "The call that it is about."

    call: str | None = None
    "The `Line.id` of the call that it is about, if this run of the program has no line of it."

    live: bool = False
    "Whether it shows the state of its call, and may replace the message that did so before."

    contact: Contact | None = None
    "The contact that the link is for, or that it is about."

    their_bot: str | None = None
    "The user name of the other side's Telegram bot: as saved, as it wrote to us, or as on their card."

    missed: MissedCall | None = None
    "A call that came too late. A messenger may report several in one message."

    answers: bool = False
    "Whether it answers a contact's link that led to no call. Anybody may have put that into the chat."

    handset: bool = False
    "Whether the owner has asked for the handset page: each messenger shows the way to it in its own way."

    file: Path | None = None
    "A recording to be sent along, if the messenger can send files. The text names it as well."

    in_clear: Sentence | None = None
    "What is said instead where others can read it, see Capabilities.private; None: the same."

    from_call: bool = False
    "Whether it tells what was said or sent in a call, see Capabilities.texts."

    @classmethod
    def about(
        cls,
        line: Line,
        sentence: Sentence,
        *,
        actions: tuple[Act, ...] = (),
        live: bool = False,
        in_clear: Sentence | None = None,
        file: Path | None = None,
    ) -> Post:
        """For the owner, about a call, in the chat with its links.

        Where others can read, `in_clear` replaces what was written, sent or recorded in the call, and says only that
        something was.
        """
        return cls(
            "owner",
            sentence,
            chat=line.chat,
            actions=actions,
            line=line,
            live=live,
            file=file,
            in_clear=in_clear,
            from_call=in_clear is not None,
        )

    @classmethod
    def everywhere(
        cls, sentence: Sentence, *, call: str | None = None, live: bool = False, in_clear: Sentence | None = None
    ) -> Post:
        """For the owner, unasked, in every chat with them."""
        return cls("owner", sentence, chat=EVERYWHERE, call=call, live=live, in_clear=in_clear)

    @property
    def text(self) -> str:
        """The text to be shown."""
        return self.sentence.text

    @property
    def kind(self) -> str:
        """The stable word for what it says, for scripts; see docs/console.md."""
        return self.sentence.kind

    @property
    def words(self) -> str:
        """The four words that CONFIRM confirms, if that is among the actions; else empty."""
        return self.line.shown.phrase if self.line is not None and Act.CONFIRM in self.actions else ""

    @property
    def trusts(self) -> ShownContact | None:
        """The contact that TRUST trusts, if that is among the actions; else None."""
        return ShownContact.of(self.contact) if self.contact is not None and Act.TRUST in self.actions else None


class Effects(NamedTuple):
    """What a message has caused."""

    posts: list[Post]
    unfinished: Sequence[asyncio.Task[Any]] = ()
    "What goes on for this message: its command looks up a name."


class Listener(Protocol):
    """The assistant, as messengers see it. It serves all of them, doing one thing at a time."""

    @property
    def switchboard(self) -> Switchboard:
        """The calls of this node. A messenger whose app makes calls adds itself to its `programs`."""

    async def hear(self, message: IncomingMessage) -> Effects:
        """Act on a message. Nothing in it makes this raise."""

    @property
    def is_ending(self) -> bool:
        """Whether the program ends, and has cancelled what was unfinished. The next run carries it out."""

    async def act(self, action: Action, chat: str) -> str:
        """Do what a tapped button stands for; returns a short answer to be shown. Raises CopybaraError."""

    async def prepare(self, whom: str, media: Media, chat: str, before: Line | None) -> Line:
        """Place a call whose link may never be posted, instead of the one prepared before. Raises CopybaraError."""

    def confirm(self, line: Line) -> None:
        """The link of a prepared call was posted."""

    def discard(self, line: Line) -> None:
        """End a call that was prepared and isn't wanted any more."""


class HandsetPage(Protocol):
    """The way to the handset page, as messengers see it."""

    @property
    def address(self) -> str:
        """The page's address with the key in it. Only the user of this machine may see it."""

    @property
    def lasts(self) -> bool:
        """Whether the page of the next run has the same address, so that it can be kept as a bookmark."""

    def address_for(self, place: str, used: Callable[[], None]) -> str:
        """An address for a place that others can read: it opens the page once, within an hour.

        `used` is called when it was opened. The same place gets the same address again, until it was opened or half of
        that hour is over.
        """


class Capabilities(msgspec.Struct, frozen=True):
    """What differs between messengers, for code that doesn't know which one it has."""

    at_terminal: bool
    "Whether its owner sits at this program's terminal, perhaps without the page open."

    private: bool = False
    """Whether only the owner can read what is written to them there, and write in their name: it is a terminal, or
    end-to-end encrypted."""

    texts: bool = False
    "Whether the owner wants to read there what is said and sent in calls, even if others can read it too."

    by_hand: bool = False
    "Whether the owner has to copy what is written for the other side, because it doesn't reach them otherwise."

    rings_again: bool = True
    "Whether it brings a call again that rang when the program was killed."


@runtime_checkable
class ShowsFiles(Protocol):
    """What a messenger offers in addition if it shows how far files have come."""

    def file_changed(self, line: Line, transfer: Transfer) -> None:
        """Show the state of a file. Must not block."""


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
        """From now on links are read and calls can be made. `handset` is None if no page is served."""

    def handles(self, chat: str) -> bool:
        """Whether that conversation belongs to this messenger."""

    def post(self, post: Post) -> None:
        """Write a message. Must not block."""

    def call_changed(self, line: Line) -> None:
        """Show the state of a call. Must not block."""
