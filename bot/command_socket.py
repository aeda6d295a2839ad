"""The unix socket by which `copybara status`, `call`, `answer` … command the running copybara.

One JSON line in, one JSON line out, then the connection closes. The socket lies in the home folder, which only its
owner may enter, so anyone who can connect is the owner. It has nothing to do with a call's control channel
(peer/transport/control.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec

from shared.errors import CopybaraError, InputError, NotRunning
from shared.not_json import NOT_JSON

MAX_QUESTION = 64 * 1024
"Bytes of one question; an SDP description is among the longest."

MAX_REPLY = 4 * 1024 * 1024
"Bytes of one reply. A status with a hundred calls is below 40 KiB."

REPLY_SECONDS = 20.0
"How long the running program may take; it says so itself when that isn't enough."

PATIENCE_SECONDS = REPLY_SECONDS + 5
"How long the command line waits."

TOO_LONG = f"That is longer than the {MAX_QUESTION // 1024} KiB that the running copybara reads."
SLOW = f"The running copybara wasn't done after {REPLY_SECONDS:.0f} seconds, and has stopped trying."


class Say(msgspec.Struct, frozen=True, tag="say"):
    """Carry out `text`, one of the commands that the owner may write in the chat."""

    text: str


class AskStatus(msgspec.Struct, frozen=True, tag="status"):
    """Say what is going on."""


class AskPage(msgspec.Struct, frozen=True, tag="page"):
    """Give an address of the handset page that works once and holds no key."""


class AskPairing(msgspec.Struct, frozen=True, tag="pairing"):
    """Tell about the device that is being added."""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the running copybara replies."""

    posts: list[dict[str, object]] = []
    status: dict[str, object] | None = None
    page: str = ""
    "Empty: there is no page."

    pairing: dict[str, object] | None = None
    "The device that is being added."

    error: str = ""
    hint: str = ""
    kind: str = ""
    "The error's."


Question = Say | AskStatus | AskPage | AskPairing
_questions = msgspec.json.Decoder(Question)
_replies = msgspec.json.Decoder(Reply)


@contextlib.asynccontextmanager
async def listening(path: Path, reply: Callable[[Question], Awaitable[Reply]]) -> AsyncIterator[None]:
    """Serve the socket at `path` for the length of the block. The caller holds the home's lock."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(msgspec.json.encode(await _replied(reader, reply)) + b"\n")
            async with asyncio.timeout(REPLY_SECONDS):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client has gone, or asks nothing
        finally:
            writer.close()

    _remove(path)
    server = await asyncio.start_unix_server(serve, sock=_bound(path), limit=MAX_QUESTION)
    try:
        yield
    finally:
        server.close()
        with contextlib.suppress(OSError):  # a disk that fails: the next start removes it
            _remove(path)


async def _replied(reader: asyncio.StreamReader, reply: Callable[[Question], Awaitable[Reply]]) -> Reply:
    """Raises TimeoutError if nothing is asked."""
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            raw = await reader.readuntil()
    except asyncio.LimitOverrunError:
        return Reply(error=TOO_LONG)
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            return await reply(_questions.decode(raw))
    except CopybaraError as error:
        return Reply(error=error.sentence, hint=error.hint, kind=error.kind)
    except (*NOT_JSON, ValueError):
        return Reply(error="That isn't a question this copybara understands.")
    except TimeoutError:
        return Reply(error=SLOW, hint="`copybara status` shows which calls there are.")


def ask(path: Path, question: Question, *, patience: float = PATIENCE_SECONDS) -> Reply:
    """Put one question to the running copybara, which has `patience` seconds for everything.

    Raises NotRunning, or the error in its reply.
    """
    until = time.monotonic() + patience
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience)
        try:
            with _short(path) as name:
                connection.connect(name)
            if user_of(connection) not in (None, 0, os.geteuid()):
                raise NotRunning("Another user's program answers in this home.", "Give a home of your own with --home.")
            asked = msgspec.json.encode(question) + b"\n"
            if len(asked) > MAX_QUESTION:
                raise InputError(TOO_LONG)
            connection.sendall(asked)
            reply = _replies.decode(_line(connection, until))
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            raise NotRunning() from None
        except (OSError, *NOT_JSON):
            raise NotRunning("The running copybara doesn't answer.", "Stop it and start it again.") from None
    if reply.error:
        error = CopybaraError(reply.error, reply.hint)
        error.kind = reply.kind or error.kind
        raise error
    return reply


def _line(connection: socket.socket, until: float) -> bytes:
    """What comes up to the end of a line, of MAX_REPLY bytes at most, until that monotonic time. Raises OSError."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < MAX_REPLY:
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError
        connection.settimeout(left)
        if not (more := connection.recv(64 * 1024)):
            break
        line += more
    return bytes(line)


def user_of(connection: socket.socket) -> int | None:
    """The uid of the program at the other end (SO_PEERCRED, unix(7)); None where the system doesn't tell."""
    peercred = getattr(socket, "SO_PEERCRED", None)
    if peercred is None:
        return None
    credentials = struct.Struct("=iII")
    _, uid, _ = credentials.unpack(connection.getsockopt(socket.SOL_SOCKET, peercred, credentials.size))
    return int(uid)


def _bound(path: Path) -> socket.socket:
    """A socket at `path` that only its owner can open, from the first moment. Raises OSError."""
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)  # a file that another thread makes meanwhile is private, too, which does no harm
    try:
        with _short(path) as name:
            bound.bind(name)
    except BaseException:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the socket that fits a unix address (108 bytes), however deep the home lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
