"""How a plain messenger connects, fetches and sends. All else is the same for all of them."""

from __future__ import annotations

from collections.abc import Container, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bot.conversation import Listener
from bot.kinds import Sentence
from bot.messengers.outbox import Pace
from bot.messengers.plain.values import Entry, Outgoing
from peer.calls.line import Line


class Desk(Protocol):
    """What a wire may ask of its messenger."""

    def tell(self, sentence: Sentence, *, choices: Iterable[tuple[str, str]] = (), about: str = "") -> None:
        """Say something to the owner.

        `choices` are possible replies: each is a word for `Wire.choose` and its readable form. `about` goes to `choose`
        with the word.
        """

    def say(self, sentence: Sentence) -> None:
        """Write a sentence on the terminal, or into the service's journal."""

    def writers(self) -> Container[str]:
        """The messenger's ids of those who write contacts' links, as far as they are known."""

    def settled(self, about: str) -> None:
        """Close the choices about something. Their numbers mean nothing any more."""

    def back(self) -> None:
        """Note that the messenger can be reached again. Failed messages are tried again at once."""

    def fact(self, name: str) -> bytes | None:
        """A value that the wire has stored."""

    async def forget_commands(self) -> None:
        """Delete what the owner has commanded and isn't carried out yet, because they aren't the owner any more."""

    async def keep(self, facts: dict[str, bytes | None]) -> None:
        """Store values, and remove those that are None. Returns when they are on the disk."""


class Wire(Protocol):
    """The connection of one plain messenger, for one account and one owner."""

    title: str
    "The messenger's name for people, such as `Delta Chat`."

    def running(self) -> AbstractAsyncContextManager[None]:
        """Own everything that the wire starts while the block runs."""

    async def begin(self, desk: Desk, listener: Listener) -> None:
        """Connect. Returns when entries can be fetched and messages can be sent. If it raises, it is called again."""

    async def fetch(self) -> list[tuple[int, Entry]]:
        """Wait for entries, each with the messenger's number for it.

        An entry's number stays the same until it is confirmed.
        """

    async def confirm(self) -> None:
        """Note that the entries of the last `fetch` are on the disk, and need not come again."""

    async def act(self, value: bytes, again: bool) -> None:
        """Carry out an `Own` entry. `again`: the program may have begun with it before it was killed."""

    async def choose(self, what: str, about: str) -> None:
        """Carry out the owner's reply to a question of the wire, see `Desk.tell`. Raises CopybaraError."""

    async def send(self, message: Outgoing, number: int) -> None:
        """Send one message with its number in the journal. Raises Refused, NotNow."""

    @property
    def clock_ahead(self) -> float:
        """By how many seconds this machine's clock is ahead of the one that dates messages, as far as is known."""

    whose_clock: str
    "The owner of that clock, such as `Telegram's`."

    senders_date: bool
    "Whether the senders' devices date messages. Then a message that seems old may only have a wrong date."

    async def warn(self, sentence: Sentence) -> None:
        """Tell the owner at once that nothing can be stored, without storing anything. Raises Refused, NotNow."""

    def pace(self, chat: str) -> Pace:
        """How fast a conversation may be written to."""

    @property
    def has_owner(self) -> bool:
        """Whether the owner is known."""

    def call_changed(self, line: Line) -> None:
        """Note a call's new state. Must not block."""
