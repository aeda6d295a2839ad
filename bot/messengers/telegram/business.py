"""The bot's connections to the owner's personal account (in the Bot API: "business"), and its rights there."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import OrderedDict

from bot.kinds import Sentence
from bot.messengers.journal_writer import JournalWriter
from bot.messengers.outbox import Refused
from bot.messengers.telegram import texts
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.incoming import Connection, from_bytes, to_bytes
from bot.messengers.telegram.requests import Requests
from shared.not_json import NOT_JSON
from shared.store.journal import CONNECTION, Journal

OTHERS_REMEMBERED = 256
"How many connections to other people's accounts are remembered, so that Telegram isn't asked again."

ASK_SECONDS = 10.0
"How long Telegram may take to say whose a connection is. All other updates wait meanwhile."

PAUSE_SECONDS = 600.0
"How long no such question is asked after one had no reply."

logger = logging.getLogger(__name__)


class BusinessConnections:
    """The connections of one bot."""

    def __init__(self, api: Api, requests: Requests, journal: Journal, writer: JournalWriter) -> None:
        self._api = api
        self._requests = requests
        self._journal = journal
        self._writer = writer
        self._others: OrderedDict[str, None] = OrderedDict()
        "The latest connections to other people's accounts. Anybody can make one and write there as often as they like."
        self._asked_again = float("-inf")
        "When Telegram may be asked again, in the loop's time."

    async def changed(self, connection: Connection) -> Sentence | None:
        """Handle a connection that was made, changed or ended.

        Returns what the owner should hear of it, if anything.
        """
        known = self._known(connection.id) is not None
        await self._keep(connection)
        if not connection.enabled:
            return texts.DISCONNECTED
        if known:
            return None
        return texts.CONNECTED if connection.can_reply else texts.CONNECTED_SILENTLY

    async def is_the_owners(self, number: str, owner: int | None) -> bool:
        """Whether the connection is to the owner's account, and is on.

        Telegram announces the owner's connections, and is asked about others. If it doesn't reply in time, the
        connection counts as somebody else's: anybody can make one, and the owner's messages wait meanwhile.
        """
        if number in self._others:
            return False
        known = self._known(number)
        if known is None:
            loop = asyncio.get_running_loop()
            if loop.time() < self._asked_again:
                return False
            try:
                async with asyncio.timeout(ASK_SECONDS):
                    found = await self._requests.until_answered(lambda: self._api.connection(number))
            except TimeoutError:
                self._asked_again = loop.time() + PAUSE_SECONDS
                logger.warning("Telegram doesn't say whose account a message came from, so it is dropped.")
                return False
            except Refused:
                return False
            if found.user.id != owner:
                self._others[number] = None
                while len(self._others) > OTHERS_REMEMBERED:
                    self._others.popitem(last=False)
                return False
            can_reply = found.rights is not None and bool(found.rights.can_reply)
            known = Connection(found.id, found.is_enabled, can_reply)
            await self._keep(known)
        return known.enabled

    def may_write(self, number: str) -> bool:
        """Whether the bot may write there as the owner."""
        known = self._known(number)
        return known is not None and known.enabled and known.can_reply

    async def _keep(self, connection: Connection) -> None:
        facts: dict[str, bytes | None] = {_fact(connection.id): to_bytes(connection)}
        await self._writer.write(functools.partial(Journal.set_facts, facts=facts))

    def _known(self, number: str) -> Connection | None:
        fact = self._journal.fact(_fact(number))
        try:
            entry = from_bytes(fact) if fact else None
        except NOT_JSON:
            return None
        return entry if isinstance(entry, Connection) else None


def _fact(number: str) -> str:
    return f"{CONNECTION}{number}"
