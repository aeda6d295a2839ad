from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.links.card import Card
from shared.links.kinds import BadLink, decode
from shared.links.tokens import to_text
from shared.reasons import Reason
from tests.shared.links.link_values import ALICE, CARD, cards, is_accepted, is_visible

NODE = b"\x01\x20" + ALICE.key
SEALING_KEY = b"\x02\x20" + b"k" * 32


def card_bytes(*fields: bytes) -> bytes:
    """A card with any content and the correct checksum."""
    content = b"\x15" + b"".join(fields)
    return content + hashlib.sha256(content).digest()[:4]


def assert_malformed(raw: bytes) -> None:
    with pytest.raises(BadLink) as caught:
        Card.decode(raw)
    assert caught.value.reason is Reason.MALFORMED


def test_a_card_is_laid_out_as_documented() -> None:
    assert CARD.encode() == card_bytes(
        NODE,
        SEALING_KEY,
        b"\x03\x04Anna",
        b"\x04\x0aanna.azero",
        b"\x05\x08anna_bot",
        b"\x06\x08" + (123_456_789).to_bytes(8, "big"),
    )


def test_a_card_of_nothing_but_its_keys_is_laid_out_as_documented() -> None:
    assert Card(ALICE, b"k" * 32).encode() == card_bytes(NODE, SEALING_KEY)


@given(cards)
def test_every_card_survives_the_round_trip(card: Card) -> None:
    assert decode(card.token) == card
    assert Card.decode(card.encode()) == card
    assert len(card.token) <= 256


@given(cards, st.data())
def test_a_flipped_bit_is_noticed(card: Card, data: st.DataObject) -> None:
    raw = bytearray(card.encode())
    bit = data.draw(st.integers(0, 8 * len(raw) - 1))
    raw[bit // 8] ^= 1 << bit % 8
    # Read it as a card: with a flipped kind it may have the length of another kind, and a sealed request has any
    # content.
    with pytest.raises(BadLink):
        Card.decode(bytes(raw))


@given(cards, st.data())
def test_a_truncated_card_is_malformed(card: Card, data: st.DataObject) -> None:
    assert_malformed(card.encode()[: data.draw(st.integers(0, len(card.encode()) - 1))])


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=60)), max_size=4), st.booleans())
def test_any_fields_are_decoded_or_raise_bad_link(fields: list[tuple[int, bytes]], with_keys: bool) -> None:
    raw = card_bytes(*[NODE, SEALING_KEY] * with_keys, *(bytes([kind, len(value)]) + value for kind, value in fields))
    is_accepted(to_text(raw))


@given(st.binary(max_size=192))
def test_any_content_with_the_right_checksum_is_decoded_or_raises_bad_link(content: bytes) -> None:
    is_accepted(to_text(card_bytes(content)))


def test_thousands_of_random_cards_give_a_card_or_one_error() -> None:
    dice = random.Random(1)
    accepted = 0
    for _ in range(5_000):
        fields = [bytes([dice.randrange(10), 8]) + dice.choice([b"anna.bot", dice.randbytes(8)]) for _ in range(3)]
        accepted += is_accepted(to_text(card_bytes(NODE, SEALING_KEY, *fields)))
    assert 0 < accepted < 5_000


def test_fields_of_a_later_version_are_skipped() -> None:
    raw = card_bytes(b"\x07\x01x", NODE, b"\xff\x02yz", SEALING_KEY, b"\x03\x04Anna", b"\x00\x01w")
    assert Card.decode(raw) == Card(ALICE, b"k" * 32, "Anna")


def test_fields_may_stand_in_any_order() -> None:
    assert Card.decode(card_bytes(b"\x03\x04Anna", SEALING_KEY, NODE)) == Card(ALICE, b"k" * 32, "Anna")


@pytest.mark.parametrize(
    "fields",
    [
        [NODE, b"\x07\x20" + bytes(32)],
        [SEALING_KEY, b"\x07\x20" + bytes(32)],
        [NODE, b"\x02\x1f" + bytes(31), b"\x07\x01x"],
        [NODE, SEALING_KEY, NODE],
        [NODE, SEALING_KEY, b"\x03\x04Anna\x03\x03Bob"],
        [NODE, SEALING_KEY, b"\x07\x01x\x07\x01x"],
        [NODE, SEALING_KEY, b"\x03"],
        [NODE, SEALING_KEY, b"\x03\x00"],
        [NODE, SEALING_KEY, b"\x03\x05Anna"],
        [NODE, SEALING_KEY, b"\x03\x02\xc3\x28"],
        [NODE, SEALING_KEY, b"\x03\x03\xed\xa0\x80"],
        [NODE, SEALING_KEY, b"\x03\x29" + b"a" * 41],
        [NODE, SEALING_KEY, b"\x04\x03a b"],
        [NODE, SEALING_KEY, b"\x05\x04a?b="],
        [NODE, SEALING_KEY, b"\x06\x07" + bytes(6) + b"\x01"],
        [NODE, SEALING_KEY, b"\x06\x08" + bytes(8)],
        [NODE, SEALING_KEY, b"\x06\x08" + b"\xff" * 8],
        [NODE, SEALING_KEY, b"\x07\x77" + bytes(119)],
    ],
    ids=[
        "no key",
        "no node",
        "short key",
        "node twice",
        "name twice",
        "unknown field twice",
        "no length",
        "empty value",
        "value beyond the end",
        "not UTF-8",
        "surrogate",
        "long name",
        "space in a looked-up name",
        "no Telegram name",
        "short user id",
        "user id zero",
        "user id too large",
        "193 bytes",
    ],
)
def test_a_card_that_no_program_writes_is_malformed(fields: list[bytes]) -> None:
    assert_malformed(card_bytes(*fields))


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x00", "\u202eanna", "an\u2066na", "a\u200bb", "\u200fanna", "a\u2028b", " anna", "anna\u00a0"]
)
def test_a_name_that_does_not_show_what_it_is_is_refused_on_both_ways(name: str) -> None:
    encoded = name.encode()
    assert_malformed(card_bytes(NODE, SEALING_KEY, bytes([3, len(encoded)]) + encoded))
    assert_malformed(card_bytes(NODE, SEALING_KEY, bytes([4, len(encoded)]) + encoded))
    with pytest.raises(InputError):
        replace(CARD, name=name)


@given(st.text(max_size=40))
def test_any_name_is_taken_as_it_is_or_refused(name: str) -> None:
    try:
        card = Card(ALICE, b"k" * 32, name)
    except InputError:
        assert not is_visible(name) or name != name.strip() or len(name.encode()) > 117
    else:
        assert is_visible(name)
        assert decode(card.token) == card


@pytest.mark.parametrize(
    "values",
    [
        {"sealing_key": b""},
        {"name": "a" * 41},
        {"name": "\ud800"},
        {"resolves_as": "a" * 65},
        {"resolves_as": "anna azero"},
        {"resolves_as": "\ud800"},
        {"telegram_bot": "@anna"},
        {"telegram_bot": "anna_böt"},
        {"telegram_user": 0},
        {"telegram_user": 1 << 63},
        {"name": "名" * 30, "resolves_as": "b" * 40},
    ],
)
def test_a_card_that_could_not_be_read_is_not_made(values: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        replace(CARD, **values)
    assert caught.value.sentence
