"""A QR code for a phone's camera: in a terminal, whatever its colours are, or in a file."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import segno

from bot.terminal.streams import as_wide_as
from shared.errors import InputError

QUIET = 4
"Modules of white around the code (ISO/IEC 18004, 6.3.8)."

FILES = (".svg", ".png", ".pdf")

_BLACK, _WHITE = 16, 231
"Of the 256-colour palette: two that no theme changes."


def made(text: str) -> segno.QRCode:
    """The smallest code that survives 15 % of damage."""
    return segno.make(text, error="m", boost_error=False)


def in_terminal(code: segno.QRCode) -> str | None:
    """The code as lines of half blocks, black on white in every theme; None if this window can't show it.

    One that is taller than the window says so below: no camera reads a code whose top has gone.
    """
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=QUIET)]
    try:
        "▀".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return None
    if not _shows_colours():
        return None
    if sys.stdout.isatty() and shutil.get_terminal_size().columns < len(rows[0]):
        return None
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))  # white
    drawn = "".join(_line(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True))
    if sys.stdout.isatty() and shutil.get_terminal_size().lines < len(rows) // 2 + 1:
        taller = f"To see the whole code, make this window {len(rows) // 2 + 1} lines tall, or its letters smaller."
        drawn += f"{as_wide_as(sys.stdout, taller)}\n"
    return drawn


def or_why_not(code: segno.QRCode) -> str:
    """The same, or a sentence."""
    width = code.symbol_size(border=QUIET)[0]
    sentence = f"This terminal can't show the QR code. It takes colours and {width} columns."
    return in_terminal(code) or f"{as_wide_as(sys.stdout, sentence)}\n"


def _shows_colours() -> bool:
    """Whether they are wanted (no-color.org), and the terminal isn't one that only prints what would set them."""
    return not os.environ.get("NO_COLOR") and not (sys.stdout.isatty() and os.environ.get("TERM") == "dumb")


def save(code: segno.QRCode, file: Path) -> None:
    """Write the code into a file, whose name's end says in which format. Raises InputError, OSError."""
    if file.suffix.lower() not in FILES:
        raise InputError(f"{file.name} is no picture that I can write.", f"End its name in {', '.join(FILES)}.")
    code.save(str(file), scale=8, border=QUIET)


def _line(upper: list[bool], lower: list[bool]) -> str:
    """Two rows of modules in one of text: the upper half of each block has the foreground's colour."""
    cells, before = [], None
    for pair in zip(upper, lower, strict=True):
        if pair != before:
            above, below = (_BLACK if dark else _WHITE for dark in pair)
            cells.append(f"\033[38;5;{above};48;5;{below}m")
            before = pair
        cells.append("▀")
    return f"{''.join(cells)}\033[0m\n"
