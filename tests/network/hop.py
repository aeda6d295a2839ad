"""The relay between the stand-ins for Staex nodes, over a path that may be bad. A program of its own.

    python -m tests.network.hop PORT

Each line on its standard input is a JSON object with fields of bad_path.Path: from then on the path is like that, in
both directions. It answers each with a line, and prints one at the beginning, when it listens.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path as File

from tests.network.bad_path import Direction, Path
from tests.network.namespaces import Namespace
from tests.network.staex_node import frame, read_frame, write_or_drop

ROOT = File(__file__).parents[2]
SECONDS = 60


class Hop:
    """The path between two nodes, as the tests control it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def be(self, path: Path) -> None:
        """Change the path to this."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(path)).encode() + b"\n")
        await self.listens()

    async def listens(self) -> None:
        """Wait for its next line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS):
            assert await self._process.stdout.readline()


@asynccontextmanager
async def hop(host: Namespace, port: int) -> AsyncIterator[Hop]:
    """Run the program on a host during the block. The path is perfect at first."""
    command = sys.executable, "-m", "tests.network.hop", str(port)
    async with host.process(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT) as process:
        there = Hop(process)
        await there.listens()
        yield there


async def _carry(port: int) -> None:
    loop = asyncio.get_running_loop()
    path = Path()
    nodes: dict[str, StreamWriter] = {}
    directions: dict[tuple[str, str], Direction] = {}

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        sender, _ = await read_frame(reader)
        nodes[sender] = writer
        writer.write(frame(sender, b""))
        try:
            while True:
                receiver, packet = await read_frame(reader)
                if receiver not in nodes:
                    continue
                way = directions.setdefault((sender, receiver), Direction(seed=len(directions)))
                for at in way.times(path, loop.time(), len(packet)):
                    loop.call_at(at, write_or_drop, nodes[receiver], frame(sender, packet))
        except (IncompleteReadError, ConnectionError):
            writer.close()

    async with await asyncio.start_server(serve, "0.0.0.0", port):
        print("listening", flush=True)  # noqa: T201 - what it prints is its interface
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            path = Path(**json.loads(line))
            print("changed", flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_carry(int(sys.argv[1])))
