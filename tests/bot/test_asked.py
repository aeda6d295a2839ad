"""Another program that is asked something has so long, and no more than so much of it is read."""

from __future__ import annotations

import sys
import time

import pytest

from bot.asked import GIVEN_UP, MOST_BYTES, asked

SECONDS = 30.0
"More than any of them takes on a slow machine."


def of_python(program: str, seconds: float = SECONDS) -> tuple[int, str, str]:
    ended = asked([sys.executable, "-c", program], seconds)
    return ended.returncode, ended.stdout, ended.stderr


def test_what_it_writes_to_both_streams_and_how_it_ends_is_returned() -> None:
    program = "import sys; print('yes'); print('\\udcff', file=sys.stderr); sys.stdin.read(); sys.exit(3)"
    assert of_python(program) == (3, "yes\n", "\\udcff\n")
    large = f"import sys; sys.stderr.write('e' * {MOST_BYTES // 2}); print('o' * {MOST_BYTES // 4})"
    code, out, errors = of_python(large)
    assert (code, len(out), len(errors)) == (0, MOST_BYTES // 4 + 1, MOST_BYTES // 2)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_one_that_writes_without_end_is_given_up(stream: str) -> None:
    assert of_python(f"import sys\nwhile True: sys.{stream}.write('x' * 65536)") == (GIVEN_UP, "", "it wrote too much")


@pytest.mark.parametrize(
    "program",
    [
        "import time; print('I am here', flush=True); time.sleep(600)",
        "import os, time; os.close(1); os.close(2); time.sleep(600)",
        "import sys, time\nwhile True: print('.', flush=True); time.sleep(0.1)",
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])",
    ],
    ids=["says something and hangs", "closes both and hangs", "drips", "leaves another behind that has its streams"],
)
def test_one_that_comes_to_no_end_is_given_up(program: str) -> None:
    begun = time.monotonic()
    assert of_python(program, 1.0) == (GIVEN_UP, "", "it took too long")
    assert time.monotonic() - begun < 15.0


def test_one_that_is_not_there_is_the_systems_error() -> None:
    with pytest.raises(FileNotFoundError):
        asked(["/nowhere/systemctl"], SECONDS)
