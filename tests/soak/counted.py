"""`python -m tests.soak.counted FILE …`: `copybara` that writes what it has, at each SIGUSR2.

That is two numbers: of asyncio tasks, and of calls in memory, also of those that are over.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from pathlib import Path

from bot.cli.main import main
from peer.calls.line import Line


def begin() -> None:
    """Let the signal do that. Python runs what it does in the thread of the event loop."""
    place = Path(sys.argv.pop(1))

    def count(*_: object) -> None:
        unfinished = place.with_suffix(".new")
        gc.collect()
        calls = sum(isinstance(each, Line) for each in gc.get_objects())
        unfinished.write_text(f"{len(asyncio.all_tasks())} {calls}")
        unfinished.replace(place)

    signal.signal(signal.SIGUSR2, count)


if __name__ == "__main__":
    begin()
    sys.exit(main())
