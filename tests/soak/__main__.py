"""`python -m tests.soak --calls 1000` or `--hour`: the long forms, with a line for each look and a summary."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import description
from tests.soak.footprint import Footprint, kilobytes_each, piled_up
from tests.soak.hour import long_call
from tests.soak.soak import soak

PACE_SECONDS = 3.4
"Seconds between calls, so that nobody calls one contact more than 120 times in ten minutes (peer/calls/budget.py)."

MOST_KILOBYTES = 5.0
"Growth per call, in the second half: the store's cache, the allocator's own memory, and used links."

MOST_KILOBYTES_A_MINUTE = 20.0
"Growth in a call of an hour, in its second half."

MINUTES = 60


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Many calls or a long one, and what stays."
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--calls", type=int, default=1000)
    which.add_argument("--hour", action="store_true", help="one call of an hour instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        clean = asyncio.run(_hour(Path(folder)) if options.hour else _calls(Path(folder), options.calls))
    for line in description():
        _say(f"- {line}")
    return 0 if clean else 1


async def _calls(folder: Path, calls: int) -> bool:
    result = await soak(folder, calls, _say, every=max(1, calls // 40), pace=PACE_SECONDS)
    _say(f"{result.calls} calls in {result.seconds:.0f} s: {dict(result.by_scene)}")
    return _summed_up(result.footprints, "call", MOST_KILOBYTES)


async def _hour(folder: Path) -> bool:
    result = await long_call(folder, MINUTES, _say, every=60.0)
    _say(f"a call of {result.seconds:.0f} s, dialled again {result.reconnected} times; packets: {result.packets}")
    _say(f"the recording: {result.recorded}")
    for name, left in result.left.items():
        _say(f"{name}, after it: {'; '.join(left) or 'nothing is left of it'}")
    return _summed_up(result.footprints, "minute", MOST_KILOBYTES_A_MINUTE) and not any(result.left.values())


def _summed_up(footprints: dict[str, list[Footprint]], each: str, most: float) -> bool:
    """Print the summary. Returns whether nothing has accumulated."""
    clean = True
    for name, looks in footprints.items():
        late = looks[len(looks) // 2 :]
        grows = kilobytes_each(late)
        found = piled_up(looks)
        clean = clean and not found and grows < most
        _say(
            f"{name}: {late[0].memory:.1f} to {late[-1].memory:.1f} MB in the second half, {grows:.2f} kB a {each}; "
            f"{late[-1].tasks} tasks, {late[-1].calls} calls, {late[-1].descriptors} descriptors, "
            f"{late[-1].threads} threads, {late[-1].files} files; {'; '.join(found) or 'nothing piled up'}"
        )
    return clean


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 -- for the terminal


if __name__ == "__main__":
    sys.exit(main())
