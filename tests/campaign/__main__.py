"""`python -m tests.campaign --kills 300 --seed 1`: the long form, a line for each round and a summary at the end."""

from __future__ import annotations

import argparse
import asyncio
import functools
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import description
from tests.campaign import messenger
from tests.campaign.campaign import side_by_side


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="Kill programs, check homes.")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=3, help="of people at once, each with a seed of their own")
    parser.add_argument("--messenger", action="store_true", help="kill two bots that write to Telegram's stand-in")
    options = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 -- for the terminal

    with tempfile.TemporaryDirectory(prefix="campaign") as folder:
        run = messenger.campaign if options.messenger else functools.partial(side_by_side, pairs=options.pairs)
        result = asyncio.run(run(Path(folder), options.kills, options.seed, say))
    for line in description():
        say(f"- {line}")
    say(
        f"{result.kills} kills in {result.rounds} rounds and {result.calls} calls, {result.seconds:.0f} s, "
        f"seed {options.seed}"
    )
    say(f"scenes: {dict(result.by_scene)}; victims: {dict(result.by_victim)}")
    for moment, kills in result.by_moment.most_common():
        say(f"  {kills} kills: {moment}")
    say(f"faults: {len(result.faults)}")
    for fault in result.faults:
        say(f"  {fault}")
    return 1 if result.faults else 0


if __name__ == "__main__":
    sys.exit(main())
