"""File names that others choose: which parts file systems, folders and people must never see."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.files.kinds import PROGRAM, kind_of_name
from shared.files.names import MAX_BYTES, NAMELESS, numbered, safe_name


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("holiday photo.jpg", "holiday photo.jpg"),
        ("e\u0301te\u0301.txt", "\xe9t\xe9.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\evil.bat", "evil.bat"),
        ("C:\\temp\\x.txt", "x.txt"),
        ("/", NAMELESS),
        ("..", NAMELESS),
        ("", NAMELESS),
        ("   ", NAMELESS),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a\x00b\nc", "ab_c"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("in\u200bvisible\ufe0f.txt", "invisible.txt"),
        ("CON", "_CON"),
        ("con.tar.gz", "_con.tar.gz"),
        ("nul .txt", "_nul.txt"),
        ("COM\u00b9.log", "_COM\u00b9.log"),
        ("what?*<>|.txt", "what_____.txt"),
        ("name. . .", "name"),
        ("stream.txt:hidden", "stream.txt_hidden"),
    ],
)
def test_a_name_becomes_safe(given_name: str, safe: str) -> None:
    assert safe_name(given_name) == safe


@given(st.text(max_size=400))
def test_any_name_becomes_one_that_is_safe_everywhere_and_stays_as_it_is(name: str) -> None:
    safe = safe_name(name)
    assert safe == safe_name(safe)
    assert 0 < len(safe.encode()) <= MAX_BYTES
    assert not set(safe) & set('/\\:*?"<>|')
    assert safe[0] not in ".- "
    assert safe[-1] not in ". "
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in safe)


def test_a_long_name_keeps_what_says_its_kind() -> None:
    safe = safe_name("\xe9" * 300 + ".jpeg")
    assert safe.endswith("\xe9.jpeg")
    assert len(safe.encode()) <= MAX_BYTES


def test_a_number_stands_before_the_suffix() -> None:
    assert numbered("a.tar.gz", 2) == "a.tar (2).gz"
    assert numbered("a", 3) == "a (3)"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.JPG", "picture"), ("a.jpg.exe", PROGRAM), ("exe", "file"), ("a.xyz", "file"), ("notes.pdf", "document")],
)
def test_the_last_suffix_says_the_kind(name: str, kind: str) -> None:
    assert kind_of_name(name) == kind
