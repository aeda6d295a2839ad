"""Sends everything that the bot says, so that the code of a command can collect it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.conversation import EVERYWHERE, Act, Post
from bot.kinds import Sentence
from peer.calls.line import Line


class Posting:
    """Writes to one owner, and to the other side of their calls."""

    def __init__(
        self, write: Callable[[Post], None], is_private: Callable[[str], bool], is_by_hand: Callable[[str], bool]
    ) -> None:
        """`write` sends a message, and must not block.

        `is_private` says whether only the owner can write in a chat. `is_by_hand` says whether the owner copies its
        messages to the other side.
        """
        self._write = write
        self.is_private = is_private
        self.is_by_hand = is_by_hand
        self._collections: list[list[Post]] = []

    @contextlib.contextmanager
    def collecting(self) -> Iterator[list[Post]]:
        """Collect everything that is posted during the block, with the links of calls that are placed in it."""
        posts: list[Post] = []
        self._collections.append(posts)
        try:
            yield posts
        finally:
            self._collections = [each for each in self._collections if each is not posts]

    def post(self, post: Post) -> None:
        """Send a post unchanged."""
        for posts in self._collections:
            posts.append(post)
        self._write(post)

    def about(
        self,
        line: Line,
        sentence: Sentence,
        *,
        actions: tuple[Act, ...] = (),
        live: bool = False,
        in_clear: Sentence | None = None,
        file: Path | None = None,
    ) -> None:
        """Tell the owner about a call, in the chat with its links.

        Where others can read, `in_clear` replaces what was written, sent or recorded in the call, and says only that
        something was. `file` is sent along.
        """
        self.post(
            Post(
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
        )

    def everywhere(
        self, sentence: Sentence, *, call: str | None = None, live: bool = False, in_clear: Sentence | None = None
    ) -> None:
        """Tell the owner something unasked, in every chat with them.

        Where others can read, `in_clear` replaces it.
        """
        self.post(Post("owner", sentence, chat=EVERYWHERE, call=call, live=live, in_clear=in_clear))
