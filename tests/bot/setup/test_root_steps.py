"""Steps that only root may do, at a terminal: what is shown before each runs, meanwhile, and when it fails."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from bot.cli.setup.yggdrasil.root import Step
from tests.bot.setup.test_asked import answered

DONE = """
import os
from bot.terminal.asking import Answers, Asking
from bot.cli.setup.yggdrasil.root import Step, run
os.environ |= {{"PATH": f"{folder}:{{os.environ['PATH']}}", "COLUMNS": "40"}}
for number in range(1, 5):
    run(Asking(Answers()), number, Step("Write a line of " + "x" * (10 + number), "true"))
print("end")
"""

STEPS = """
import os
from bot.terminal.asking import Answers, Asking
from bot.cli.setup.yggdrasil.root import Step, agreed, numbered, run
os.environ["PATH"] = f"{folder}:{{os.environ['PATH']}}"  # for somebody who isn't root a sudo that asks nothing
asking, steps = Asking(Answers()), {steps}
asking.say(*numbered(steps))
if agreed(asking, steps):
    for number, step in enumerate(steps, 1):
        run(asking, number, step)
"""


async def test_each_step_is_a_line_its_commands_are_there_to_read_and_a_failure_shows_what_it_wrote(
    tmp_path: Path,
) -> None:
    go_on, written = tmp_path / "go on", tmp_path / "written"
    os.mkfifo(go_on)
    (tmp_path / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "sudo").chmod(0o755)
    steps = [
        Step("Wait for somebody\nWho writes into a file.", f"read line < '{go_on}'\necho this is not shown"),
        Step("Write it", f"cat > '{written}' << 'END'\n$line `as it is`\nEND\ncat\necho 'so be it'", says=True),
        Step("Fail", "seq 20\necho why it failed >&2\nexit 3"),
    ]
    async with answered(sys.executable, "-c", STEPS.format(folder=tmp_path, steps=steps), code=1) as terminal:
        before = await terminal.shows(r"Go on\? \(yes, no, or s to see the commands\) \[yes\] ")
        assert before.startswith("  1  Wait for somebody\n  2  Write it\n  3  Fail\nGo on?")
        terminal.types("s")
        shown = await terminal.shows(r"Go on\?.*\[yes\] ")
        assert "\n".join(step.as_script() for step in steps) in shown
        assert not written.exists()
        terminal.types("")
        await terminal.shows(r"  1  Wait for somebody \.{5}")
        await asyncio.to_thread(go_on.write_text, "\n")
        ticked = await terminal.shows(r"  2  Write it \.{3,} so be it\n")
        assert re.match(r"\.* done\n", ticked), "the dots and what came of it are apart"
        assert "not shown" not in ticked
        assert written.read_text() == "$line `as it is`\n", "as it stands there, and with nothing to read"
        failed = await terminal.shows(r"  3  Fail \.{3,} failed\n(│ .*\n)+?│ why it failed\n")
        assert "│ 20\n" in failed
        assert "│ 10\n" not in failed, "only its last lines"
        await terminal.shows(r"That didn't work \(it ended with 3\)\. Nothing after it was done\.")


async def test_in_a_narrow_terminal_what_came_of_a_step_isnt_broken_at_the_edge(tmp_path: Path) -> None:
    (tmp_path / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "sudo").chmod(0o755)
    async with answered(sys.executable, "-c", DONE.format(folder=tmp_path)) as terminal:
        lines = (await terminal.shows(r"end\n")).splitlines()
    assert max(map(len, lines)) <= 40, lines
    assert sum(line.endswith("... done") for line in lines) == 4, lines
