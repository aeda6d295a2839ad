"""Joins the messengers of one process. Each post goes to the messenger that has its conversation.

All that the bot says passes `Chats.post`, so that the code of a command can collect it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Iterator, Sequence

from bot.conversation import EVERYWHERE, HandsetPage, Messenger, Post, ShowsFiles
from peer.calls.files.transfer import Transfer
from peer.calls.line import Line


class Chats:
    """One or more messengers, used as one."""

    def __init__(self, messengers: Sequence[Messenger]) -> None:
        self.messengers = tuple(messengers)
        self._collections: list[list[Post]] = []

    @property
    def at_terminal(self) -> bool:
        """Whether the owner sits at this program's terminal, and may have no page open."""
        return any(messenger.capabilities.at_terminal for messenger in self.messengers)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send posts while the block runs."""
        async with contextlib.AsyncExitStack() as stack:
            for messenger in self.messengers:
                await stack.enter_async_context(messenger.running())
            yield

    def is_private(self, chat: str) -> bool:
        """Whether only the owner can write as the owner in that conversation."""
        return all(messenger.capabilities.private for messenger in self.messengers if messenger.handles(chat))

    def is_by_hand(self, chat: str) -> bool:
        """Whether the owner must carry what is written in that conversation to the other side."""
        return all(messenger.capabilities.by_hand for messenger in self._writing(chat))

    def ready(self, node: str, notices: list[str], handset: HandsetPage | None) -> None:
        """Tell the messengers that links can now be read and calls can be made."""
        for messenger in self.messengers:
            messenger.ready(node, notices, handset)

    def post(self, post: Post) -> None:
        """Write a message in its conversation.

        If no messenger knows the conversation, the first messenger writes it.
        """
        for posts in self._collections:
            posts.append(post)
        for messenger in self._writing(post.chat):
            messenger.post(_for(messenger, post))

    @contextlib.contextmanager
    def collecting(self) -> Iterator[list[Post]]:
        """Collect everything that is posted during the block, with the links of calls that are placed in it."""
        posts: list[Post] = []
        self._collections.append(posts)
        try:
            yield posts
        finally:
            self._collections = [each for each in self._collections if each is not posts]

    def rings_again(self, chat: str) -> bool:
        """Whether a call that rang in that conversation before a kill rings again at the next start."""
        return any(
            messenger.capabilities.rings_again and (chat == EVERYWHERE or messenger.handles(chat))
            for messenger in self.messengers
        )

    def file_changed(self, line: Line, transfer: Transfer) -> None:
        """Show a file's state in every messenger that shows files."""
        for messenger in self.messengers:
            if isinstance(messenger, ShowsFiles):
                messenger.file_changed(line, transfer)

    def call_changed(self, line: Line) -> None:
        """Show a call's new state in every messenger that shows calls."""
        for messenger in self.messengers:
            messenger.call_changed(line)

    def _writing(self, chat: str) -> Sequence[Messenger]:
        """The messengers that write what is posted in that conversation."""
        if chat == EVERYWHERE:
            return self.messengers
        homes = [messenger for messenger in self.messengers if messenger.handles(chat)]
        return (homes or self.messengers)[:1]


def _for(messenger: Messenger, post: Post) -> Post:
    """The post as that messenger may write it."""
    can = messenger.capabilities
    if post.in_clear is None or can.private or (post.from_call and can.texts):
        return post
    return dataclasses.replace(post, sentence=post.in_clear)
