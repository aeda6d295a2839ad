"""What Linux says of a process (proc(5)): memory and processor time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

CPUCLOCK_SCHED = 2
"Of Linux: a clock of what the scheduler has given."


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
    """User and system time that all its threads have had so far, to a millionth of a second.

    The clock of another process has its number in clockid_t (clock_getcpuclockid(3)); /proc counts hundredths.
    """
    return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
