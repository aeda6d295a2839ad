"""`python -m tests.soak.counted FILE …`: `copybara` that writes how many asyncio tasks it has, at each SIGUSR2."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from bot.cli.main import main


def begin() -> None:
    """Let the signal do that. Python runs what it does in the thread of the event loop."""
    place = Path(sys.argv.pop(1))

    def count(*_: object) -> None:
        unfinished = place.with_suffix(".new")
        unfinished.write_text(str(len(asyncio.all_tasks())))
        unfinished.replace(place)

    signal.signal(signal.SIGUSR2, count)


if __name__ == "__main__":
    begin()
    sys.exit(main())
