"""How an optional library is added: in the same way as the program itself, because no package index has it."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from shared.extras import PIPX_MARK, hint, how_to_add

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {name: each for name, each in PROJECT["optional-dependencies"].items() if name != "dev"}


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_command_names_the_libraries_that_the_project_lists(extra: str) -> None:
    command = shlex.split(how_to_add(extra).removeprefix("Install it: "))
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert [_parts(each) for each in command[4:]] == [_parts(each) for each in EXTRAS[extra]]


def _parts(requirement: str) -> set[str]:
    """The parts of a requirement, whatever the order of its bounds."""
    name = requirement.partition("<")[0].partition(">")[0].partition("=")[0]
    return {name, *requirement.removeprefix(name).split(",")}


def test_what_pipx_installed_is_added_to_by_pipx(tmp_path: Path) -> None:
    (tmp_path / PIPX_MARK).write_text("{}")
    assert how_to_add("matrix", tmp_path).startswith("Install it: pipx inject copybara-relay 'vodozemac")


@pytest.mark.parametrize("libraries", [["keyring>=25"], []])
def test_what_cannot_be_added_to_is_installed_with_it_from_the_repository(libraries: list[str]) -> None:
    assert hint("keyring", libraries, pipx=False, python=None).endswith(": pipx install --force '.[keyring]'")


def test_an_interpreter_in_a_folder_with_a_blank_is_quoted() -> None:
    said = hint("sound", ["sounddevice"], pipx=False, python="/home/anna/my programs/bin/python")
    assert said == "Install it: '/home/anna/my programs/bin/python' -m pip install sounddevice"
