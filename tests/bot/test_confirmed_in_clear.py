"""A contact's key whose words were confirmed in a chat where others can write instead of the owner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.assistant import contacts as book
from bot.texts.page import trust_in_words
from peer.calls.line_parts import Presented
from shared.contacts import Contact, Trust
from shared.node_id import NodeId
from shared.secrets.phrase import phrase
from shared.store import Store

ANNA = NodeId(b"anna" * 8)
OTHERS = bytes([7]) * 32
"The secret of a call without Anna's key."


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Anna is a contact with a key, and the words of another key were confirmed in Telegram."""
    with Store(tmp_path / "store.db") as store:
        store.save_contact(Contact(name="anna", node=ANNA, trust=Trust.AUTO, created=1))
        store.propose_secret(ANNA, bytes(32), 1)
        store.commit_secret(ANNA, bytes(32))
        assert not store.propose_secret(ANNA, OTHERS, 2)
        book.confirm(store, "anna", phrase(OTHERS), in_clear=True)
        yield store


def begins_off(store: Store) -> bool:
    return Presented.coming(store.contact_of(ANNA), automatic=True).begins_off


def test_a_press_on_answered_automatically_says_nothing_about_the_key(store: Store) -> None:
    assert begins_off(store)
    for trust in (Trust.RING, Trust.AUTO):
        contact = book.set_trust(store, "anna", trust, None, in_clear=False)
        assert "compare their words" in trust_in_words(contact, paired=True)
    assert begins_off(store)


def test_words_that_were_compared_on_the_page_do(store: Store) -> None:
    book.compared(store, ANNA)
    assert not begins_off(store)


def test_another_key_that_is_confirmed_at_the_computer_does(store: Store) -> None:
    again = bytes([8]) * 32
    assert not store.propose_secret(ANNA, again, 3)
    book.confirm(store, "anna", phrase(again))
    assert not begins_off(store)
