"""Descriptions as a broken or a hostile program may write them."""

from __future__ import annotations

import random


def mutated(text: str, chance: random.Random) -> str:
    """The description with one to six changes: lines deleted, doubled, cut or moved, or other characters or numbers."""
    lines = text.split("\r\n")
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(lines))
        line = lines[at]
        match chance.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 2:
                lines[at] = line[: chance.randrange(len(line) + 1)]
            case 3:
                where = chance.randrange(len(line) + 1)
                lines[at] = (
                    line[:where] + chr(chance.choice((0, 10, 32, 45, 58, 0x661, 0xD800, 0x10FFFF))) + line[where:]
                )
            case 4:
                lines[at] = "".join(
                    chance.choice(("-1", "99999999999", "4294967296", "", "0", "½", c))
                    if c.isdigit() and chance.random() < 0.2
                    else c
                    for c in line
                )
            case 5:
                words = line.split(" ")
                chance.shuffle(words)
                lines[at] = " ".join(words)
            case 6:
                lines[at] = line * chance.randint(2, 40)
            case _:
                other = chance.randrange(len(lines))
                lines[at], lines[other] = lines[other], line
        lines = lines or [""]
    return "\r\n".join(lines)
