"""A tiny font for the clock in the pattern: digits, colon and full stop, 5 dots wide and 7 high."""

from __future__ import annotations

WIDTH = 6
"The distance from one character to the next in dots: five and a gap."

HEIGHT = 7

_GLYPHS = {
    "0": (".###.", "#...#", "#..##", "#.#.#", "##..#", "#...#", ".###."),
    "1": ("..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."),
    "2": (".###.", "#...#", "....#", "...#.", "..#..", ".#...", "#####"),
    "3": (".###.", "#...#", "....#", "..##.", "....#", "#...#", ".###."),
    "4": ("...#.", "..##.", ".#.#.", "#..#.", "#####", "...#.", "...#."),
    "5": ("#####", "#....", "####.", "....#", "....#", "#...#", ".###."),
    "6": (".###.", "#....", "#....", "####.", "#...#", "#...#", ".###."),
    "7": ("#####", "....#", "...#.", "..#..", "..#..", "..#..", "..#.."),
    "8": (".###.", "#...#", "#...#", ".###.", "#...#", "#...#", ".###."),
    "9": (".###.", "#...#", "#...#", ".####", "....#", "....#", ".###."),
    ":": (".....", "..#..", "..#..", ".....", "..#..", "..#..", "....."),
    ".": (".....", ".....", ".....", ".....", ".....", ".##..", ".##.."),
}


def dots(text: str) -> list[str]:
    """The seven rows of `text`, with `#` for a lit dot. Raises KeyError for a character that the font lacks.

    Each character of `text` takes WIDTH characters of a row.
    """
    return ["".join(_GLYPHS[character][row] + "." for character in text) for row in range(HEIGHT)]
