"""How long the program takes to start: to its help, and to where calls can be made."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Figure, Row, Samples, interleaved
from benchmarks.programs import AIORTC, COPYBARA, NOTHING, copybara, run_to_end

NAME = "start"
ROUNDS = 10

HELP_GOAL, RUN_GOAL = 0.3, 1.5
"Seconds."

RATIO_GOAL = 2.0
"Of what importing aiortc takes."


def measure(rounds: int = ROUNDS) -> Figure:
    """Each start is a process of its own, with files in the system's cache and a home that was used before."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        nothing, aiortc, to_help, to_ready = (
            Samples.of(seconds)
            for seconds in interleaved(
                rounds,
                lambda: _to_end(NOTHING),
                lambda: _to_end(AIORTC),
                lambda: _to_end(COPYBARA, "--help"),
                lambda: _to_ready(home),
            )
        )
    python, library = "`python -c pass`", '`python -c "import aiortc"`'
    help_, ready = "`copybara --help`", "`copybara run --console`, until it is ready"
    rows = (
        Row(help_, to_help, python, nothing, "s", HELP_GOAL),
        Row(help_, to_help, library, aiortc, "s", HELP_GOAL),
        Row(ready, to_ready, python, nothing, "s", RUN_GOAL),
        Row(ready, to_ready, library, aiortc, "s", RUN_GOAL, RATIO_GOAL),
    )
    return Figure(NAME, "Start", rows)


def _to_end(code: str, *arguments: str) -> float:
    """Seconds of a program from its start to its end."""
    start = time.perf_counter()
    run_to_end(code, *arguments)
    return time.perf_counter() - start


def _to_ready(home: Path) -> float:
    """Seconds from the start to the line that says that calls can be made."""
    start = time.perf_counter()
    with copybara(home):
        return time.perf_counter() - start
