"""`python -m tests.fuzz --seconds 30 [NAME…]` runs the targets one after the other and prints a line for each.

Harmful inputs are saved in found/. test_fuzz.py reads them from there, so the repair has its test already.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import io
import os
import re
import resource
import sys
import tempfile
from pathlib import Path

import atheris

SLOW_SECONDS = 5
"""The most seconds for one input. Each input takes milliseconds. On a busy machine libFuzzer may end a target for its
time, and then the input is measured once more in processor time."""

MOST_MEGABYTES = 1500
LONGEST = 20_000
"The greatest length of an input in bytes."


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Let parsers read what nobody would send."
    )
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    _say("looking at every branch of the code, up to a minute")
    code = ["bot", "peer", "shared", "aioice", "aiortc"]
    # atheris prints the name of each module to standard error.
    with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=code):
        from tests.fuzz.targets import TARGETS
    unknown = set(options.names) - set(TARGETS)
    if unknown:
        parser.error(f"no target is called {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    clean = [run(name, options.seconds) for name in options.names or TARGETS]
    return 0 if all(clean) else 1


def run(name: str, seconds: int) -> bool:
    """Run one target in a process of its own. Returns whether it did no harm."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as place:
        return _run(name, seconds, Path(place))


def _run(name: str, seconds: int, place: Path) -> bool:
    from tests.fuzz.targets import FOUND, TARGETS

    inputs, harm, log = place / "inputs", place / "harm", place / "log"
    inputs.mkdir()
    harm.mkdir()
    for number, seed in enumerate(TARGETS[name].seeds):
        (inputs / f"seed-{number}").write_bytes(seed)
    child = os.fork()
    if child == 0:
        output = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, sys.stdout.fileno())
        os.dup2(output, sys.stderr.fileno())
        tempfile.tempdir = str(place)
        limits = [f"-timeout={SLOW_SECONDS}", f"-rss_limit_mb={MOST_MEGABYTES}", f"-max_len={LONGEST}"]
        atheris.Setup(
            [sys.argv[0], str(inputs), f"-max_total_time={seconds}", f"-artifact_prefix={harm}/", *limits],
            TARGETS[name].meet,
        )
        try:
            atheris.Fuzz()  # ends this process
        finally:
            # An input did harm. libFuzzer writes it at exit; Python's own exit handlers belong to the parent process.
            ctypes.CDLL(None).exit(1)
    _, status = os.waitpid(child, 0)
    harmful = [path for path in harm.iterdir() if not _was_only_waiting(name, path)]
    for path in harmful:
        kept = FOUND / name.replace(" ", "-") / path.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(path.read_bytes())
        _say(f"kept {kept}")
    said = log.read_text(errors="replace")
    runs, branches = re.findall(r"^#(\d+)", said, re.MULTILINE), re.findall(r"cov: (\d+)", said)
    waited = bool(status) and not harmful and any(harm.iterdir())
    clean = status == 0 or waited
    verdict = "" if status == 0 else ", cut short: the machine was busy" if waited else ", HARM"
    _say(f"{name}: {(runs or [0])[-1]} inputs, {(branches or [0])[-1]} branches{verdict}")
    if not clean:
        _say(said[-3000:])
    return clean


def _was_only_waiting(name: str, path: Path) -> bool:
    """Whether an input took long because other programs used the processor. libFuzzer measures wall-clock time."""
    if not path.name.startswith("timeout-"):
        return False
    from tests.fuzz.targets import TARGETS

    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SLOW_SECONDS, SLOW_SECONDS))
        try:
            TARGETS[name].meet(path.read_bytes())
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 -- for the terminal


if __name__ == "__main__":
    sys.exit(main())
