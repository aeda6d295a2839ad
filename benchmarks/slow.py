"""A slow machine, made of this one: one core, of which what is measured gets a third.

Another process takes the rest, in slices of a fifth of a millisecond, by real-time priority (sched(7)). So everything
takes three times as long, as on a processor that is a third as fast, and nothing stands still for longer than a slice.
A CPU quota (cgroups(7)) doesn't do that: the kernel looks at what was used once a tick, which may be four milliseconds,
and then stops a process for eight.

Needs root. Ends that only send and receive stay outside, see `slowed`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SHARE = 1 / 3
LEFT_SECONDS = 100e-6
"How long what is measured has the core at once."

LONGEST_SECONDS = 150e-6
"Nothing is taken back of longer times: something else had the core."

TAKES_PRIORITY = 50
"Above what is measured, see relay_capacity.py."


class SlowMachine:
    """One core, once it has begun."""

    def __init__(self) -> None:
        self._begun = False

    @property
    def share(self) -> float:
        """The share of a core that what is measured has: 1 on the machine as it is."""
        return SHARE if self._begun else 1.0

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Have it in this block: the last core. Raises RuntimeError where it can't be made."""
        command = [sys.executable, "-m", __name__]
        folder = Path(__file__).parents[1]
        with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as taker:
            assert taker.stdout is not None
            try:
                if not taker.stdout.readline():
                    raise RuntimeError("A slow machine needs root.")
                self._begun = True
                yield
            finally:
                self._begun = False
                taker.kill()

    @contextlib.contextmanager
    def slowed(self) -> Iterator[None]:
        """Be slow in this block, with every process that is started in it, and come before the machine's other work."""
        assert self._begun
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(cores)})
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        try:
            yield
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            os.sched_setaffinity(0, cores)


MACHINE = SlowMachine()
"The one of this run."


def take() -> None:
    """Leave a third of the last core to others, for as long as the parent lives."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(TAKES_PRIORITY))
    parent, clock, own = os.getppid(), time.perf_counter, time.thread_time
    print("begun", flush=True)
    while os.getppid() == parent:
        began, used = clock(), own()
        time.sleep(LEFT_SECONDS)
        # As it comes: a timer may be late, and to change between processes takes time as well.
        left = min(clock() - began - (own() - used), LONGEST_SECONDS)
        until = clock() + left * (1 / SHARE - 1)
        while clock() < until:
            pass


if __name__ == "__main__":
    take()
