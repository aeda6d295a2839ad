"""Answers of servers that may mean us harm: read as they come, within a limit; nothing is unpacked, no cookie is kept.

A few kilobytes can unpack to terabytes (RFC 9110, 8.4: an encoding may be applied more than once), and the library
would do it before it says how much there is.
"""

from __future__ import annotations

import http.cookiejar
import ssl
import urllib.request
from http.client import HTTPResponse

import httpx

AS_IT_IS = {"Accept-Encoding": "identity"}
"The header that asks for an answer that isn't packed (RFC 9110, 12.5.3)."


class Unreadable(Exception):
    """The answer is packed all the same."""


class TooLong(Unreadable):
    """It has more bytes than we read."""


def fault_of(error: Exception) -> str:
    """What went wrong with a request, as it stands behind a colon. It holds no part of the address, nor of the answer.

    `error` is what httpx raises, TimeoutError, or ValueError for an address.
    """
    match error:
        case httpx.ConnectError():
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
                cause = cause.__cause__ or cause.__context__
            return "its server's certificate isn't good for its name" if cause else "no connection to its server"
        case httpx.TimeoutException() | TimeoutError():
            return "its server didn't answer in time"
        case httpx.HTTPStatusError():
            return f"its server answered with status {error.response.status_code}"
        case httpx.UnsupportedProtocol() | httpx.InvalidURL() | ValueError():
            return "its address isn't one of the web"
        case _:
            return "its server broke off or doesn't speak HTTP"


class NoCookies(http.cookiejar.CookieJar):
    """Keeps none, and looks at none: a server could send more of them with each answer."""

    def extract_cookies(self, response: HTTPResponse, request: urllib.request.Request) -> None:
        """Nothing."""

    def add_cookie_header(self, request: urllib.request.Request) -> None:
        """Nothing."""


async def read(response: httpx.Response, most: int) -> bytes:
    """The body, with `most` bytes at most. Raises TooLong, Unreadable, and what httpx raises."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unreadable("an answer that is packed")
    body = bytearray()
    async for part in response.aiter_raw():
        if len(body) + len(part) > most:
            raise TooLong(f"an answer of more than {most} bytes")
        body += part
    return bytes(body)
