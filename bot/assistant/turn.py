"""Turns: the owner's commands are carried out one after the other, and each turn knows the chat of its command."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from bot.chats import Chats
from bot.conversation import Act, Post
from bot.kinds import Sentence, of_error
from bot.texts import devices as device_texts
from bot.texts import names as name_texts
from shared.contacts import Contact
from shared.errors import CopybaraError, NameHeld, NoLocalAddress

Outcome = tuple[list[Post], CopybaraError | None]
"What was posted after a name was looked up, and the error if nothing else was done."


class Turn(msgspec.Struct, frozen=True):
    """One command that is being carried out. All code that takes part in it gets the turn."""

    chats: Chats
    chat: str
    "The chat in which the owner wrote. Answers go there."

    posts: list[Post]
    "Everything that was posted since the turn began."

    lookups: list[asyncio.Task[Outcome]]
    "The look-ups that the turn has begun."

    awaited: bool = False
    "Whether the code that took the turn awaits its look-ups. If not, their errors are written into the chat."

    @property
    def in_clear(self) -> bool:
        """Whether somebody else may have written in the owner's name there, for example the messenger's server."""
        return not self.chats.is_private(self.chat)

    def say(
        self,
        sentence: Sentence,
        token: str | None = None,
        *,
        actions: tuple[Act, ...] = (),
        contact: Contact | None = None,
        handset: bool = False,
        in_clear: Sentence | None = None,
        from_call: bool = False,
    ) -> None:
        """Tell the owner something in the chat of this turn.

        Where others can read, `in_clear` replaces it. `token`, `actions`, `contact`, `handset` and `from_call` are
        those of Post.
        """
        post = Post(
            "owner",
            sentence,
            token,
            self.chat,
            actions=actions,
            contact=contact,
            handset=handset,
            in_clear=in_clear,
            from_call=from_call,
        )
        self.chats.post(post)

    def tell(self, error: CopybaraError) -> None:
        """Tell the owner why something wasn't done."""
        in_clear = of_error(device_texts.without_addresses(error)) if isinstance(error, NoLocalAddress) else None
        self.say(name_texts.changed(error) if isinstance(error, NameHeld) else of_error(error), in_clear=in_clear)


class Turns:
    """Gives out turns, one at a time."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def taken(self, chat: str, *, awaited: bool = False) -> AsyncIterator[Turn]:
        """Wait for a turn in that chat, and hold it during the block. `awaited` is that of Turn."""
        async with self._lock:
            with self._chats.collecting() as posts:
                yield Turn(self._chats, chat, posts, [], awaited)
