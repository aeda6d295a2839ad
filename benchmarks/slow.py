"""A slow machine, made of this one: one core, of which what is measured gets a third (a CPU quota, cgroups(7)).

Needs root and Linux's cgroups, version 2 or 1. Ends that only send and receive stay outside, see `slowed`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

SHARE = 1 / 3
PERIOD, QUOTA = 3_000, 1_000
"Microseconds: as short as Linux has them, so that what waits for its share waits at most two thousandths of a second."

HEAVIEST, HEAVIEST_SHARES = 10_000, 262_144
"The group's weight in version 2 and 1: its third comes before what the machine does besides."

ROOT = Path("/sys/fs/cgroup")
NAME = "copybara-benchmarks"


class SlowMachine:
    """The group of processes that have the share."""

    def __init__(self) -> None:
        self._group: Path | None = None

    @property
    def share(self) -> float:
        """The share of a core that what is measured has: 1 on the machine as it is."""
        return 1.0 if self._group is None else SHARE

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Have it in this block; `slowed` and `take` put processes into it. Raises OSError where it can't be made."""
        unified = (ROOT / "cgroup.controllers").exists()
        parent = ROOT if unified else ROOT / "cpu"
        if unified:
            (parent / "cgroup.subtree_control").write_text("+cpu")
        group = parent / NAME
        group.mkdir(exist_ok=True)
        try:
            if unified:
                (group / "cpu.max").write_text(f"{QUOTA} {PERIOD}")
                (group / "cpu.weight").write_text(str(HEAVIEST))
            else:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD))
                (group / "cpu.cfs_quota_us").write_text(str(QUOTA))
                (group / "cpu.shares").write_text(str(HEAVIEST_SHARES))
            self._group = group
            yield
        finally:
            self._group = None
            group.rmdir()

    @contextlib.contextmanager
    def slowed(self) -> Iterator[None]:
        """Be slow in this block, with every process that is started in it, on one core."""
        assert self._group is not None
        cores = os.sched_getaffinity(0)
        self.take(os.getpid())
        os.sched_setaffinity(0, {max(cores)})
        try:
            yield
        finally:
            os.sched_setaffinity(0, cores)
            (self._group.parent / "cgroup.procs").write_text(str(os.getpid()))

    def take(self, pid: int) -> bool:
        """Make one process slow, if there is a slow machine. Returns whether there is."""
        if self._group is None:
            return False
        (self._group / "cgroup.procs").write_text(str(pid))
        return True


MACHINE = SlowMachine()
"The one of this run."
