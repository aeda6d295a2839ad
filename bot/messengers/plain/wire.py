"""What differs between plain messengers: how they connect, fetch and send."""

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
    """What a wire may ask of the messenger that it belongs to."""

    def tell(self, said: Sentence, *, choices: Iterable[tuple[str, str]] = (), about: str = "") -> None:
        """Say something to the owner. `choices`: what they can reply, each as a word for `Wire.choose` and as it is
        read; `about` goes to `choose` with it.
        """

    def say(self, said: Sentence) -> None:
        """Tell the terminal, or the journal of the service."""

    def writers(self) -> Container[str]:
        """The messenger's ids of those who write contacts' links, as far as that was learned."""

    def settled(self, about: str) -> None:
        """What could be chosen about that was chosen: its numbers mean nothing any more."""

    def back(self) -> None:
        """The messenger can be reached again: what waited for that is tried at once."""

    def fact(self, name: str) -> bytes | None:
        """A value that the wire keeps."""

    async def keep(self, facts: dict[str, bytes | None]) -> None:
        """Keep values, or forget those that are None; returns when they are on the disk."""


class Wire(Protocol):
    """One plain messenger's connection, for one account and one owner."""

    title: str
    "What people call the messenger, such as `Delta Chat`."

    def running(self) -> AbstractAsyncContextManager[None]:
        """Own what it starts for the length of the block."""

    async def begin(self, desk: Desk, listener: Listener) -> None:
        """Connect; returns when entries can be fetched and messages be sent. What it raises is tried again."""

    async def fetch(self) -> list[tuple[int, Entry]]:
        """Wait for entries, each with the messenger's own number for it: the same as long as it isn't confirmed."""

    async def confirm(self) -> None:
        """What `fetch` returned last is on the disk, and needn't come again."""

    async def act(self, value: bytes, again: bool) -> None:
        """Act on an entry of its own, an `Own`. True: the program may have begun with it when it was killed."""

    async def choose(self, what: str, about: str) -> None:
        """Do what the owner has replied to a question of its own, see `Desk.tell`. Raises CopybaraError."""

    async def send(self, message: Outgoing, number: int) -> None:
        """Write one message with its number in the journal. Raises Refused, NotNow."""

    @property
    def clock_ahead(self) -> float:
        """By how many seconds this machine's clock is ahead of the one that dates messages, as far as is known."""

    whose_clock: str
    "The owner of that clock, such as `Telegram's`."

    senders_date: bool
    "Whether messages are dated by their writers' devices, so that an old one may be a wrong clock's."

    async def warn(self, said: Sentence) -> None:
        """Tell the owner at once that nothing can be stored, without storing anything. Raises Refused, NotNow."""

    def pace(self, chat: str) -> Pace:
        """How fast a conversation may be written to."""

    @property
    def has_owner(self) -> bool:
        """Whether it is known who the owner is."""

    def call_changed(self, line: Line) -> None:
        """A call is in another state. Must not block."""
