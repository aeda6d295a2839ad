"""Whose app a contact of the account is: the owner's word, a number and a key, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.messengers.deltachat.calls.ties import tie, tied, untie
from shared.contacts import Contact
from shared.errors import NameNotFound
from shared.node_id import NodeId
from shared.store import Store

ANNA, BOB = NodeId(b"anna" * 8), NodeId(b"bob " * 8)
KEY, OTHER_KEY = "AB" * 20, "CD" * 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two contacts."""
    with Store(tmp_path / "book.db") as store:
        for name, node in (("anna", ANNA), ("bob", BOB)):
            store.save_contact(Contact(name=name, node=node, created=0))
        yield store


def test_a_key_is_somebodys_once_the_owner_has_said_so(store: Store) -> None:
    assert tied(store.contacts(), 12, KEY) is None
    tie(store, BOB, 12, KEY)
    found = tied(store.contacts(), 12, KEY)
    assert found is not None
    assert found.name == "bob"


@pytest.mark.parametrize(("number", "key"), [(12, OTHER_KEY), (13, KEY), (12, ""), (0, "")])
def test_another_key_or_number_is_nobodys(store: Store, number: int, key: str) -> None:
    tie(store, BOB, 12, KEY)
    assert tied(store.contacts(), number, key) is None


def test_a_contact_of_the_account_without_a_key_is_nobodys_whatever_was_said(store: Store) -> None:
    tie(store, BOB, 12, "")
    assert tied(store.contacts(), 12, "") is None


def test_one_app_is_one_persons(store: Store) -> None:
    tie(store, BOB, 12, KEY)
    tie(store, ANNA, 12, KEY)
    assert [contact.deltachat_contact for contact in store.contacts()] == [12, None]


def test_who_is_removed_or_untied_has_no_app_any_more(store: Store) -> None:
    tie(store, BOB, 12, KEY)
    untie(store, BOB)
    assert tied(store.contacts(), 12, KEY) is None
    tie(store, BOB, 12, KEY)
    store.remove_contact("bob")
    assert tied(store.contacts(), 12, KEY) is None
    with pytest.raises(NameNotFound):
        tie(store, BOB, 12, KEY)
    with pytest.raises(NameNotFound):
        untie(store, BOB)
