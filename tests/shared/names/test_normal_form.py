"""The normal form of names, and which names look like others."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfusingName, InputError
from shared.names.normal_form import alike, is_plain, normalise


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Copybara.AZERO", "copybara.azero"),
        ("anna-2.eth", "anna-2.eth"),
        ("Müller.azero", "müller.azero"),
        ("ｆｕｌｌ.eth", "full.eth"),  # noqa: RUF001
        ("ﬁsh.eth", "fish.eth"),
        ("an\u200bna.eth", "anna.eth"),
    ],
)
def test_a_name_has_one_normal_form(typed: str, normal: str) -> None:
    assert normalise(typed) == normal


@pytest.mark.parametrize(
    ("typed", "pointed_out"),
    [
        ("n\u0456ck.eth", "CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I"),
        ("\u0441\u043e\u0440\u0443.azero", "CYRILLIC SMALL LETTER ES"),
        ("copybar\u03b1.azero", "GREEK SMALL LETTER ALPHA"),
    ],
)
def test_characters_that_look_like_others_are_pointed_out(typed: str, pointed_out: str) -> None:
    with pytest.raises(ConfusingName, match=pointed_out):
        normalise(typed)


@pytest.mark.parametrize("typed", ["a b.eth", "a\u202eb.eth", "a\nb.eth", "..eth", "xn--a.eth", "a_b.eth"])
def test_what_no_name_has_is_refused_in_one_line_that_shows_it(typed: str) -> None:
    with pytest.raises(InputError) as caught:
        normalise(typed)
    assert caught.value.sentence.isprintable()


@given(st.text(max_size=30).map(lambda label: f"{label}.eth"))
def test_any_text_has_a_normal_form_or_is_refused(typed: str) -> None:
    outcome = normal_or_refusal(typed)
    assert outcome.isprintable()
    assert normal_or_refusal(outcome) == outcome or "name" in outcome


def normal_or_refusal(typed: str) -> str:
    try:
        return normalise(typed)
    except InputError as error:
        return error.sentence


@given(st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True))
def test_a_plain_name_is_left_as_ens_leaves_it(label: str) -> None:
    import ens_normalize  # type: ignore[import-untyped]

    if is_plain(label):
        assert ens_normalize.ens_normalize(f"{label}.eth") == f"{label}.eth"


@pytest.mark.parametrize("other", ["c0pybara.azero", "copybara-.azero", "cópybara.azero", "cop-ybara.azero"])
def test_a_name_that_could_be_taken_for_a_known_one_is_found(other: str) -> None:
    assert alike(other, ["anna.azero", "copybara.azero"]) == "copybara.azero"


@pytest.mark.parametrize(
    ("one", "other"), [("mike.eth", "rnike.eth"), ("will.eth", "vvill.eth"), ("paul.eth", "pau1.eth")]
)
def test_letters_that_run_together_are_seen_as_one(one: str, other: str) -> None:
    assert alike(other, [one]) == one


def test_a_known_name_looks_like_no_other() -> None:
    assert alike("pau1.eth", ["paul.eth", "pau1.eth"]) is None
    assert alike("anna.eth", ["bob.eth"]) is None


def test_the_tables_are_not_loaded_for_a_plain_name() -> None:
    program = (
        "import sys; from shared.names.normal_form import normalise; normalise('Anna-2.azero'); "
        "sys.exit('ens_normalize' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
