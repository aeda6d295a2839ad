"""Lines on their way to stdout or stderr, by a thread: a reader that stops, or a disk that is full, stops no call.

What can't be written is left out, the oldest first, and counted. The count is written as soon as that works.
"""

from __future__ import annotations

import io
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

MOST_LINES = 10_000
MOST_BYTES = 4 * 1024 * 1024
"What may wait for a slow reader."

LAST_WORDS_SECONDS = 0.25
"How long the end waits for a reader that is slow."


class LineWriter:
    """Writes to one descriptor, in order. Its thread begins with the first line."""

    def __init__(self, descriptor: int, left_out: Callable[[int], bytes]) -> None:
        """`left_out` gives the line about so many lines that were left out."""
        self.descriptor = descriptor
        self._notice = left_out
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._left_out = 0
        self._writing = False
        self._within_line = False
        "Whether a part of a line was written, and its end couldn't be."

    def put(self, line: bytes) -> None:
        """Add a line, with its end; never waits."""
        with self._changed:
            self._lines.append(line)
            self._size += len(line)
            while len(self._lines) > MOST_LINES or (self._size > MOST_BYTES and len(self._lines) > 1):
                self._size -= len(self._lines.popleft())
                self._left_out += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, name="lines", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def drain(self, seconds: float = LAST_WORDS_SECONDS) -> None:
        """Wait until everything was tried, or this time has passed."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._lines or self._writing), seconds)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines)
                self._writing = True
                line = self._lines.popleft()
                self._size -= len(line)
                left_out, self._left_out = self._left_out, 0
            try:
                if left_out:
                    self._write(self._notice(left_out))
                    left_out = 0
                self._write(line)
            except OSError:  # the reader has gone, or the disk is full; it may have room later
                with self._changed:
                    self._left_out += left_out + 1

    def _write(self, data: bytes) -> None:
        """Raises OSError."""
        if self._within_line:
            data = b"\n" + data
        while data:
            try:
                written = os.write(self.descriptor, data)
            except BlockingIOError:  # another program has made a descriptor that we share so
                _wait_for_room(self.descriptor)
                continue
            self._within_line = not data[:written].endswith(b"\n")
            data = data[written:]


class LineStream(io.BufferedIOBase):
    """What a text file writes into that hands its lines to a LineWriter: `write` and `flush` never wait, nor fail."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer
        self._begun = b""
        self._lock = threading.Lock()

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor that the lines go to."""
        return self._writer.descriptor

    def isatty(self) -> bool:
        """Whether that is a terminal."""
        return os.isatty(self._writer.descriptor)

    def write(self, data: Buffer) -> int:
        """A line that has no end yet waits for it."""
        with self._lock:
            *lines, self._begun = (self._begun + bytes(data)).split(b"\n")
            for line in lines:
                self._writer.put(line + b"\n")
        return memoryview(data).nbytes


def _wait_for_room(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll()
