"""For a mistyped word the program suggests a known one with a similar spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.nearest import LONGEST, did_you_mean, nearest

NAMES = ("anna", "Ben-of-the-Hill", "Ännchen", "bob")

MISTYPED = {
    "anan": "anna",
    "ANN": "anna",
    "bbo": "bob",
    "ben-of-the-hil": "Ben-of-the-Hill",
    "ännchne": "Ännchen",
    "zoe": "",
    "": "",
    "x" * 10_000: "",
}


@pytest.mark.parametrize(("word", "meant"), MISTYPED.items())
def test_the_word_that_is_spelled_most_like_it(word: str, meant: str) -> None:
    assert nearest(word, NAMES) == meant


@pytest.mark.parametrize(("word", "meant"), {"ben": "Ben Smith", "ANNA MARIA": "Anna Maria Berg", "anna": ""}.items())
def test_a_first_name_that_only_one_has_is_asked_back(word: str, meant: str) -> None:
    assert nearest(word, ["Anna Maria Berg", "Anna Antonia Lund", "Ben Smith", "Bea"]) == meant


def test_a_whole_name_comes_before_one_that_begins_with_it() -> None:
    assert nearest("ben", ["Ben Smith", "Ben"]) == "Ben"


def test_the_hint_asks_and_without_a_near_word_says_something_else() -> None:
    assert did_you_mean("anan", NAMES, before="/call ") == "Did you mean /call anna?"
    assert did_you_mean("zoe", NAMES, otherwise="Look.") == "Look."
    assert did_you_mean("zoe", NAMES) == ""


@given(st.text(), st.lists(st.text()))
def test_what_is_meant_is_one_of_the_known_words(word: str, known: list[str]) -> None:
    assert nearest(word, known) in ("", *known)


def test_known_words_that_are_endless_are_not_compared() -> None:
    assert nearest("anna", ["anna" * LONGEST]) == ""
