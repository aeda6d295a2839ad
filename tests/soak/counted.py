"""`python -m tests.soak.counted FILE …` runs a `copybara` that writes two numbers at each SIGUSR2.

They are the number of asyncio tasks, and that of calls in memory, including ended calls.
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
    """Install the signal handler. Python runs it in the thread of the event loop."""
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
