"""One side of the alternative as a process of its own: JSON lines in, JSON lines out.

`{"do": "offer"}` and `{"do": "answer", "sdp": …}` begin a call and are answered by `{"sdp": …}`;
`{"do": "accept", "sdp": …}` connects the one who offered; `{"do": "times"}` is answered once media arrives;
`{"do": "close"}` ends the call and is answered by `{}`. The end of the input ends the process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import sys
from typing import Any

from benchmarks.peer_connection import Side, on_loopback, undecoded

READ_LIMIT = 256 * 1024


async def serve() -> None:
    """One call after the other."""
    lines = asyncio.StreamReader(limit=READ_LIMIT)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"ready": True}), flush=True)
    side: Side | None = None
    while line := await lines.readline():
        asked = json.loads(line)
        if side is None:
            side = Side()
        reply = await _done(side, asked)
        if asked["do"] == "close":
            side = None
        if reply is not None:
            print(json.dumps(reply), flush=True)


async def _done(side: Side, asked: dict[str, Any]) -> dict[str, Any] | None:
    match asked["do"]:
        case "offer":
            return {"sdp": await side.offer()}
        case "answer":
            return {"sdp": await side.answer(asked["sdp"])}
        case "accept":
            await side.accept(asked["sdp"])
            return None
        case "times":
            return dataclasses.asdict(await side.times())
        case "close":
            await side.close()
            return {}
    raise ValueError(asked["do"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--decode", action="store_true", help="decode what arrives, as aiortc does by itself")
    options = parser.parse_args()
    with on_loopback(), contextlib.nullcontext() if options.decode else undecoded():
        asyncio.run(serve())


if __name__ == "__main__":
    main()
