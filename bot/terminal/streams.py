"""The three standard streams as a person's system gives them: closed, full, or in a terminal that isn't UTF-8."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Literal, TextIO

from shared.printable import visible

if TYPE_CHECKING:
    from bot.terminal.line_writer import LineWriter

USUAL_COLUMNS = 80
"Of a terminal that doesn't say how wide it is."

READABLE = "copybara-readable"
"Name of the error handler below."

_writers: list[LineWriter] = []
"What writes to stdout and stderr from `write_aside` on."

_PLAIN = {"…": "...", "•": "*", "→": "->", "↔": "<->", "│": "|", "┌": "+", "└": "+", "✉": ">"}
"What our own sentences and pictures become in an encoding that lacks them."


def prepare() -> None:
    """Make sure that all three are open, and that every text can be written to stdout and stderr.

    A descriptor that was closed would be taken by the next file that is opened, such as the database.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # the lowest number that is free; writing to it fails, as it should
    sys.stdin = sys.stdin or _opened(0, "r")
    sys.stdout = sys.stdout or _opened(1, "w")
    sys.stderr = sys.stderr or _opened(2, "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=READABLE)


def _opened(number: int, mode: Literal["r", "w"]) -> TextIO:
    return os.fdopen(number, mode, encoding="utf-8", closefd=False)


def give_up_stdout() -> None:
    """Nobody reads stdout any more, or its disk is full: what is left in its buffer goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def write_aside() -> None:
    """From now on, until the process ends, threads write what goes to stdout and stderr, and nothing waits for them.

    Our words, a log line or a library's warning would otherwise stop all calls once the reader stops. The second time
    nothing is left to do.
    """
    if _writers:
        return
    from bot.terminal.line_writer import LineStream, LineWriter
    from bot.terminal.texts import left_out

    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        stream.flush()
        encoding = stream.encoding or "utf-8"

        def notice(lines: int, encoding: str = encoding) -> bytes:
            return f"{left_out(lines)}\n".encode(encoding, READABLE)

        writer = LineWriter(stream.fileno(), notice)
        setattr(sys, name, io.TextIOWrapper(LineStream(writer), encoding, READABLE, write_through=True))
        _writers.append(writer)


def drain() -> None:
    """Give what was written aside a moment to get out."""
    for writer in _writers:
        writer.drain()


def print_json(value: object) -> None:
    """Print one JSON value on a line; with \\u escapes where the terminal has another encoding than UTF-8."""
    import json

    utf8 = codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"
    sys.stdout.write(json.dumps(value, ensure_ascii=not utf8) + "\n")


def print_text(text: str, *, hanging: int | None = None, at_least: int = 0, to_copy: bool = False) -> None:
    """Print lines with others' names in them: nothing invisible, and nothing that a terminal obeys.

    On a terminal they are wrapped between words, see wrapping.py, unless they are there `to_copy`.
    """
    clean = visible(text, lines=True)
    sys.stdout.write(f"{clean if to_copy else as_wide_as(sys.stdout, clean, hanging=hanging, at_least=at_least)}\n")


def as_wide_as(stream: TextIO, text: str, *, hanging: int | None = None, at_least: int = 0) -> str:
    """The text wrapped for the terminal that the stream leads to; as it is for anything else."""
    if not is_terminal(stream):
        return text
    from bot.terminal.wrapping import wrapped

    return wrapped(text, _columns(stream), hanging=hanging, at_least=at_least)


def _columns(stream: TextIO) -> int:
    with contextlib.suppress(KeyError, ValueError):
        if (wanted := int(os.environ["COLUMNS"])) > 0:
            return wanted
    with contextlib.suppress(OSError):
        if (there := os.get_terminal_size(stream.fileno()).columns) > 0:
            return there
    return USUAL_COLUMNS


def _readable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    written = "".join(_PLAIN.get(character) or _escaped(character) for character in missing)
    return written, error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(READABLE, _readable)


def only_the_user_reads() -> bool:
    """Whether standard output is a terminal. What it writes elsewhere may be kept, and read by others."""
    return is_terminal(sys.stdout)


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream leads to a terminal."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # it is closed
        return False
