"""Turns news of files in calls into sentences for the owner.

Each state is posted once, however often the path is lost.
"""

from __future__ import annotations

from bot.chats import Chats
from bot.conversation import Post
from bot.texts import files as texts
from peer.calls.files.transfer import FileChanged
from peer.calls.line import Line
from shared.files.table import FileState


class FileNews:
    """Tells the owner about files."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats
        self._said: dict[int, set[FileState]] = {}
        "For each unfinished transfer, the states that were told."

    def told(self, line: Line, news: FileChanged) -> None:
        """Take news of a file."""
        transfer = news.transfer
        self._chats.file_changed(line, transfer)
        if news.progress:
            return
        said = self._said.setdefault(transfer.number, set())
        over = transfer.ended or (transfer.state is FileState.PAUSED and line.call.ended)
        # A path that is lost again and again pauses a file as many times.
        if over or (transfer.state not in said and transfer.state is not FileState.PAUSED):
            said.add(transfer.state)
            in_clear = texts.changed(line, transfer, clear=True)
            self._chats.post(Post.about(line, texts.changed(line, transfer), in_clear=in_clear))
        if over:
            del self._said[transfer.number]
