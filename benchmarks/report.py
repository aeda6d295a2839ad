"""The figures for people: on the terminal, and in README.md between its markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.measuring import Figure, Row, Samples

HEADINGS = ("ours", "median", "alternative", "median", "ours ÷ alternative", "goal")
RIGHT_ALIGNED = (1, 3, 4, 5)


def table(figure: Figure) -> Table:
    """One figure for the terminal."""
    drawn = Table(title=figure.title, title_justify="left", title_style="bold")
    for number, heading in enumerate(HEADINGS):
        drawn.add_column(heading, justify="right" if number in RIGHT_ALIGNED else "left")
    for row in figure.rows:
        drawn.add_row(*_cells(row))
    return drawn


def rewritten(readme: str, figures: Iterable[Figure], machine: Sequence[str]) -> str:
    """The text of README.md with these figures and this machine. Raises ValueError where a place is missing."""
    readme = _put(readme, "machine", "\n".join(f"- {line}" for line in machine))
    for figure in figures:
        readme = _put(readme, figure.name, _markdown(figure))
    return readme


def write(readme: Path, figures: Iterable[Figure], machine: Sequence[str]) -> None:
    """Put the figures into the file."""
    readme.write_text(rewritten(readme.read_text("utf-8"), figures, machine), "utf-8")


def _put(readme: str, name: str, text: str) -> str:
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    written, found = place.subn(lambda match: f"{match[1]}{text}\n{match[2]}", readme)
    if found != 1:
        raise ValueError(f"README.md has {found} places for {name!r}.")
    return written


def _markdown(figure: Figure) -> str:
    rules = ["--:" if number in RIGHT_ALIGNED else ":--" for number in range(len(HEADINGS))]
    lines = [HEADINGS, rules, *(_cells(row) for row in figure.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    goals = [_with_unit(_number(row.goal), row.unit)] if row.goal is not None else []
    goals += [f"ratio {_number(row.ratio_goal)}"] if row.ratio_goal is not None else []
    goal = f"{', '.join(goals)}, {'met' if row.met else 'MISSED'}" if goals else ""
    return (
        row.what,
        _with_unit(_with_spread(row.ours), row.unit),
        row.against,
        "" if row.theirs is None else _with_unit(_with_spread(row.theirs), row.unit),
        "" if row.ratio is None else _with_spread(row.ratio),
        goal,
    )


def _with_spread(samples: Samples) -> str:
    median, lowest, highest = (_number(value) for value in (samples.median, samples.lowest, samples.highest))
    to = " to " if samples.lowest < 0 else "-"
    return median if lowest == highest else f"{median} ({lowest}{to}{highest})"


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _number(value: float) -> str:
    """As many digits as a noisy machine gives meaning to."""
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 else f"{value:.3f}"
