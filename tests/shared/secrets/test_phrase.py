from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from shared.secrets.phrase import phrase

ENGLISH = Mnemonic("english").wordlist


@given(st.binary(min_size=32, max_size=32))
def test_a_phrase_is_four_words_of_the_list(secret: bytes) -> None:
    words = phrase(secret).split(" ")
    assert len(words) == 4
    assert set(words) <= set(ENGLISH)


def test_phrases_use_the_whole_list_and_every_place() -> None:
    phrases = [phrase(number.to_bytes(32, "big")).split() for number in range(2000)]
    for place in range(4):
        indices = [ENGLISH.index(words[place]) for words in phrases]
        assert len(set(indices)) > 1000
        assert min(indices) < 32
        assert max(indices) >= 2048 - 32


def test_two_secrets_have_two_phrases() -> None:
    assert phrase(bytes(32)) != phrase(bytes(31) + b"\x01")
