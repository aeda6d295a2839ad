"""What a record may contain."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRecord, NodeIdError
from shared.links.card import Card
from shared.links.kinds import as_copybara
from shared.names.records import STAEX_ID, YGGDRASIL_KEY, card_in, node_in, node_records, to_publish
from shared.node_id import NodeId

NODE = NodeId(bytes(range(32)))
CARD = Card(node=NODE, sealing_key=bytes(range(32)), name="anna", resolves_as="anna.azero")


@pytest.mark.parametrize("record", [STAEX_ID, YGGDRASIL_KEY])
def test_a_node_id_is_read_with_space_around_it(record: str) -> None:
    assert node_in(record, f" {NODE}\n") == NODE


def test_a_yggdrasil_key_may_be_hexadecimal_as_yggdrasil_shows_it() -> None:
    assert node_in(YGGDRASIL_KEY, NODE.key.hex()) == NODE
    with pytest.raises(BadRecord):
        node_in(STAEX_ID, NODE.key.hex())


@given(st.text(max_size=80))
def test_any_other_value_is_refused_without_being_repeated(value: str) -> None:
    with contextlib.suppress(NodeIdError):
        NodeId.parse(value.strip())
        return
    with pytest.raises(BadRecord) as caught:
        node_in(STAEX_ID, value)
    assert caught.value.sentence == "The record staex-id under that name isn't a node id."


def test_a_card_is_read_alone_and_in_a_link() -> None:
    assert card_in(CARD.token, NODE) == card_in(as_copybara(CARD.token), NODE) == CARD


@pytest.mark.parametrize("value", ["", "hello", CARD.token[:-1], "copybara:AAAA", "x" * 2000])
def test_what_is_no_card_is_left_out(value: str) -> None:
    assert card_in(value, NODE) is None


def test_the_card_of_another_node_is_left_out() -> None:
    assert card_in(CARD.token, NodeId(bytes(32))) is None


def test_what_is_published_is_read_again() -> None:
    for overlay in ("staex", "yggdrasil", "loopback"):
        records = to_publish(CARD, overlay)
        [record] = [record for record in node_records(overlay) if record in records]
        assert node_in(record, records[record]) == NODE
        assert card_in(records["copybara-card"], NODE) == CARD
