"""`python -m tests.soak --calls 1000`: the long form, a line for each look, and a summary at the end."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import description
from tests.soak.footprint import kilobytes_a_call, piled_up
from tests.soak.soak import soak

PACE_SECONDS = 3.4
"So nobody calls one contact more often than 120 times in ten minutes (peer/calls/budget.py)."

MOST_KILOBYTES = 5.0
"A call, in the second half: the store's cache, the allocator's own, and what is remembered of used links."


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Many calls, and what they leave behind.")
    parser.add_argument("--calls", type=int, default=1000)
    calls = parser.parse_args().calls

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 -- for the terminal

    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        result = asyncio.run(soak(Path(folder), calls, say, every=max(1, calls // 40), pace=PACE_SECONDS))
    for line in description():
        say(f"- {line}")
    say(f"{result.calls} calls in {result.seconds:.0f} s: {dict(result.by_scene)}")
    clean = True
    for name, looks in result.footprints.items():
        late = looks[len(looks) // 2 :]
        grows = kilobytes_a_call(late)
        found = piled_up(looks)
        clean = clean and not found and grows < MOST_KILOBYTES
        say(
            f"{name}: {late[0].memory:.1f} to {late[-1].memory:.1f} MB in the second half, {grows:.2f} kB a call; "
            f"{late[-1].tasks} tasks, {late[-1].descriptors} descriptors, {late[-1].threads} threads, "
            f"{late[-1].files} files; {'; '.join(found) or 'nothing piled up'}"
        )
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
