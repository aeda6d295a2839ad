"""Makes TCP ports of one host reachable on another, past every wire: for servers that captures must not see.

Run as a script on the other host, with a folder and ports. Each port is forwarded to the unix socket `PORT` in that
folder. Such a socket can be reached from every network namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.network.namespaces import Namespace

READY = b"ready\n"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _join(
    here: tuple[asyncio.StreamReader, asyncio.StreamWriter], there: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    async with asyncio.TaskGroup() as both:
        both.create_task(_copy(here[0], there[1]))
        both.create_task(_copy(there[0], here[1]))


@contextlib.asynccontextmanager
async def forwarded(host: Namespace, folder: Path, *ports: int) -> AsyncIterator[None]:
    """Make these ports of 127.0.0.1 here reachable on that host too. `folder` needs a short path."""
    async with contextlib.AsyncExitStack() as stack:
        for port in ports:

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port) -> None:
                await _join((reader, writer), await asyncio.open_connection("127.0.0.1", port))

            await stack.enter_async_context(await asyncio.start_unix_server(connected, folder / str(port)))
        script: list[str | Path] = [sys.executable, "-m", "tests.network.forward", folder, *map(str, ports)]
        process = await stack.enter_async_context(
            host.process(*script, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2])
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == READY
        yield


async def main(folder: Path, ports: list[int]) -> None:
    """Listen until the process is ended."""
    async with contextlib.AsyncExitStack() as stack:
        for port in ports:

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int = port) -> None:
                await _join((reader, writer), await asyncio.open_unix_connection(folder / str(port)))

            await stack.enter_async_context(await asyncio.start_server(connected, "127.0.0.1", port))
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [int(port) for port in sys.argv[2:]]))
