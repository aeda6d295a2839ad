"""Programs to measure from outside, as processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, PIPE

NOTHING = "pass"
AIORTC = "import aiortc"
COPYBARA = "import sys; from bot.cli.main import main; sys.exit(main())"
"What pip writes into the command `copybara`."

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
# A program that is installed has its bytecode on the disk.
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)


def run_to_end(code: str, *arguments: str) -> None:
    """Run a program of that code and wait for it. Raises CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-c", code, *arguments], stdout=DEVNULL, env=ENVIRONMENT, check=True)


@contextlib.contextmanager
def idle(code: str) -> Iterator[int]:
    """A program that has done this and then waits, for as long as the block lasts; its process id."""
    with _running(f"{code}\nprint('ready', flush=True)\ninput()") as process_id:
        yield process_id


@contextlib.contextmanager
def copybara(home: Path) -> Iterator[int]:
    """A `copybara run --console` that has said that it is ready, for as long as the block lasts; its process id."""
    options = ("--home", str(home), "run", "--console", "--json", "--overlay", "loopback")
    with _running(COPYBARA, *options) as process_id:
        yield process_id


@contextlib.contextmanager
def _running(code: str, *arguments: str) -> Iterator[int]:
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=ENVIRONMENT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if b"ready" not in process.stdout.readline():
                raise RuntimeError("A program to measure didn't get ready.")
            yield process.pid
        finally:
            process.stdin.close()
            process.stdout.read()
