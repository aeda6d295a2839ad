"""The owner of the bot, and the single sentence that everybody else gets."""

from __future__ import annotations

import contextlib
import functools

import msgspec

from bot.kinds import Sentence
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.owner_code import claim, code_of, owner_of
from bot.messengers.telegram import texts
from bot.messengers.telegram.limits import STRANGERS_REMEMBERED
from shared.store.journal import Journal

BOT = "bot"
"The fact that holds the bot's user name."

GREETED = "greeted"
"The fact that lists the strangers who were greeted."


class Ownership:
    """The owner of one bot."""

    def __init__(self, journal: Journal, writer: JournalWriter) -> None:
        self.owner = owner_of(journal)
        "The owner's id. None while nobody has claimed the bot."
        self._journal = journal
        self._writer = writer
        self._greeted: list[int] = []
        with contextlib.suppress(msgspec.MsgspecError):
            greeted = journal.fact(GREETED) or b"[]"
            self._greeted = msgspec.json.decode(greeted, type=list[int])

    async def introduced(self, name: str) -> Sentence | None:
        """Store the bot's name. Returns a sentence for the terminal if there is no owner."""
        if self._journal.fact(BOT) != name.encode():
            await self._writer.write(functools.partial(Journal.set_facts, facts={BOT: name.encode()}))
        if self.owner is not None:
            return None
        await self._writer.write(code_of)
        return texts.unclaimed(name, code_of(self._journal))

    async def claim(self, code: str, user: int) -> bool:
        """Make the sender of the right code the owner. Returns False if they aren't."""
        await self._writer.write(functools.partial(claim, text=code, user=user))
        self.owner = owner_of(self._journal)
        return self.owner == user

    async def greet(self, user: int) -> Sentence | None:
        """The single sentence for a stranger. None if they had it already."""
        if user in self._greeted:
            return None
        self._greeted = [*self._greeted, user][-STRANGERS_REMEMBERED:]
        greeted = msgspec.json.encode(self._greeted)
        await self._writer.write(functools.partial(Journal.set_facts, facts={GREETED: greeted}))
        return texts.STRANGER if self.owner is not None else texts.NOT_CLAIMED
