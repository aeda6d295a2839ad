"""Writes log entries on one line each, without characters that control a terminal or reverse the text.

Servers, other programs and people choose words that get into log lines: error codes, reasons, names.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

from shared.printable import escaped

FORMAT = "%(asctime)s %(name)s: %(message)s"


class OneLine(logging.Formatter):
    """Escapes invisible characters. A traceback keeps its lines, which are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        """The line without the traceback."""
        return escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (the name is logging's)
        """The traceback's lines."""
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"  {escaped(line)}" for line in lines)

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 (the name is logging's)
        """The lines of a stack."""
        return "\n".join(f"  {escaped(line)}" for line in super().formatStack(stack_info).splitlines())


class ToStderr(logging.StreamHandler[TextIO]):
    """Writes to the current stderr, not to that of the time when the handler was made (see bot/terminal/streams.py)."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        self.stream = sys.stderr
        super().emit(record)


def set_up_logging(*, verbose: bool) -> None:
    """Log to stderr: everything with `verbose`, otherwise only warnings, as Python does by default."""
    if verbose:
        handler = ToStderr(sys.stderr)
        handler.setFormatter(OneLine(FORMAT))
        logging.basicConfig(level=logging.INFO, handlers=[handler])
    elif logging.lastResort is not None:
        logging.lastResort.setFormatter(OneLine())
