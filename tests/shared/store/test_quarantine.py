"""A key that was agreed in a call that proved nothing waits beside the one that is proven, until the owner confirms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.contacts import Contact
from shared.node_id import NodeId
from shared.store import Store
from shared.store.secrets import QUARANTINED_KEPT, SECRETS_KEPT

ANNA = NodeId(b"anna".ljust(32))


def secret(number: int) -> bytes:
    return number.to_bytes(32, "little")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With Anna as a contact who has proved to have secret 1."""
    with Store(tmp_path / "copybara.db") as store:
        store.save_contact(Contact(name="anna", node=ANNA, created=0))
        store.propose_secret(ANNA, secret(1), 0)
        store.commit_secret(ANNA, secret(1))
        yield store


def test_what_an_unproven_call_agrees_on_neither_replaces_nor_erases_the_proven_key(store: Store) -> None:
    assert not store.propose_secret(ANNA, secret(2), 0)
    assert store.commit_secret(ANNA, secret(2))
    store.secret_used(ANNA, secret(2))
    assert store.writable_secret(ANNA) == secret(1)
    assert store.readable_secrets() == [(ANNA, secret(2)), (ANNA, secret(1))]
    assert store.proves(ANNA, secret(1))
    assert not store.proves(ANNA, secret(2))


def test_what_a_proven_call_agrees_on_takes_its_place_as_ever(store: Store) -> None:
    assert store.propose_secret(ANNA, secret(2), 0, proven=True)
    store.secret_used(ANNA, secret(2))
    assert store.readable_secrets() == [(ANNA, secret(2))]


@pytest.mark.parametrize("committed", [False, True])
def test_the_owner_confirms_the_key_of_one_such_call_and_all_others_go(store: Store, committed: bool) -> None:
    for number in (2, 3):
        store.propose_secret(ANNA, secret(number), 0)
    if committed:
        store.commit_secret(ANNA, secret(3))
    assert store.quarantined_secrets(ANNA) == [secret(3), secret(2)]
    assert store.confirm_secret(ANNA, secret(3))
    assert store.readable_secrets() == [(ANNA, secret(3))]
    assert store.proves(ANNA, secret(3))
    assert (store.writable_secret(ANNA) == secret(3)) is committed
    assert not store.confirm_secret(ANNA, secret(2))
    assert not store.confirm_secret(ANNA, secret(3))


def test_a_flood_of_such_calls_leaves_the_proven_keys_alone(store: Store) -> None:
    store.propose_secret(ANNA, secret(2), 0, proven=True)
    for number in range(10, 10 + 2 * SECRETS_KEPT):
        store.propose_secret(ANNA, secret(number), 0)
    kept = [value for _, value in store.readable_secrets()]
    assert len(kept) == 2 + QUARANTINED_KEPT
    assert kept[-2:] == [secret(2), secret(1)]


def test_the_next_use_of_a_newer_proven_key_erases_what_waited(store: Store) -> None:
    store.propose_secret(ANNA, secret(2), 0)
    store.propose_secret(ANNA, secret(3), 0, proven=True)
    store.secret_used(ANNA, secret(3))
    assert store.readable_secrets() == [(ANNA, secret(3))]


def test_nothing_waits_where_nothing_is_proven_yet(store: Store) -> None:
    stranger = NodeId(b"stranger".ljust(32))
    assert store.propose_secret(stranger, secret(1), 0)
    store.commit_secret(stranger, secret(1))
    assert store.propose_secret(stranger, secret(2), 0), "nobody has been given that node's name yet"
    store.remove_contact("anna")
    store.save_contact(Contact(name="anna", node=ANNA, created=0))
    assert store.propose_secret(ANNA, secret(5), 0)


def test_a_key_that_is_confirmed_before_the_other_side_has_it_still_quarantines_the_next(store: Store) -> None:
    store.propose_secret(ANNA, secret(2), 0)
    assert store.confirm_secret(ANNA, secret(2))
    assert store.writable_secret(ANNA) is None
    assert store.keyed(ANNA)
    assert not store.propose_secret(ANNA, secret(3), 0), "an impostor's call"
    store.commit_secret(ANNA, secret(3))
    assert store.writable_secret(ANNA) is None
    assert not store.proves(ANNA, secret(3))
    store.secret_used(ANNA, secret(2))
    assert store.writable_secret(ANNA) == secret(2)


def test_a_flood_of_proven_calls_keeps_the_key_that_was_confirmed(store: Store) -> None:
    store.propose_secret(ANNA, secret(2), 0)
    store.confirm_secret(ANNA, secret(2))
    for number in range(10, 10 + 2 * SECRETS_KEPT):
        store.propose_secret(ANNA, secret(number), 0, proven=True)
    assert store.proves(ANNA, secret(2))
    assert store.keyed(ANNA)


def test_a_key_that_was_only_proposed_quarantines_nothing(store: Store) -> None:
    bob = NodeId(b"bob".ljust(32))
    store.save_contact(Contact(name="bob", node=bob, created=0))
    store.propose_secret(bob, secret(1), 0)
    assert not store.keyed(bob)
    assert store.propose_secret(bob, secret(2), 0)
