"""The node in the middle, relay_process.py, seen from the ends."""

from __future__ import annotations

import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.programs import ENVIRONMENT


@contextlib.asynccontextmanager
async def middle() -> AsyncIterator[Process]:
    """The process, for as long as the block lasts."""
    process = await create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.relay_process"), stdin=PIPE, stdout=PIPE, env=ENVIRONMENT
    )
    try:
        await reply(process)
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def asked(process: Process, **question: Any) -> dict[str, Any]:
    """What it answers."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(question).encode() + b"\n")
    return await reply(process)


async def reply(process: Process) -> dict[str, Any]:
    """What it says next."""
    assert process.stdout is not None
    reply: dict[str, Any] = json.loads(await process.stdout.readline())
    return reply
