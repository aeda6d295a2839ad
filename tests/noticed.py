"""Waiting for what the program logs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator


class _Notices(logging.Handler):
    def __init__(self, words: str, seen: asyncio.Event) -> None:
        super().__init__()
        self._words = words
        self._seen = seen
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self._loop.call_soon_threadsafe(self._seen.set)  # also from a thread


@contextlib.contextmanager
def noticed(logger: logging.Logger, words: str) -> Iterator[asyncio.Event]:
    """Yield an event that is set when a logger, or one below it, logs these words during the block."""
    seen = asyncio.Event()
    notices = _Notices(words, seen)
    logger.addHandler(notices)
    try:
        yield seen
    finally:
        logger.removeHandler(notices)
