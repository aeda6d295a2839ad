"""The journal: entries are stored before they are carried out, done once, and deleted when they can't come again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.store import Store
from shared.store.journal import Journal, Kept


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Store(tmp_path / "db") as store:
        yield Journal(store, "telegram")


def test_an_entry_that_comes_again_is_known_also_when_it_is_done(journal: Journal) -> None:
    journal.store([(1, b"one"), (2, b"two")], 100)
    journal.store([(2, b"again"), (3, b"three")], 101)
    assert [kept.value for kept in journal.waiting()] == [b"one", b"two", b"three"]
    journal.done([1, 2])
    journal.store([(1, b"one"), (2, b"two")], 102)
    assert [kept.id for kept in journal.waiting()] == [3]


def test_numbers_that_start_anew_come_after_those_from_before(journal: Journal) -> None:
    journal.store([(900, b"old")], 100)
    journal.store([(5, b"new")], 200)
    assert [kept.value for kept in journal.waiting()] == [b"old", b"new"]


def test_another_account_begins_with_nothing_and_takes_nothing_from_other_messengers(journal: Journal) -> None:
    other = Journal(journal._store, "matrix")
    for each in (journal, other):
        each.store([(1, b"done"), (2, b"waits")], 100)
        each.done([1], outgoing=[("c", b"hello")], shown={"c": b"rings"}, missed=[b"anna"], facts={"owner": b"12"})
    journal.forget_everything()
    assert (journal.waiting(), journal.outgoing(), journal.shown(), journal.missed()) == ([], [], {}, [])
    assert journal.facts("") == {}
    assert len(other.waiting()) == len(other.outgoing()) == len(other.shown()) == len(other.missed()) == 1
    journal.store([(1, b"another")], 101)
    assert [kept.value for kept in journal.waiting()] == [b"another"]


def test_what_comes_of_an_entry_is_stored_with_the_mark_that_it_is_done(journal: Journal) -> None:
    journal.store([(1, b"one")], 100)
    journal.done([1], outgoing=[("c", b"hello")], shown={"c": b"rings"}, missed=[b"anna"])
    (kept,) = journal.outgoing()
    assert (kept.value, kept.call) == (b"hello", "c")
    assert journal.shown() == {"c": b"rings"}
    journal.tell_missed(journal.missed()[-1].id, b"you missed anna")
    assert journal.missed() == []
    journal.sent([kept.id], instead=[(None, b"another way")])
    assert [message.value for message in _all(journal)] == [b"you missed anna", b"another way"]


def test_what_a_call_has_to_say_is_taken_back_with_it(journal: Journal) -> None:
    journal.done([], outgoing=[("a", b"one"), ("b", b"two"), (None, b"three")])
    journal.take_back("a")
    assert [message.value for message in _all(journal)] == [b"two", b"three"]


def test_messengers_share_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        one, other = Journal(store, "telegram"), Journal(store, "matrix")
        one.store([(1, b"one")], 1)
        one.set_facts({"owner": b"7", "connection:1": b"x"})
        assert (other.waiting(), other.fact("owner")) == ([], None)
        assert one.facts("connection:") == {"connection:1": b"x"}
        one.set_facts({"owner": None})
        assert one.fact("owner") is None


def _all(journal: Journal) -> list[Kept]:
    found = journal.outgoing()
    journal.sent([kept.id for kept in found])
    return found
