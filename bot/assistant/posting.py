"""What the bot says: every post goes through here, and the code that carries out a command collects what it said."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from bot.conversation import EVERYWHERE, Act, Post
from bot.kinds import Sentence
from peer.calls.line import Line


class Posting:
    """Speaks to one owner, and to the other side of their calls."""

    def __init__(
        self, write: Callable[[Post], None], is_private: Callable[[str], bool], is_by_hand: Callable[[str], bool]
    ) -> None:
        """`write` puts a message on its way; it may not block. `is_private`: whether nobody else can write in that
        conversation as the owner; `is_by_hand`: whether the owner carries what is for the other side.
        """
        self._write = write
        self.is_private = is_private
        self.is_by_hand = is_by_hand
        self._collections: list[list[Post]] = []

    @contextlib.contextmanager
    def collecting(self) -> Iterator[list[Post]]:
        """Fill the list with everything that is posted during the block: the links of calls that it makes as well."""
        posts: list[Post] = []
        self._collections.append(posts)
        try:
            yield posts
        finally:
            self._collections = [each for each in self._collections if each is not posts]

    def post(self, post: Post) -> None:
        """Write a message as it is."""
        for posts in self._collections:
            posts.append(post)
        self._write(post)

    def about(
        self,
        line: Line,
        said: Sentence,
        *,
        actions: tuple[Act, ...] = (),
        live: bool = False,
        in_clear: Sentence | None = None,
    ) -> None:
        """Tell the owner about a call, where its links are read and written; `in_clear` see `from_call`."""
        self.post(
            Post(
                "owner",
                said,
                chat=line.chat,
                actions=actions,
                line=line,
                live=live,
                in_clear=in_clear,
                from_call=in_clear is not None,
            )
        )

    def from_call(self, line: Line, said: Sentence, *, in_clear: Sentence) -> None:
        """Tell the owner there what was said, sent or recorded in a call; `in_clear` only that something was."""
        self.post(Post("owner", said, chat=line.chat, line=line, in_clear=in_clear, from_call=True))

    def everywhere(
        self, said: Sentence, *, call: str | None = None, live: bool = False, in_clear: Sentence | None = None
    ) -> None:
        """Tell the owner what no command has asked for, wherever they can be told something; `in_clear` is what is said
        where others can read it.
        """
        self.post(Post("owner", said, chat=EVERYWHERE, call=call, live=live, in_clear=in_clear))
