"""Turns: what is done for the owner is done one thing after the other, and each turn knows where it was asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from bot.assistant.posting import Posting
from bot.conversation import Act, Post
from bot.kinds import Sentence, of_error
from bot.texts import devices as device_texts
from bot.texts import names as name_texts
from shared.contacts import Contact
from shared.errors import CopybaraError, NameHeld, NoLocalAddress

Outcome = tuple[list[Post], CopybaraError | None]
"What was posted after a name was looked up, and why nothing else was done."


class Turn(msgspec.Struct, frozen=True):
    """One thing that is being done. It is passed to all the code that does it."""

    posting: Posting
    chat: str
    "Where the owner wrote; answers go there."

    posts: list[Post]
    "Everything that was posted since it began."

    lookups: list[asyncio.Task[Outcome]] | None = None
    """The look-ups that it has begun, if the code that took the turn waits for them. None: nobody waits, and what goes
    wrong with one is written into the chat."""

    @property
    def in_clear(self) -> bool:
        """Whether somebody else may have written in the owner's name there: at the messenger's server, for example."""
        return not self.posting.is_private(self.chat)

    def say(
        self,
        said: Sentence,
        token: str | None = None,
        *,
        actions: tuple[Act, ...] = (),
        contact: Contact | None = None,
        handset: bool = False,
        in_clear: Sentence | None = None,
        from_call: bool = False,
    ) -> None:
        """Tell the owner something in the chat of this turn.

        `in_clear` is said instead where others can read. `token`, `actions`, `contact`, `handset` and `from_call` are
        those of Post.
        """
        post = Post(
            "owner",
            said,
            token,
            self.chat,
            actions=actions,
            contact=contact,
            handset=handset,
            in_clear=in_clear,
            from_call=from_call,
        )
        self.posting.post(post)

    def tell(self, error: CopybaraError) -> None:
        """Tell the owner why something wasn't done."""
        in_clear = of_error(device_texts.without_addresses(error)) if isinstance(error, NoLocalAddress) else None
        self.say(name_texts.held(error) if isinstance(error, NameHeld) else of_error(error), in_clear=in_clear)


class Turns:
    """Gives out turns, one at a time."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def taken(self, chat: str, lookups: list[asyncio.Task[Outcome]] | None = None) -> AsyncIterator[Turn]:
        """Wait for a turn in that chat, and hold it for the length of the block. `lookups` see Turn."""
        async with self._lock:
            with self._posting.collecting() as posts:
                yield Turn(self._posting, chat, posts, lookups)
