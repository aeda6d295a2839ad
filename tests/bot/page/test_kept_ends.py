"""Ended calls are kept for a page that is reloaded, while their page asks something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bot.kinds import Kind
from bot.page.kept_ends import AN_HOUR, MOST, KeptEnds
from peer.handset.protocol import Call, ShowLink
from tests.browser.scripted import NOW, REPORT, call, link

EXPIRES = NOW + 600

STRANGER: dict[str, Any] = {"contact": None, "connected_at": NOW, "paired": False}
"A person with whom the owner has talked, and whom they haven't saved."


def ended(number: int, reason: str = "hung-up", **changed: Any) -> Call:
    report = msgspec.structs.replace(REPORT, reason=reason)
    return call(number, "ended", **{"expires": EXPIRES, "report": report, **changed})


def says_so(number: int) -> Callable[[], ShowLink]:
    return lambda: ShowLink(call=number, link=link(), kind=Kind.LINK_REFUSAL, sentence="")


class Kept:
    """The kept ends of a program that knows the key of the call `latest`, with its own clock."""

    def __init__(self) -> None:
        self.now = float(NOW)
        self.latest: int | None = None
        self.ends = KeptEnds(lambda call: call.id == self.latest, lambda: self.now)

    def numbers(self) -> list[int]:
        return [end.call.id for end in self.ends.now()]


def test_a_link_is_there_until_it_expires_or_is_needed_no_more() -> None:
    kept = Kept()
    for number in (1, 2, 3):
        kept.ends.keep(ended(number, "declined"), b"", says_so(number))
    kept.ends.put_away(2)
    kept.ends.put_away(4)
    kept.ends.keep(ended(4, "declined"), b"", says_so(4))  # seen before all of it was closed
    assert [(end.call.id, end.link and end.link().call) for end in kept.ends.now()] == [(1, 1), (3, 3)]
    kept.now = EXPIRES
    assert kept.numbers() == []


def test_who_was_in_it_can_be_saved_until_they_are_or_the_next_call_connects() -> None:
    kept = Kept()
    kept.latest = 1
    kept.ends.keep(ended(1, **STRANGER), b"")
    kept.now += 100 * AN_HOUR
    assert kept.numbers() == [1]
    kept.latest = 2
    assert kept.numbers() == []
    kept.latest = 1
    assert kept.numbers() == [], "it doesn't come back"


@pytest.mark.parametrize("reason", ["no-answer", "remote-busy", "cancelled"])
def test_a_contact_who_was_called_in_vain_can_be_left_a_message_for_an_hour(reason: str) -> None:
    kept = Kept()
    kept.ends.keep(ended(1, reason, role="caller"), b"", says_so(1))
    kept.now = EXPIRES + 1
    assert [(end.call.id, end.link) for end in kept.ends.now()] == [(1, None)], "the link leads nowhere any more"
    kept.now = NOW + AN_HOUR
    assert kept.numbers() == []


def test_that_the_words_differed_is_said_for_an_hour_and_nobody_is_offered_to_be_saved() -> None:
    kept = Kept()
    kept.latest = 1
    kept.ends.keep(ended(1, **STRANGER, differed=True), b"")
    assert kept.numbers() == [1]
    kept.now += AN_HOUR
    assert kept.numbers() == []


@pytest.mark.parametrize(
    "values",
    [
        {"connected_at": NOW},
        {"reason": "missed"},
        {"reason": "no-answer", "role": "caller", "paired": False},
        {"reason": "no-answer", "role": "caller", **STRANGER, "connected_at": None},
    ],
)
def test_a_call_whose_page_asks_nothing_is_in_the_log_alone(values: dict[str, Any]) -> None:
    kept = Kept()
    kept.latest = 1
    kept.ends.keep(ended(1, **values), b"")
    assert kept.numbers() == []


def test_there_are_only_so_many_and_the_oldest_goes_first() -> None:
    kept = Kept()
    for number in range(MOST + 2):
        kept.ends.keep(ended(number, "declined"), b"", says_so(number))
    assert kept.numbers() == list(range(2, MOST + 2))
