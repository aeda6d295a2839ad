"""kill -9 at each step of writing a file: it is whole or as it was, and nothing is left of the half of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.store.files import FILE_MODE, replace_file, write_new_file
from tests.child import ROOT

CHILD = """
import os, signal, sys
from pathlib import Path
from shared.store.files import replace_file, write_new_file
left, how, path, nameless = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4] == "True"
if not nameless:
    del os.O_TMPFILE
def step(frame, event, function):
    global left
    if event in ("c_call", "c_return") and function.__name__ in ("open", "write", "fsync", "link", "rename", "unlink"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
write = write_new_file if how == "new" else replace_file
sys.setprofile(step)
write(path, b"new" * 100)
sys.setprofile(None)
"""
"Is killed before or after one of the system's functions."


def killed_at(step: int, how: str, path: Path, *, nameless: bool) -> bool:
    """Whether a child was killed at that step. Otherwise it has written the file."""
    child = [sys.executable, "-c", CHILD, str(step), how, str(path), str(nameless)]
    code = subprocess.run(child, cwd=ROOT, check=False).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("nameless", [True, False])
@pytest.mark.parametrize("how", ["new", "replaced"])
def test_a_killed_write_leaves_a_whole_file_or_the_one_before_and_no_half_one(
    tmp_path: Path, how: str, nameless: bool
) -> None:
    before = {} if how == "new" else {"a [b]": b"old"}
    after = {"a [b]": b"new" * 100}
    step = left = 0
    while True:
        folder = tmp_path / str(step)
        folder.mkdir()
        path = folder / "a [b]"
        if how == "replaced":
            path.write_bytes(b"old")
        if not killed_at(step, how, path, nameless=nameless):
            break
        found = contents(folder)
        halves = [name for name in found if name != path.name]
        assert {name: found[name] for name in found if name == path.name} in (before, after), step
        assert all(name.endswith(".new") for name in halves)
        left += bool(halves)
        if nameless:
            assert all(found[name] == after[path.name] for name in halves), "only a whole one has a name"
            assert how == "replaced" or not halves
        # The next write of that file, by whatever process.
        if how == "new" and path.exists():
            path.unlink()
        (replace_file if how == "replaced" else write_new_file)(path, b"newer")
        assert contents(folder) == {path.name: b"newer"}, step
        step += 1
    assert contents(folder) == after
    assert step > 8
    assert left > 2 or nameless


def test_what_another_process_is_writing_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "copybara.toml"
    others = tmp_path / f".copybara.toml.{os.getppid()}.new"
    unlike = [tmp_path / name for name in (".copybara.toml.mine.new", ".copybara.toml.new", ".other.toml.1.new")]
    for each in (others, *unlike):
        each.write_bytes(b"mine")
    replace_file(path, b"new", 0o644)
    assert sorted(tmp_path.iterdir()) == sorted([others, path, *unlike])
    assert path.stat().st_mode & 0o777 == 0o644
    replace_file(path, b"newer")
    assert path.stat().st_mode & 0o777 == FILE_MODE
