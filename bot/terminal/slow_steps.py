"""What takes long says what it is: a line on the terminal once a step has taken two seconds.

It goes to standard error, and only where that is a terminal: neither a script nor a service's journal needs it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from bot.terminal.streams import as_wide_as, is_terminal
from shared.printable import visible

PATIENCE_SECONDS = 2.0
"How long a step may be silent."


@contextlib.contextmanager
def said_if_slow(what: str, seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Say `what` if somebody sits there and the block takes longer than this."""
    if not is_terminal(sys.stderr):
        yield
        return
    timer = threading.Timer(seconds, _say, [what])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _say(what: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads there
        sys.stderr.write(f"{as_wide_as(sys.stderr, f'{visible(what)} …')}\n")
        sys.stderr.flush()
