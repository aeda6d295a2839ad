"""What the bot says: every post goes through here, and the code that carries out a command collects what it said."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from bot.conversation import EVERYWHERE, Act, Post
from bot.kinds import Sentence
from peer.calls.line import Line
from shared.contacts import Contact


class Speech:
    """Speaks to one owner, and to the other side of their calls."""

    def __init__(self, write: Callable[[Post], None]) -> None:
        """`write` puts a message on its way; it may not block."""
        self._write = write
        self._heard: list[Post] | None = None
        self._chat = EVERYWHERE

    @contextlib.contextmanager
    def listening(self, chat: str) -> Iterator[list[Post]]:
        """Collect what is posted, and let what isn't said elsewhere be said in `chat`."""
        heard: list[Post] = []
        self._heard, self._chat = heard, chat
        try:
            yield heard
        finally:
            self._heard, self._chat = None, EVERYWHERE

    def about(self, line: Line, said: Sentence, *, actions: tuple[Act, ...] = (), live: bool = False) -> None:
        """Tell the owner about a call, where its links are read and written."""
        self.post(Post("owner", said, chat=line.chat, actions=actions, line=line, live=live))

    def to_owner(
        self,
        said: Sentence,
        token: str | None = None,
        *,
        actions: tuple[Act, ...] = (),
        contact: Contact | None = None,
        call: str | None = None,
        handset: bool = False,
    ) -> None:
        """Tell the owner something, where they have just written, or everywhere."""
        self.post(Post("owner", said, token, self._chat, actions=actions, contact=contact, call=call, handset=handset))

    def post(self, post: Post) -> None:
        """Write a message as it is."""
        if self._heard is not None:
            self._heard.append(post)
        self._write(post)
