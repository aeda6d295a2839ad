"""Calls that are over, kept for a page that is loaded again until their other side can wait no longer."""

from __future__ import annotations

from bot.kinds import Kind
from bot.page.untold import MOST, Untold
from peer.handset.protocol import ShowLink
from tests.browser.scripted import call, link

EXPIRES = 1000


def keep(untold: Untold, number: int) -> None:
    said = ShowLink(call=number, link=link(), kind=Kind.LINK_REFUSAL, sentence="")
    untold.keep(call(number, "ended", expires=EXPIRES), lambda: said)


def numbers(untold: Untold) -> list[int]:
    shown = untold.now()
    assert all(ended.id == said().call for ended, said in shown)
    return [ended.id for ended, _ in shown]


def test_a_link_is_there_until_it_expires_or_is_needed_no_more() -> None:
    now = EXPIRES - 1.0
    untold = Untold(lambda: now)
    keep(untold, 1)
    keep(untold, 2)
    keep(untold, 3)
    assert numbers(untold) == [1, 2, 3]
    untold.seen(2)
    assert numbers(untold) == [1, 3]
    now = EXPIRES
    assert numbers(untold) == []


def test_there_are_only_so_many_and_the_oldest_goes_first() -> None:
    untold = Untold(lambda: 0.0)
    for number in range(MOST + 2):
        keep(untold, number)
    assert numbers(untold) == list(range(2, MOST + 2))
