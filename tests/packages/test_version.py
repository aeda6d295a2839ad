"""The version comes from git, and a wheel contains the whole program."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

PAGES = [*(f"docs/{page.name}" for page in (REPOSITORY / "docs").glob("*.md")), "config/copybara.toml"]
"The pages that `copybara manual` shows."

METADATA = "from setuptools.build_meta import *; import sys; prepare_metadata_for_build_wheel(sys.argv[1])"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tree that a user without git downloads: the files that are packed, and no others."""
    tree = tmp_path / "copybara-relay"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree)
    for name in ("bot", "peer", "shared"):
        shutil.copytree(REPOSITORY / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for page in PAGES:
        (tree / page).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / page, tree / page)
    return tree


def git(tree: Path, *words: str) -> str:
    who = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], cwd=tree, capture_output=True, text=True, check=True).stdout.strip()


def commit(tree: Path) -> str:
    if not (tree / ".git").exists():
        git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--allow-empty", "--message", "one more")
    return git(tree, "rev-parse", "--short=7", "HEAD")


def version(tree: Path, **environment: str) -> str:
    """The version that pip would give the program in this tree."""
    built = tree.parent / "metadata"
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    subprocess.run(
        [sys.executable, "-c", METADATA, str(built)],
        cwd=tree,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tree.parent), **environment},
        capture_output=True,
        check=True,
    )
    (metadata,) = built.glob("*.dist-info/METADATA")
    return next(line for line in metadata.read_text().splitlines() if line.startswith("Version: "))[9:]


def test_each_commit_has_a_version_of_its_own_that_names_it(tree: Path) -> None:
    first = commit(tree)
    assert version(tree).startswith(f"0.1.dev1+g{first}")
    second = commit(tree)
    assert version(tree).startswith(f"0.1.dev2+g{second}")


def test_a_tag_is_the_version(tree: Path) -> None:
    commit(tree)
    git(tree, "tag", "v1.4.0")
    assert version(tree) == "1.4.0"
    assert version_after(tree).startswith("1.4.1.dev1+g")


def version_after(tree: Path) -> str:
    commit(tree)
    return version(tree)


def test_a_changed_tree_says_so(tree: Path) -> None:
    commit(tree)
    git(tree, "tag", "v1.4.0")
    (tree / "bot" / "app.py").write_text("")
    assert version(tree).startswith("1.4.1.dev0+g")


def test_a_tree_without_git_has_a_version_older_than_every_release(tree: Path) -> None:
    assert version(tree) == "0.1.dev0"


def test_without_the_program_git_it_can_be_built_too(tree: Path, tmp_path: Path) -> None:
    commit(tree)
    (tmp_path / "nothing").mkdir()
    assert version(tree, PATH=str(tmp_path / "nothing")) == "0.1.dev0"


def test_the_wheel_is_the_whole_program_and_says_its_version(tree: Path, tmp_path: Path) -> None:
    commit(tree)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    wheels, installed = tmp_path / "wheels", tmp_path / "installed"
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), "."],
        cwd=tree,
        check=True,
    )
    (wheel,) = wheels.iterdir()
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    ours = {
        str(path.relative_to(tree))
        for room in ("bot", "peer", "shared")
        for path in (tree / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours <= names
    others = {name for name in names - ours if ".dist-info/" not in name}
    data = f"{wheel.name.rpartition('-py3')[0]}.data/data/share/doc/copybara-relay"
    assert others == {f"{data}/{Path(page).name}" for page in PAGES}
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)], check=True)
    said = subprocess.run(
        [sys.executable, "-P", str(installed / "bin" / "copybara"), "--version"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"copybara {wheel.name.split('-')[1]}\n"
