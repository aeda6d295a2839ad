"""`deltachat-rpc-server` as a child process: JSON-RPC 2.0, one object per line (see its README, and --openrpc).

The package of that name contains the program. Its Python client isn't used, because it blocks and has four threads. The
child ends when its stdin closes, so it never outlives us.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import logging
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import InputError
from shared.extras import how_to_add
from shared.not_json import NOT_JSON

PROGRAM = "deltachat-rpc-server"

LINE_BYTES = 64 * 2**20
"The longest line that is read, in bytes. A call's offer of 1 MB passes."

SECONDS = 60.0
"How long a reply may take. Requests that wait for events have their own limit."

STOP_SECONDS = 5.0
"How long the child may take to end after its stdin was closed."

logger = logging.getLogger(__name__)


class RpcError(Exception):
    """Delta Chat's core refuses a request. The text is its reason."""


class RpcDown(Exception):
    """The child process has ended, or doesn't reply."""


def program() -> str:
    """The path of the server. Raises InputError if it isn't installed."""
    found = importlib.util.find_spec("deltachat_rpc_server")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / PROGRAM
        if path.exists():
            return str(path)
    if (path_of := shutil.which(PROGRAM)) is None:
        raise InputError("Delta Chat isn't installed.", how_to_add("deltachat"))
    return path_of


class NoAnswer(RpcDown):
    """A reply takes too long."""


class _Reply(msgspec.Struct):
    id: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


_answer = msgspec.json.Decoder(_Reply)


class Rpc:
    """One server with one folder of accounts."""

    def __init__(self, accounts: Path) -> None:
        """The server makes the folder `accounts`. Only this user may read it."""
        self._accounts = accounts
        self._process: asyncio.subprocess.Process | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run a server during the block. If the server ends early, the block is cancelled and RpcDown is raised."""
        program_path = program()
        try:
            process = await asyncio.create_subprocess_exec(
                program_path,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=LINE_BYTES,
                umask=0o077,
                start_new_session=True,  # Ctrl-C must not reach the server, because it has to run until we are done
                env={**os.environ, "DC_ACCOUNTS_PATH": str(self._accounts), "RUST_LOG": "off"},
            )
        except OSError as error:
            raise RpcDown(f"{PROGRAM} can't be started: {error.strerror}") from error
        self._process = process
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(process))
                yield
                reading.cancel()
        finally:
            self._process = None
            await _end(process)

    async def call(self, method: str, *parameters: object, seconds: float | None = SECONDS) -> Any:
        """Make a request, and return its result. `seconds` None: wait without limit. Raises RpcError, RpcDown."""
        process = self._process
        if process is None or process.stdin is None:
            raise RpcDown("the server doesn't run")
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        request = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": number}
        try:
            process.stdin.write(msgspec.json.encode(request) + b"\n")
            async with asyncio.timeout(seconds):
                await process.stdin.drain()
                return await answer
        except TimeoutError as error:
            raise NoAnswer(f"no answer to {method}") from error
        except ConnectionError as error:
            raise RpcDown(f"no answer to {method}") from error
        finally:
            self._waiting.pop(number, None)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                self._take(line)
        except ValueError as error:  # the line is too long
            raise RpcDown("it wrote too long a line") from error
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(RpcDown("the server has ended"))
        raise RpcDown("the server has ended")

    def _take(self, line: bytes) -> None:
        try:
            answer = _answer.decode(line)
            result = msgspec.json.decode(answer.result)
        except NOT_JSON:
            logger.info("The server wrote a line that isn't an answer.")
            return
        waiting = self._waiting.get(answer.id)
        if waiting is None or waiting.done():
            return
        if answer.error is None:
            waiting.set_result(result)
            return
        message = answer.error.get("message") if isinstance(answer.error, dict) else None
        waiting.set_exception(RpcError(str(message or answer.error)[:400]))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the child end. Kill it if that takes longer than STOP_SECONDS."""
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
