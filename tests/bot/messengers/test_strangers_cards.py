"""How much the owner gets of strangers' contact cards."""

from __future__ import annotations

from bot.messengers.strangers_cards import MESSAGES, TOGETHER, StrangersCards


def test_one_stranger_gets_a_few_through_and_the_owner_hears_once_that_there_are_more() -> None:
    cards, warned = StrangersCards(), []
    allowed = [cards.allow("eve", lambda: warned.append("eve")) for _ in range(50)]
    assert allowed == [True] * MESSAGES + [False] * (50 - MESSAGES)
    assert warned == ["eve"]


def test_any_number_of_accounts_gets_no_more_through_together() -> None:
    cards, warned = StrangersCards(), []
    allowed = [cards.allow(f"eve{number}", lambda: warned.append("all")) for number in range(1200)]
    assert allowed == [True] * TOGETHER + [False] * (1200 - TOGETHER)
    assert warned == ["all"]
