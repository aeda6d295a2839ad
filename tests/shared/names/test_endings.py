"""The endings of names that can be looked up."""

from __future__ import annotations

import pytest

from bot.name_systems import systems
from shared.config.schema import Config
from shared.names import endings


@pytest.mark.parametrize("name", ["copybara.azero", "anna.A0", " anna.tzero", "a.b.eth"])
def test_a_name_of_a_name_system_has_a_known_ending(name: str) -> None:
    assert endings.has_known_ending(name)


@pytest.mark.parametrize("name", ["", "azero", "anna", "anna.dev", "anna.azero.dev", "anna.", ".eth", "annaeth"])
def test_other_names_have_none(name: str) -> None:
    assert not endings.has_known_ending(name)


def test_each_ending_belongs_to_one_name_system() -> None:
    known = [end for system in systems(Config().names) for end in system.tlds]
    assert sorted(known) == sorted(endings.ALL)


def test_endings_are_told_in_words() -> None:
    assert endings.in_words() == ".azero, .a0, .tzero or .eth"
    assert endings.in_words(endings.ENS) == ".eth"
