"""What `make` runs before the program is there shows its progress, and ends with pip's failure."""

from __future__ import annotations

import subprocess
from pathlib import Path

INSTALL = Path(__file__).parents[1] / "install-locked"

LOCK = """\
aioice==0.13.0 \\
    --hash=sha256:00
av==17.0.0 ; sys_platform == "linux" \\
    --hash=sha256:00
idna==3.20 \\
    --hash=sha256:00
"""


def installed(folder: Path, pip: str) -> subprocess.CompletedProcess[str]:
    """What install-locked does with that in pip's place."""
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
