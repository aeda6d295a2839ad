"""What people see of a text, and which names look alike."""

from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contacts import check_name
from shared.errors import InputError
from shared.lookalikes import look_alike
from shared.printable import is_blank, is_line, is_printable, seen_alike, visible, without_invisible_edges

NEEDED = [
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
    "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",
    "श्री",
    "क्\u200dष",
    "ക്\u200dക",
    "ශ්\u200dරී",  # Sinhala
    "അവന്\u200d",  # a Malayalam word that ends in a joiner
    "র\u200d্যাব",  # Bengali, where the joiner comes first
    "ರ\u200d್ಯ",  # Kannada
    "សុខ\u200bដារា",  # Khmer, whose space bar types it
    "สม\u200bชาย",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
    "\U0001f469\U0001f3fd\u200d\U0001f680",  # an astronaut with a skin tone
    "\u2764\ufe0f",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
    "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # a flag
    "葛\U000e0100",
    "\U0001fae9",  # an emoji of Unicode 16, newer than Python's tables
    "\U0001facd",  # one of Unicode 17
    "Ju\u0308rgen",
    "e\u0301\u0323",
    "妈妈",
]

UNSEEN = [
    *("\u3164", "\uffa0", "\u034f", "\ufe0f", "\ufe00", "\u2800", "\u17b4", "\u17b5", "\u115f", "\u1160", "\u180e"),
    *("\u200b", "\u200c", "\u200d", "\u200e", "\u202e", "\u2060", "\u2066", "\u2069", "\ufeff", "\u00ad", "\u061c"),
    *("\U000e0041", "\U000e0100", "\U0001d159", "\U0001d173", "\U0001bca0", "\ue000", "\x07", "\ufffe"),
]


@pytest.mark.parametrize("name", NEEDED, ids=ascii)
def test_what_a_script_or_a_picture_needs_is_kept(name: str) -> None:
    assert is_printable(name)
    assert not is_blank(name)
    assert visible(name) == name
    assert visible(f"so: {name}!") == f"so: {name}!"
    check_name(name)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
@pytest.mark.parametrize("name", ["{}", "anna{}", "{}anna", "an{}na", "{}{}{}"])
def test_a_name_with_something_that_nobody_sees_is_refused(unseen: str, name: str) -> None:
    name = name.replace("{}", unseen)
    assert not is_printable(name)
    with pytest.raises(InputError):
        check_name(name)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_what_nobody_sees_isnt_shown(unseen: str) -> None:
    assert is_blank(unseen)
    assert visible(f"an{unseen}na") in ("anna", "an na", "an\ufffdna")


@pytest.mark.parametrize("name", ["\u0301", "\u0338\u0338", "\u00a0", "\u3000"])
def test_a_name_in_which_nothing_is_seen_is_refused(name: str) -> None:
    with pytest.raises(InputError):
        check_name(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna", "\u0430nna"),
        ("anna", "ANN\u0410"),
        ("anna", "ann\uff41"),
        ("anna", "\u0251nna"),
        ("copy", "\u0441\u043e\u0440\u0443"),
        ("bob", "\U0001d41b\U0001d428\U0001d41b"),
        ("Alice", "AIice"),
        ("paul", "pau1"),
        ("mike", "rnike"),
        ("O", "0"),
        ("anna", "an\u034fna"),
        ("anna", "anna\ufe0f"),
        ("anna", "anna\u3164"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u062e\u0648\u0627\u0647\u0645"),
        ("葛\U000e0100", "葛"),
        ("a-b", "a\u2010b"),
        ("Ann Lee", "Ann-Lee"),
        ("Ann Lee", "ann_lee"),
        ("Ann Lee", "Ann  L\u0435e"),
    ],
)
def test_names_that_look_the_same_are_found(one: str, other: str) -> None:
    assert look_alike(one, other)
    assert look_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("anna", "bob"),
        ("anna", "anna-2"),
        ("Ann", "Ann Lee"),
        ("Jürgen", "Jurgen"),
        ("bob", "rob"),
        ("李", "王"),
        ("\U0001fae9", "\U0001f600"),
    ],
)
def test_names_that_look_different_are_no_imitation(one: str, other: str) -> None:
    assert not look_alike(one, other)


def test_lines_are_kept_only_where_they_are_wanted() -> None:
    assert visible("a\r\nb\tc\u2028d", lines=True) == "a\nb c d"
    assert visible("a\r\nb\n", lines=False) == "a  b "


@given(st.text())
def test_what_is_shown_is_printable_and_showing_it_again_changes_nothing(text: str) -> None:
    shown = visible(text)
    assert is_printable(shown.strip().replace("\ufffd", "x"))
    assert visible(shown) == shown


@given(
    st.text(st.sampled_from("a\u200c\u200d\ufe0f\u06cc\u094d\u0915\U0001f468\U0001f3f4\U000e0067\U000e007f\u0301\n "))
)
def test_joiners_that_follow_each_other_hide_nothing(text: str) -> None:
    shown = visible(text)
    assert "\u200c\u200c" not in shown
    assert "\u200d\u200d" not in shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    "piece", ["\u200c", "\u06cc\u0650\u200c", "\U0001f3f4\U000e0067", "\U000e0067", "\u0301", "\x1b"]
)
def test_no_text_keeps_the_reader_busy(piece: str) -> None:
    started = time.process_time()
    visible(piece * (16_000 // len(piece)))
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["a{}b", "{}b", "a{}", "{}"])
def test_the_edges_of_a_text_take_time_linear_in_it(text: str) -> None:
    started = time.process_time()
    kept = without_invisible_edges(text.format("\u200b" * 200_000))
    assert time.process_time() - started < 3
    assert kept.replace("\u200b", "") == text.replace("{}", "")


def test_ascii_is_judged_as_the_tables_judge_it() -> None:
    """ASCII needs none of the tables.

    So each character is tested here beside one that needs them and changes nothing.
    """
    characters = [chr(number) for number in range(128)]
    for text in map("".join, itertools.chain.from_iterable(itertools.product(characters, repeat=n) for n in range(3))):
        assert is_printable(f"a{text}z") == is_printable(f"é{text}é"), repr(text)
        assert is_line(f"a{text}z") == is_line(f"é{text}é"), repr(text)
        assert is_blank(text) == is_blank(f"\u00a0{text}"), repr(text)
        assert without_invisible_edges(text) == without_invisible_edges(f"\u200b{text}"), repr(text)
        assert seen_alike(text) == seen_alike(f"{text}\u200b"), repr(text)
