"""The user's list of programs for each type: our entry comes and goes, and every other byte stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.desktop.mimeapps import with_default, without_default

KIND, ENTRY = "x-scheme-handler/copybara", "copybara-relay.desktop"

LISTS = [
    "",
    "[Default Applications]\n",
    "[Default Applications]\ntext/plain=mine.desktop\n",
    "[Default Applications]\ntext/plain=mine.desktop\n\n[Added Associations]\nx-scheme-handler/copybara=mine;\n",
    "[Added Associations]\ntext/plain=mine.desktop",
    "# mine\n[Default Applications]\nx-scheme-handler/copybarax=mine.desktop\n",
    "[Default Applications]\r\ntext/plain=mine.desktop\r\n",
    "no list at all\n\x00\udcff\n",
]


@pytest.mark.parametrize("text", LISTS)
def test_what_comes_goes_again(text: str) -> None:
    there = with_default(text, KIND, ENTRY)
    assert f"{KIND}={ENTRY};\n" in there
    assert with_default(there, KIND, ENTRY) == there
    gone = without_default(there, KIND, ENTRY)
    assert KIND + "=" + ENTRY not in gone
    assert [line for line in gone.splitlines() if line not in ("", "[Default Applications]")] == [
        line for line in text.splitlines() if line not in ("", "[Default Applications]")
    ]
    assert without_default(gone, KIND, ENTRY) == gone


def test_another_program_of_the_users_comes_back() -> None:
    before = f"[Default Applications]\n{KIND}=other.desktop;\n"
    there = with_default(before, KIND, ENTRY)
    assert there == f"[Default Applications]\n{KIND}={ENTRY};other.desktop;\n"
    assert without_default(there, KIND, ENTRY) == before


def test_only_its_own_group_counts() -> None:
    before = f"[Removed Associations]\n{KIND}={ENTRY};\n"
    assert without_default(before, KIND, ENTRY) == before
    assert with_default(before, KIND, ENTRY) == f"{before}[Default Applications]\n{KIND}={ENTRY};\n"


@given(st.text(alphabet="[]=;\nDefault Applicationsx-schm/copybar#\r", max_size=200))
def test_no_list_is_too_strange(text: str) -> None:
    there = with_default(text, KIND, ENTRY)
    assert with_default(there, KIND, ENTRY) == there
    assert without_default(without_default(there, KIND, ENTRY), KIND, ENTRY) == without_default(there, KIND, ENTRY)
