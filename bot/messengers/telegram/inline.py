"""Inline mode: the owner types `@bot call NAME` in any chat.

A query comes letter by letter, and Telegram doesn't reliably say whether the result was sent. So the bot prepares a
call that doesn't occupy the owner until it connects.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from bot.conversation import Listener, Post
from bot.messengers.telegram import render
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.conversations import TelegramChat, Way
from bot.messengers.telegram.incoming import Asked, Chosen
from peer.calls.line import Line
from shared.call.table import State
from shared.errors import CopybaraError, InputError
from shared.media import Media


def whom_and_media(words: Sequence[str]) -> tuple[str, Media]:
    """Return the name in the words after `call`, and the kind of call after the name.

    A contact's name of several words never ends in such a kind.
    """
    *name, last = words
    with contextlib.suppress(InputError):
        if name:
            return " ".join(name), Media.parse(last)
    return " ".join(words), Media.BOTH


class InlineQueries:
    """The owner's inline queries. One call at a time is prepared."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._prepared: Line | None = None
        self._preparing = asyncio.Lock()
        self._results: dict[str, str] = {}
        "The link of each prepared call as HTML, by the call's id."

    async def answer(self, asked: Asked, listener: Listener) -> None:
        """Answer one query. It runs in the background, because looking up a name may take a while.

        Raises TelegramError.
        """
        words = asked.text.split()
        if words and words[0].lower().lstrip("/") == "call":
            words = words[1:]
        if not asked.text:
            await self._api.answer_question(asked.query)
            return
        if not words:
            await self._api.answer_question(asked.query, hint="Write: call NAME")
            return
        whom, media = whom_and_media(words)
        try:
            async with self._preparing:
                line = await self._prepare(whom, media, TelegramChat(Way.INLINE, (asked.query,)).chat, listener)
        except CopybaraError as error:
            await self._api.answer_question(asked.query, hint=error.sentence)
            return
        title = f"Call {line.name} ({line.media.words})"
        html = self._results.get(line.id, "")
        await self._api.answer_question(asked.query, result=(line.id, title, html) if html else None)

    def chosen(self, chosen: Chosen, listener: Listener) -> None:
        """Note that the result was sent. From now on, the call is like any other."""
        if self._prepared is not None and self._prepared.id == chosen.result:
            listener.confirm(self._prepared)
            self._prepared = None

    def takes(self, post: Post) -> bool:
        """Keep a post that is the result of a query. Returns False if the post isn't one."""
        line = post.line
        if (
            post.to != "chat"
            or post.token is None
            or line is None
            or not line.shown.provisional
            or line.connection.connected is not None
            or line.call.state is not State.CALLING
        ):
            return False
        self._results.setdefault(line.id, render.for_the_chat(post))
        return True

    def gives_way_to(self, line: Line, listener: Listener) -> None:
        """Cancel the prepared call if another call occupies the owner."""
        if self._prepared is not None and line is not self._prepared and line.occupies:
            listener.discard(self._prepared)

    async def _prepare(self, whom: str, media: Media, chat: str, listener: Listener) -> Line:
        before = self._prepared
        self._prepared = line = await listener.prepare(whom, media, chat, before)
        if before is not None and before is not line:
            self._results.pop(before.id, None)
        return line
