"""One thing after the other: whatever is done for the owner is done in a turn, and the turn says where it was asked."""

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
    """What is being done: passed to everything that takes part in it."""

    posting: Posting
    chat: str
    "Where the owner wrote; answers go there."

    posts: list[Post]
    "Everything that was posted since it began."

    lookups: list[asyncio.Task[Outcome]] | None = None
    "Look-ups that it began, for somebody who waits for them; None: their errors go to the chat."

    @property
    def in_clear(self) -> bool:
        """Whether somebody else may have written that in the owner's place."""
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
        """Tell the owner something where they wrote; `in_clear` is what is said where others can read it, and
        `from_call` see Post.
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
    """Gives one turn after the other."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting
        self._lock = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def taken(self, chat: str, lookups: list[asyncio.Task[Outcome]] | None = None) -> AsyncIterator[Turn]:
        """Wait for the turn, and hold it for the length of the block."""
        async with self._lock:
            with self._posting.collecting() as posts:
                yield Turn(self._posting, chat, posts, lookups)
