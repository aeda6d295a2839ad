"""`python -m tests.peer.media.open_sound auto` opens a sound system and prints how long all else stood still."""

from __future__ import annotations

import asyncio
import sys
import time

from peer.media.ending import end
from peer.media.sound.system import open_sound
from shared.config.schema import Devices
from shared.errors import MediaError

TICK = 0.05


async def main(wanted: str) -> None:
    standstill = 0.0

    async def watch() -> None:
        nonlocal standstill
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK)
            standstill = max(standstill, time.monotonic() - before - TICK)

    watching = asyncio.create_task(watch())
    try:
        came_of_it = type(await open_sound(Devices(sound=wanted))).__name__  # type: ignore[arg-type]
    except MediaError as error:
        came_of_it = error.sentence
    await end(watching)
    sys.stdout.write(f"{standstill:.3f} {came_of_it}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
