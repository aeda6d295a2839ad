"""Tickets open the page in place of the key, once and for a limited time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.handset.tickets import MAX_TICKETS, TICKET_SECONDS, Tickets


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def nothing() -> None:
    """Ignores the call."""


def test_a_ticket_is_used_once_and_its_place_is_told() -> None:
    tickets, used = Tickets(), []
    ticket = tickets.issue("a", lambda: used.append("a"))
    assert len(ticket) == 22
    assert (tickets.take(ticket), tickets.take(ticket)) == (True, False)
    assert used == ["a"]
    assert tickets.issue("a", nothing) != ticket


def test_a_place_keeps_its_ticket_for_half_of_its_time() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    first = tickets.issue("a", nothing)
    clock.now += TICKET_SECONDS / 2 - 1
    assert tickets.issue("a", nothing) == first
    clock.now += 1
    second = tickets.issue("a", nothing)
    assert second != first
    assert (tickets.take(first), tickets.take(second)) == (False, True)


@pytest.mark.parametrize(("age", "good"), [(TICKET_SECONDS - 1, True), (TICKET_SECONDS, False)])
def test_an_old_ticket_is_of_no_use_and_tells_nobody(age: float, good: bool) -> None:
    clock, used = Clock(), []
    tickets = Tickets(clock)
    ticket = tickets.issue("a", lambda: used.append("a"))
    clock.now += age
    assert tickets.take(ticket) is good
    assert used == (["a"] if good else [])


def test_the_oldest_of_too_many_goes() -> None:
    tickets = Tickets()
    first, *others = (tickets.issue(str(place), nothing) for place in range(MAX_TICKETS + 1))
    assert not tickets.take(first)
    assert all(map(tickets.take, others))


def test_a_place_that_gets_a_new_ticket_is_no_longer_the_oldest() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    for place in range(MAX_TICKETS):
        tickets.issue(str(place), nothing)
    clock.now += TICKET_SECONDS / 2
    renewed = tickets.issue("0", nothing)
    tickets.issue("one more", nothing)
    assert tickets.take(renewed)


@given(st.text())
def test_no_other_text_is_a_ticket(text: str) -> None:
    tickets = Tickets()
    ticket = tickets.issue("a", nothing)
    assert not tickets.take(text)
    assert tickets.take(ticket)
