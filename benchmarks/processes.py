"""What Linux says of a process (proc(5)): memory and processor time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """In megabytes of a million bytes."""

    resident: float
    "RSS: all that is in memory, libraries that other programs use as well included."

    proportional: float
    "PSS: of what is shared only this process's part."


def memory(pid: int) -> Memory:
    """What the process holds now."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kibibytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines[1:])}
    return Memory(kibibytes["Rss"] * 1024 / 1e6, kibibytes["Pss"] * 1024 / 1e6)


def of_family(pid: int) -> Memory:
    """What the process and all that it has started hold now."""
    pids, found = [pid], list[Memory]()
    for each in pids:
        found.append(memory(each))
        for children in Path(f"/proc/{each}/task").glob("*/children"):
            pids += [int(child) for child in children.read_text().split()]
    return Memory(sum(each.resident for each in found), sum(each.proportional for each in found))


def processor_seconds(pid: int) -> float:
    """User and system time that all its threads have had so far, to a hundredth of a second."""
    # The program's name stands in parentheses and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / TICKS_PER_SECOND
