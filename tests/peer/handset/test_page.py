"""Which page has the calls."""

from __future__ import annotations

import pytest

from peer.handset.page import CLOSE_OVERRUN, MAX_WAITING, Page, Pages
from peer.handset.protocol import CLOSE_STOPPING, CLOSE_TAKEN_OVER, Said, TakenOver
from shared.errors import NoCall

NEWS = Said(call=1, kind="call.remote-rings", sentence="news")


async def test_messages_come_in_order_and_then_the_end() -> None:
    page = Page()
    page.send(NEWS)
    page.problem(NoCall("No.", "Why not."), about=3)
    page.end()
    page.send(NEWS)
    assert await page.next() == NEWS
    problem = await page.next()
    assert (problem.sentence, problem.id) == ("No.", 3)  # type: ignore[union-attr]
    assert await page.next() is None
    assert await page.next() is None


async def test_the_newer_page_has_the_calls() -> None:
    pages, older, newer = Pages(), Page(), Page()
    changes: list[Page | None] = []
    pages.listen(lambda: changes.append(pages.current))
    pages.come(older)
    pages.come(newer)
    pages.send(NEWS)
    assert isinstance(await older.next(), TakenOver)
    assert await older.next() is None
    assert older.close_code == CLOSE_TAKEN_OVER
    assert await newer.next() == NEWS
    pages.leave(older)
    assert pages.current is newer
    pages.leave(newer)
    assert changes == [older, newer, None]


@pytest.mark.parametrize(
    ("page", "asks"),
    [
        (Page(tab="another"), True),
        (Page(), True),
        (Page(tab="first"), False),
        (Page(tab="another", takes=True), False),
        (Page("phone", "201::1", tab="another"), False),
    ],
    ids=["another tab", "no tab", "the same tab", "a person wants it", "another device"],
)
def test_a_page_has_to_ask_before_it_takes_a_call_from_another_tab(page: Page, asks: bool) -> None:
    pages, first = Pages(), Page(tab="first")
    pages.calls.add(1)
    assert not pages.has_to_ask(page), "no page has the call"
    pages.come(first)
    assert pages.has_to_ask(page) is asks
    pages.calls.clear()
    assert not pages.has_to_ask(page)


def test_a_page_that_names_no_tab_is_in_none_that_is_known() -> None:
    pages = Pages()
    pages.calls.add(1)
    pages.come(Page())
    assert pages.has_to_ask(Page())


def test_in_a_call_sound_and_picture_wait_for_the_place_that_had_them() -> None:
    pages, home, phone = Pages(), Page(), Page("phone", "201::1")
    pages.come(home)
    pages.calls.add(1)
    pages.leave(home)
    pages.come(phone)
    assert pages.current is None, "nobody has pressed anything at the phone"
    pages.calls.add(2)
    pages.take_if_nobody_has()
    assert pages.current is None
    again = Page()
    pages.come(again)
    assert pages.current is again
    pages.take(phone)
    pages.leave(phone)
    assert not pages.would_be_current(Page())
    pages.end_device(phone.address)
    assert not pages.would_be_current(Page()), "nobody has pressed anything there"
    for call in (1, 2):
        pages.ended(call)
    assert pages.would_be_current(Page())


def test_what_a_page_has_asked_for_that_has_gone_meanwhile_comes_to_no_other_page() -> None:
    pages, home, phone = Pages(), Page(), Page("phone", "201::1")
    pages.come(home)
    pages.come(phone)
    pages.leave(phone)
    pages.take(phone)
    pages.calls.add(1)
    assert pages.current is None
    pages.take_if_nobody_has()
    assert pages.current is None
    again = Page("phone", "201::1")
    pages.come(again)
    assert pages.current is again
    pages.take(phone)
    assert pages.current is again, "it is the same place"


def test_after_a_start_they_wait_for_that_place_until_the_calls_are_taken_up_and_as_long_as_there_are_any() -> None:
    for calls in ([], [1]):
        pages, home, phone = Pages(), Page(), Page("phone", "201::1")
        pages.expect(home.address)
        pages.come(phone)
        assert pages.current is None
        pages.calls.update(calls)
        pages.expected()
        assert pages.current is (None if calls else phone)
        pages.come(home)
        assert pages.current is (home if calls else phone)


def test_after_a_call_any_page_may_come_first() -> None:
    pages, home, phone = Pages(), Page(), Page("phone", "201::1")
    pages.come(home)
    pages.calls.add(1)
    pages.leave(home)
    pages.ended(1)
    pages.calls.add(2)
    pages.come(phone)
    assert pages.current is phone


async def test_a_page_that_takes_nothing_is_given_up() -> None:
    page = Page()
    for _ in range(MAX_WAITING + 1):
        page.send(NEWS)
    assert page.gone.is_set()
    assert page.close_code == CLOSE_OVERRUN


async def test_the_end_of_the_program_ends_the_page() -> None:
    server = object()
    pages, page = Pages(), Page(server=server)
    pages.come(page)
    pages.stop(server)
    assert page.close_code == CLOSE_STOPPING
    assert pages.current is None
    pages.send(NEWS)
    assert await page.next() is None


def test_who_ignores_is_told_nothing() -> None:
    pages, page, told = Pages(), Page(), []
    listener = lambda: told.append(1)  # noqa: E731
    pages.listen(listener)
    pages.ignore(listener)
    pages.ignore(listener)
    pages.come(page)
    assert told == []
