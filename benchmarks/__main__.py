"""`python -m benchmarks`: measure everything, print it, and write it into README.md.

With names of figures only those are measured, and nothing is written. With `--slow` they are measured on a third of one
core (slow.py).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType

from rich.console import Console

from benchmarks import (
    bad_networks,
    deltachat_call,
    ear_to_ear,
    file_over_yggdrasil,
    file_transfer,
    flood,
    glass_to_glass,
    growth,
    idle_memory,
    killed_transfer,
    matrix_call,
    messages_in_a_call,
    messenger_memory,
    name_lookup,
    newcomers,
    noise_suppression,
    other_programs,
    processor_share,
    reading_links,
    relay_capacity,
    relay_limit,
    relayed_call,
    request_length,
    start,
    taken_here,
    three_way_call,
    time_to_media,
    yggdrasil_setup,
)
from benchmarks.machine import description
from benchmarks.measuring import TooBusy
from benchmarks.report import table, write
from benchmarks.slow import MACHINE

README = Path(__file__).with_name("README.md")

FIGURES = (
    request_length,
    time_to_media,
    other_programs,
    reading_links,
    start,
    idle_memory,
    messenger_memory,
    processor_share,
    relayed_call,
    relay_limit,
    relay_capacity,
    ear_to_ear,
    noise_suppression,
    glass_to_glass,
    bad_networks,
    flood,
    messages_in_a_call,
    taken_here,
    three_way_call,
    file_transfer,
    file_over_yggdrasil,
    killed_transfer,
    matrix_call,
    deltachat_call,
    yggdrasil_setup,
    name_lookup,
    newcomers,
    growth,
)

MIN_WIDTH = 140
"Characters of a line where the output isn't a terminal."


def main() -> None:
    names = [figure.NAME for figure in FIGURES]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against the alternatives.")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"only this one: {', '.join(names)}")
    parser.add_argument("--slow", action="store_true", help="on a third of one core (needs root)")
    options = parser.parse_args()
    wanted = options.figures
    if options.slow and not wanted:
        parser.error("Which figures on a slow machine?")
    if unknown := set(wanted) - set(names):
        parser.error(f"There is no figure {', '.join(sorted(unknown))}; there are {', '.join(names)}.")

    if not wanted and (homeless := [name for name in names if f"<!-- {name} -->" not in README.read_text("utf-8")]):
        parser.error(f"README.md has no place for {', '.join(homeless)}; nothing was measured.")

    console = Console()
    if not console.is_terminal:
        console.width = MIN_WIDTH
    measured = []
    chosen = [figure for figure in FIGURES if not wanted or figure.NAME in wanted]
    for number, figure in enumerate(chosen, 1):
        console.print(f"{number} of {len(chosen)}: {figure.NAME}. {_about(figure)}")
        if missing := getattr(figure, "why_not", str)():
            console.print(f"It is left out: {missing}\n")
            continue
        began = time.monotonic()
        try:
            with console.status(f"measuring {figure.NAME} …"), _slow(figure) if options.slow else nullcontext():
                measured.append(figure.measure())
        except TooBusy as busy:
            console.print(f"It is left out: {busy}\n")
            continue
        console.print(table(measured[-1]))
        console.print(f"That took {time.monotonic() - began:.0f} s.\n")
    if not wanted:
        write(README, measured, description())
        console.print("Written into benchmarks/README.md.")
    for missed in (f"{each.title}: {row.what}" for each in measured for row in each.rows if row.met is False):
        console.print(f"goal missed: {missed}")


@contextmanager
def _slow(figure: ModuleType) -> Iterator[None]:
    """What is measured gets a third of one core; a figure that knows what that is puts it there."""
    with MACHINE.begun(), nullcontext() if getattr(figure, "SLOWS_ITSELF", False) else MACHINE.slowed():
        yield


def _about(figure: ModuleType) -> str:
    """What it measures, in a line."""
    return (figure.__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    main()
