"""Makes and repeats requests, reports problems on the owner's terminal, and checks whether the token is valid."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from telegram.error import TelegramError

from bot.kinds import Sentence
from bot.messengers.outbox import NotNow, Refused
from bot.messengers.telegram import texts
from bot.messengers.telegram.api import Api
from bot.messengers.telegram.faults import FaultKind, judge
from bot.messengers.telegram.http import NotTelegram
from bot.messengers.telegram.limits import (
    FIRST_RETRY_SECONDS,
    LAST_RETRY_SECONDS,
    REPEAT_SECONDS,
    TOKEN_LAST_RETRY_SECONDS,
    TOKEN_REFUSALS,
)

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError)
"What the library raises for a reply whose values aren't those of the Bot API. The last two: a date that is none."


class UnknownMethod(Refused):
    """The server doesn't know the method."""


class Requests:
    """Makes the requests of one bot."""

    def __init__(self, api: Api, say: Callable[[Sentence], None], back: Callable[[], None]) -> None:
        """`say` writes on the owner's terminal. `back` is called when Telegram can be reached again."""
        self._api = api
        self._say = say
        self._back = back
        self._said_again: dict[str, float] = {}
        self._in_a_row = 0
        "How many requests have failed since the last reply."
        self._unreachable = False
        self._token = asyncio.Lock()

    async def until_answered(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        """Make a request until it has a reply. Raises Refused."""
        failures = 0
        while True:
            try:
                return await self.once(request)
            except NotNow as later:
                if later.seconds is None:
                    failures += 1
                await asyncio.sleep(_backoff(failures) if later.seconds is None else later.seconds)

    async def once(self, request: Callable[[], Awaitable[_Result]]) -> _Result:
        """Make a request once. Raises Refused, NotNow. Waits while the token isn't valid."""
        for refusals in range(TOKEN_REFUSALS):
            if refusals > 1:
                await asyncio.sleep(_backoff(refusals))
            try:
                result = await request()
            except TelegramError as error:
                verdict = judge(error, 0)
                match verdict.fault:
                    case FaultKind.TOKEN:
                        await self._until_token_holds()
                        continue
                    case FaultKind.REFUSED:
                        self._answered()
                        # These are Telegram's own words. They never contain what was sent.
                        logger.info("Telegram refuses a request: %s", error.message)
                        raise Refused(error.message) from None
                    case FaultKind.TOO_FAST:
                        self._answered()
                        raise NotNow(verdict.again_after) from None
                    case FaultKind.CONFLICT:
                        self._say_now_and_then(texts.conflict())
                        raise NotNow(verdict.again_after) from None
                    case FaultKind.UNREACHABLE:
                        self._not_answered(error)
                        raise NotNow from None
            except UNREADABLE as error:
                # The library can't read the result.
                self._not_answered(NotTelegram(type(error).__name__))
                raise NotNow from None
            else:
                self._answered()
                return result
        # The token is valid, but Telegram replies as if it weren't: this server doesn't know the method.
        raise UnknownMethod("Not Found")

    async def _until_token_holds(self) -> None:
        """Ask for our account until Telegram replies.

        One refusal may come from something in between; several in a row don't.
        """
        async with self._token:
            refused, told = 0, False
            while True:
                try:
                    await self._api.me()
                except TelegramError as error:
                    if judge(error, 0).fault is FaultKind.TOKEN:
                        refused += 1
                    if refused == TOKEN_REFUSALS and not told:
                        told = True
                        self._say(texts.revoked())
                except UNREADABLE:
                    pass
                else:
                    if told:
                        self._say(texts.token_holds())
                        self._back()
                    return
                await asyncio.sleep(min(FIRST_RETRY_SECONDS * 2 ** min(refused, 16), TOKEN_LAST_RETRY_SECONDS))

    def _answered(self) -> None:
        self._in_a_row = 0
        if self._unreachable:
            self._unreachable = False
            self._say(texts.back())
            self._back()

    def _not_answered(self, error: TelegramError) -> None:
        self._in_a_row += 1
        if isinstance(error, NotTelegram):
            self._log_now_and_then(error.message)
        if self._in_a_row > 1 and not self._unreachable:
            self._unreachable = True
            self._say(texts.unreachable())

    def _say_now_and_then(self, sentence: Sentence) -> None:
        """Say a sentence that would otherwise be repeated every few seconds."""
        if self._is_time_for(sentence.text):
            self._say(sentence)

    def _log_now_and_then(self, text: str) -> None:
        if self._is_time_for(text):
            logger.warning("Telegram: %s. I try again.", text)

    def _is_time_for(self, text: str) -> bool:
        now = time.monotonic()
        if now < self._said_again.get(text, 0.0):
            return False
        if len(self._said_again) > 100:
            self._said_again.clear()
        self._said_again[text] = now + REPEAT_SECONDS
        return True


def _backoff(failures: int) -> float:
    return float(min(FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 16), LAST_RETRY_SECONDS))
