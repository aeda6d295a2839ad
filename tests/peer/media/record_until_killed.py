"""Records the test pattern into a folder until the process is killed. Prints a line after two seconds of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from peer.media.endpoints.pattern import Pattern
from peer.media.endpoints.recorder import Recorder
from shared.media import Media
from tests.peer.pair import connected


async def main(folder: Path) -> None:
    async with connected() as legs:
        await Recorder(folder).attach(legs.callee, Media.BOTH, legs.tasks)

        async def tell(packet: bytes) -> None:
            if legs.callee.counters.audio.packets == 100:
                sys.stdout.write("two seconds have come\n")
                sys.stdout.flush()

        legs.callee.tap(tell)
        await Pattern().attach(legs.caller, Media.BOTH, legs.tasks)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
