"""Installing shows its progress and ends with pip's failure. `make test` leaves marked tests out, and CI runs all."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
INSTALL = ROOT / "install-locked"

LOCK = """\
aioice==0.13.0 \\
    --hash=sha256:00
av==17.0.0 ; sys_platform == "linux" \\
    --hash=sha256:00
idna==3.20 \\
    --hash=sha256:00
"""


def installed(folder: Path, pip: str) -> subprocess.CompletedProcess[str]:
    """Run install-locked with this program in place of pip."""
    (folder / "pip").write_text(f"#!/bin/sh\n{pip}")
    (folder / "pip").chmod(0o755)
    (folder / "a.lock").write_text(LOCK)
    return subprocess.run([INSTALL, folder / "a.lock", folder / "pip"], capture_output=True, text=True, check=False)


def test_each_package_gets_a_line_and_a_number(tmp_path: Path) -> None:
    done = installed(
        tmp_path,
        """\
echo "Requirement already satisfied: aioice==0.13.0 in /somewhere"
echo "Collecting av==17.0.0 (from -r a.lock (line 3))"
echo "  Downloading av-17.0.0.whl (30 MB)"
echo "Processing /wheels/idna-3.20.whl (from -r a.lock (line 5))"
echo "Installing collected packages: av, idna"
""",
    )
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "  [2 of 3] av==17.0.0",
        "  [3 of 3] idna-3.20.whl",
        "  unpacking all of them, up to half a minute",
    ]


def test_a_failure_of_pip_is_shown_and_ends_it(tmp_path: Path) -> None:
    done = installed(tmp_path, 'echo "Collecting av==17.0.0"\necho "ERROR: hashes differ" >&2\nexit 1\n')
    assert done.returncode != 0
    assert done.stderr == "ERROR: hashes differ\n"


def test_pip_is_asked_to_check_the_hashes(tmp_path: Path) -> None:
    done = installed(tmp_path, 'echo "$@" >&2\n')
    assert done.stderr.split()[0] == "install"
    assert "--require-hashes" in done.stderr.split()


def run_by(target: str) -> list[str]:
    """The commands that make would run for a target, without those that only print or call make again."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    make = ["make", "--dry-run", "--always-make", "VENV=.venv", "WORKERS=3", target]
    planned = subprocess.run(make, cwd=ROOT, env=ours, capture_output=True, text=True, check=True).stdout
    return [line for line in planned.splitlines() if not line.startswith(("echo ", "make "))]


def test_ci_runs_all_tests() -> None:
    assert "make test-all" in (ROOT / ".ci" / "run").read_text().splitlines()
    assert run_by("test-all")[-1] == "tests/run .venv/bin/pytest 3"


def test_make_test_runs_the_same_but_for_the_slow_files() -> None:
    *others, tests = run_by("test")
    assert others == run_by("test-all")[:-1]
    assert tests == 'tests/run .venv/bin/pytest 3 -m "not slow"'


SLOW = re.compile(r"^.*mark\.slow.*$", re.MULTILINE)


def test_only_whole_files_are_slow() -> None:
    marked = {
        str(file.relative_to(ROOT)): SLOW.findall(text)
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        if ".synapse" not in file.parts and file != Path(__file__) and SLOW.search(text := file.read_text())
    }
    assert len(marked) > 10
    wrong = [name for name, lines in marked.items() if len(lines) > 1 or not lines[0].startswith("pytestmark = ")]
    assert wrong == []


@pytest.mark.parametrize(
    "file",
    [
        "bot/deltachat/test_calls.py",
        "bot/matrix/test_scenes.py",
        "bot/telegram/test_ways.py",
        "bot/test_calls.py",
        "bot/test_process.py",
        "browser/test_call_between_pages.py",
        "network/test_calls.py",
        "peer/transport/test_leg.py",
    ],
)
def test_a_real_call_of_each_kind_is_in_make_test(file: str) -> None:
    """In each messenger, between programs that start and end, between browsers, over overlays, and between two legs."""
    text = (ROOT / "tests" / file).read_text()
    assert "def test_" in text
    assert not SLOW.search(text)


FAILS_BESIDE_OTHERS = """\
#!/bin/sh
echo "$@" >> said
case "$*" in --last-failed*) exit 0 ;; esac
mkdir -p .pytest_cache/v/cache
echo '  "tests/test_a.py::test_b": true' > .pytest_cache/v/cache/lastfailed
exit 1
"""


def test_what_fails_beside_others_is_run_once_more_of_the_same_tests(tmp_path: Path) -> None:
    (tmp_path / "pytest").write_text(FAILS_BESIDE_OTHERS)
    (tmp_path / "pytest").chmod(0o755)
    command: list[str | Path] = [ROOT / "tests" / "run", "./pytest", "3", "-m", "not slow"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    first, second = (tmp_path / "said").read_text().splitlines()
    assert first == "--numprocesses 3 --dist loadfile --no-loadscope-reorder -m not slow"
    assert second == "--last-failed -m not slow"
    assert '"tests/test_a.py::test_b": true' in done.stdout.partition("passed alone")[2]
