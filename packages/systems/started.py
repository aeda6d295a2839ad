"""A program that others need: it is there once it says so."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

SECONDS = 120.0


@asynccontextmanager
async def started(command: Sequence[str], *, ready: bytes) -> AsyncIterator[Process]:
    """The program while the block runs, from when it has written `ready` on."""
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        async with asyncio.TaskGroup() as tasks:
            assert process.stdout is not None
            said = b""
            async with asyncio.timeout(SECONDS):
                while ready not in said:
                    line = await process.stdout.readline()
                    assert line, f"{command} ended: {said.decode(errors='replace')[-2000:]}"
                    said += line
            # It goes on writing, and must not have to wait for a reader.
            reading = tasks.create_task(_read_on(process.stdout))
            try:
                yield process
            finally:
                reading.cancel()
    finally:
        with suppress(ProcessLookupError):  # it has ended
            process.terminate()
        await process.wait()


async def _read_on(lines: asyncio.StreamReader) -> None:
    while await lines.read(65536):
        pass
