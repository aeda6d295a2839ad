"""How much processor time files use, and how they slow down when calls need the processor."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.calls.files.processor import AT_ONCE, LONGEST_REST, SHARE, Restraint, wanted
from shared.files.table import FileState
from tests.peer.calls.files.calls import call, two_nodes, written

MEGABYTE = 1_000_000


def pieces(seconds: float, work: float, slower: float = 1.0) -> tuple[int, float]:
    """How many pieces of `work` seconds, each `slower` times as long, fit into `seconds`; and their share of it."""
    restraint, now, taken, count = Restraint(), 0.0, 0.0, 0
    while now < seconds:
        now += restraint.rest(taken, now)
        now += work * slower
        taken += work * slower
        count += 1
    return count, taken / now


@given(st.floats(0.0005, 0.03))
def test_files_leave_a_share_of_the_time_whatever_a_piece_costs(work: float) -> None:
    _, share = pieces(10.0, work)
    assert SHARE - 0.05 < share < SHARE + 0.05


def test_where_others_have_the_processor_half_of_the_time_half_as_many_pieces_go() -> None:
    (alone, _), (beside, _) = pieces(10.0, 0.002), pieces(10.0, 0.002, slower=2.0)
    assert 0.45 < beside / alone < 0.55


def test_what_is_little_work_never_rests() -> None:
    restraint = Restraint()
    assert not any(restraint.rest(number * 0.002, number * 0.01) for number in range(1000))


def test_a_file_goes_on_where_others_never_leave_the_processor_and_catches_up_on_nothing() -> None:
    restraint = Restraint()
    assert restraint.rest(0.0, 0.0) == 0
    assert restraint.rest(60.0, 60.0) == pytest.approx(LONGEST_REST)
    assert restraint.rest(60.0, 120.0) == 0
    assert restraint.rest(60.0 + 2 * AT_ONCE, 120.0) > 0


def test_waiting_for_a_processor_counts_as_much_as_having_it() -> None:
    """Another program runs on the same processor, and each of the two gets half of it."""
    found: list[float] = []

    def work() -> None:
        os.sched_setaffinity(threading.get_native_id(), one)
        before, ran = wanted(), time.thread_time()
        while time.thread_time() < ran + 0.1:
            pass
        found.append(wanted() - before)

    one = {min(os.sched_getaffinity(0))}
    busy = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", busy, str(min(one))], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        other.kill()
    assert found[0] > 0.13


async def test_a_program_that_carries_a_file_leaves_time_for_its_call(tmp_path: Path) -> None:
    async with two_nodes(tmp_path, always=True) as (anna, ben):
        here, there = await call(anna, ben)
        await here.files.send(written(tmp_path, "a.bin", 6 * MEGABYTE))
        await here.until(FileState.RUNNING)
        before, began = time.thread_time(), time.monotonic()
        await there.until(FileState.DONE)
        # Measured without the waiting, because its length depends on other programs.
        share = (time.thread_time() - before) / (time.monotonic() - began)
        assert share < (1 + SHARE) / 2
