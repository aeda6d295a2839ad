"""Memory that one thread frees is used again by other threads."""

from __future__ import annotations

import sys

import pytest

from tests.child import run_child
from tests.soak.footprint import heaps

THREADS = """
import sys, threading
from bot.process.one_heap import share_one_heap

if sys.argv[1] == "one":
    share_one_heap()
all_there = threading.Barrier(5)

def work():
    kept = bytearray(100_000)  # of malloc, and too small for memory of its own
    all_there.wait()
    sys.stdin.read()

for _ in range(4):
    threading.Thread(target=work).start()
all_there.wait()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="only glibc, on Linux, gives threads heaps of their own; elsewhere the program changes nothing",
)
@pytest.mark.parametrize(("how", "expected"), [("one", {0}), ("many", {1, 2, 3, 4})])
def test_threads_share_one_heap_where_they_would_have_several(how: str, expected: set[int]) -> None:
    with run_child(THREADS, how) as child:
        assert heaps(child.pid) in expected
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(60) == 0
