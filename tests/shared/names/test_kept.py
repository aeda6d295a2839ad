"""What a new answer means beside the stored one, tested with plain values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.names import NamedNode
from shared.names.kept import KeptName, follow, moved, stay, weigh
from shared.node_id import NodeId


def answer(number: int, *, at: int = 100) -> NamedNode:
    return NamedNode(NodeId(number.to_bytes(32, "big")), "AZERO.ID", "copybara.azero", at, from_memory=False)


def test_the_first_answer_is_kept() -> None:
    assert weigh(answer(1), None, None) == KeptName(answer(1))


def test_the_same_node_again_renews_what_is_kept() -> None:
    assert weigh(answer(1, at=200), KeptName(answer(1, at=100)), None) == KeptName(answer(1, at=200))


def test_another_node_is_held_and_nothing_that_is_known_changes() -> None:
    kept = weigh(answer(2), KeptName(answer(1)), None)
    assert kept == KeptName(answer(1), held=answer(2))
    error = moved(kept)
    assert (error.before, error.now) == (str(answer(1).node), str(answer(2).node))
    assert error.before in error.sentence
    assert error.now in error.sentence


def test_another_node_than_the_contacts_is_held_though_it_is_the_first_answer() -> None:
    kept = weigh(answer(2), None, answer(1).node)
    assert kept.held == answer(2)
    assert (kept.answer.node, kept.answer.source) == (answer(1).node, "contacts")


def test_a_contact_counts_more_than_what_was_kept() -> None:
    kept = weigh(answer(2), KeptName(answer(2)), answer(1).node)
    assert kept.held == answer(2)
    assert kept.answer.node == answer(1).node


def test_the_old_node_again_lifts_the_hold() -> None:
    assert weigh(answer(1, at=300), KeptName(answer(1), held=answer(2)), None) == KeptName(answer(1, at=300))


def test_once_followed_the_new_node_is_known_and_the_old_one_would_be_held() -> None:
    kept = follow(KeptName(answer(1), held=answer(2)))
    assert kept == KeptName(answer(2))
    assert weigh(answer(1), kept, None).held == answer(1)


def test_once_refused_the_same_change_is_not_asked_about_again() -> None:
    kept = stay(KeptName(answer(1), held=answer(2)))
    again = weigh(answer(2, at=200), kept, None)
    assert again.held is None
    assert (again.answer, again.refused) == (answer(1), answer(2).node)


def test_a_third_node_is_held_though_the_second_was_refused() -> None:
    kept = stay(KeptName(answer(1), held=answer(2)))
    assert weigh(answer(3), kept, None) == KeptName(answer(1), held=answer(3))


@pytest.mark.parametrize("known", ["", "first"])
@pytest.mark.parametrize("now", ["", "second"])
@pytest.mark.parametrize("contact", [None, answer(1).node])
def test_a_card_that_comes_changes_or_goes_does_not_change_what_is_used(
    known: str, now: str, contact: NodeId | None
) -> None:
    kept = weigh(replace(answer(1, at=200), card=now), KeptName(replace(answer(1), card=known)), contact)
    assert kept.answer == replace(answer(1, at=200), card=known)
    assert (kept.held, kept.new_card) == (None, now)


def test_another_card_is_used_once_it_is_followed_and_not_mentioned_once_it_is_refused() -> None:
    first, second, third = (replace(answer(1), card=card) for card in ("first", "second", "third"))
    kept = weigh(second, KeptName(first), None)
    assert weigh(second, follow(kept), None) == KeptName(second)
    refused = weigh(second, stay(kept), None)
    assert (refused.answer, refused.new_card) == (first, "")
    assert weigh(third, refused, None).new_card == "third"
    assert weigh(second, weigh(third, refused, None), None).new_card == ""


def test_another_node_with_another_card_is_held_and_the_first_card_stays() -> None:
    first, other = replace(answer(1), card="first"), replace(answer(2), card="second")
    held = weigh(other, KeptName(first), None)
    assert (held.answer, held.held) == (first, other)
    assert weigh(replace(answer(1), card="second"), held, None).answer.card == "first"
