"""HTTP requests to Telegram, and a check that Telegram replied, not a proxy, a captive portal or a broken server.

A reply is Telegram's if it is a JSON object with `ok`, and either a `result` or an `error_code` and a `description`
(Bot API, Making requests). Any other reply raises NotTelegram, whatever its status, and the request is made again
later. Redirects aren't followed.
"""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import httpx
import msgspec
from msgspec import Meta
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from bot.http_answers import AS_IT_IS, NoCookies, Unreadable
from bot.http_answers import read as read_answer
from bot.messengers.clock import Clock, http_date
from bot.messengers.telegram.limits import CONNECT_SECONDS, REPLY_BYTES, REPLY_SECONDS
from shared.bounded_http import bounded
from shared.not_json import NOT_JSON


class NotTelegram(NetworkError):
    """The reply isn't Telegram's."""


class _Parameters(msgspec.Struct):
    """What a refusal may say beside its words (Bot API, ResponseParameters). The library takes it as it comes."""

    retry_after: Annotated[int, Meta(ge=0, le=2**31)] | msgspec.UnsetType = msgspec.UNSET
    "Seconds."

    migrate_to_chat_id: int | msgspec.UnsetType = msgspec.UNSET


class _Reply(msgspec.Struct):
    """A reply of the Bot API (Making requests)."""

    ok: bool
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    error_code: int | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    parameters: _Parameters | msgspec.UnsetType = msgspec.UNSET


_answers = msgspec.json.Decoder(_Reply)


class Http(HTTPXRequest):
    """The library's requests, with a limit for size and time, and a check of the replying server."""

    def __init__(self, connections: int, clock: Clock) -> None:
        super().__init__(
            connection_pool_size=connections,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=REPLY_SECONDS,
            write_timeout=REPLY_SECONDS,
            pool_timeout=REPLY_SECONDS,
            httpx_kwargs={"cookies": NoCookies()},
        )
        self._clock = clock

    def _build_client(self) -> httpx.AsyncClient:
        return bounded(super()._build_client())

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """See BaseRequest.parse_json_payload. Raises NotTelegram, TelegramError."""
        try:
            return BaseRequest.parse_json_payload(payload)
        except RecursionError:  # nested too deep for the library, but not for `is_telegram`
            raise NotTelegram("an answer that is nested too deep") from None

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = HTTPXRequest.DEFAULT_NONE,
        write_timeout: Any = HTTPXRequest.DEFAULT_NONE,
        connect_timeout: Any = HTTPXRequest.DEFAULT_NONE,
        pool_timeout: Any = HTTPXRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """See BaseRequest.do_request. Raises NotTelegram, TimedOut, NetworkError."""
        files = request_data.multipart_data if request_data else None
        read = read_timeout if isinstance(read_timeout, int | float) else REPLY_SECONDS
        write = write_timeout if isinstance(write_timeout, int | float) else REPLY_SECONDS
        timeout = httpx.Timeout(connect=CONNECT_SECONDS, read=read, write=write, pool=REPLY_SECONDS)
        try:
            # Each byte that arrives restarts httpx's own timeouts. This timeout covers the whole request.
            async with asyncio.timeout(CONNECT_SECONDS + write + read):
                async with self._client.stream(
                    method,
                    url,
                    headers={"User-Agent": self.USER_AGENT, **AS_IT_IS},
                    timeout=timeout,
                    files=files,
                    data=request_data.json_parameters if request_data else None,
                ) as response:
                    date = response.headers.get("date", "")
                    received = time.time()
                    body = await read_answer(response, REPLY_BYTES)
        except Unreadable as error:
            raise NotTelegram(str(error)) from None
        except (httpx.TimeoutException, TimeoutError) as error:
            raise TimedOut from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            # The error's class says enough. Its text may hold the address, and so the token.
            raise NetworkError(type(error).__name__) from None
        if not is_telegram(response.status_code, body):
            kind = response.headers.get("content-type", "no type")[:40]
            raise NotTelegram(f"an answer that isn't Telegram's: status {response.status_code}, {kind}")
        if (said := http_date(date)) is not None:
            self._clock.server_said(said, received)
        return response.status_code, body


def is_telegram(status: int, body: bytes) -> bool:
    """Whether a reply with that status comes from the Bot API."""
    try:
        answer = _answers.decode(body)
    except NOT_JSON:
        return False
    if answer.ok:
        return 200 <= status <= 299 and answer.result is not msgspec.UNSET
    return status >= 400 and answer.error_code is not msgspec.UNSET and answer.description is not msgspec.UNSET
