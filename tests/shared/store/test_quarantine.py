"""A key that comes from an unproven call waits beside the proven key until the owner confirms it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from shared.call.records import CallRecord, RunningCall
from shared.contacts import Contact
from shared.media import Media
from shared.names import NamedNode
from shared.names.kept import KeptName
from shared.node_id import NodeId
from shared.store import Store
from shared.store.calls import CALLS_LOGGED
from shared.store.compared import COMPARED_KEPT
from shared.store.secrets import NO_CHAIN, QUARANTINED_KEPT, SECRETS_KEPT
from shared.store.store import Agreed

ANNA, BOB = NodeId(b"anna".ljust(32)), NodeId(b"bob".ljust(32))

FIRST, SECOND, THIRD = (name.ljust(8) for name in (b"first", b"second", b"third"))
"References of calls."


def secret(number: int) -> bytes:
    return number.to_bytes(32, "little")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with Anna as a contact who has proved to have secret 1."""
    with Store(tmp_path / "copybara.db") as store:
        store.save_contact(Contact(name="anna", node=ANNA, created=0))
        store.propose_secret(ANNA, secret(1), 0)
        store.commit_secret(ANNA, secret(1))
        yield store


def test_what_an_unproven_call_agrees_on_neither_replaces_nor_erases_the_proven_key(store: Store) -> None:
    assert not store.propose_secret(ANNA, secret(2), 0)
    assert store.commit_secret(ANNA, secret(2))
    store.note_secret_used(ANNA, secret(2))
    assert store.writable_secret(ANNA) == secret(1)
    assert store.readable_secrets() == [(ANNA, secret(2)), (ANNA, secret(1))]
    assert store.proves(ANNA, secret(1))
    assert not store.proves(ANNA, secret(2))


def test_the_keys_of_a_call_whose_words_differ_prove_nothing_and_the_rest_stays(store: Store) -> None:
    for number in (2, 3):
        store.propose_secret(BOB, secret(number), 0)
        store.commit_secret(BOB, secret(number))
    store.words_differ(BOB, [secret(3)])
    assert (store.secrets_of(BOB), store.quarantined_secrets(BOB)) == ([secret(2)], [secret(3)])
    # This also holds for a contact's only key: anybody may have been in their first call.
    store.words_differ(ANNA, [secret(1)])
    assert not store.keyed(ANNA)
    assert store.writable_secret(ANNA) is None


def test_what_a_proven_call_agrees_on_takes_its_place_as_ever(store: Store) -> None:
    assert store.propose_secret(ANNA, secret(2), 0, chain=store.chain_of(ANNA, secret(1)))
    store.note_secret_used(ANNA, secret(2))
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
    store.propose_secret(ANNA, secret(2), 0, chain=store.chain_of(ANNA, secret(1)))
    for number in range(10, 10 + 2 * SECRETS_KEPT):
        store.propose_secret(ANNA, secret(number), 0)
    kept = [value for _, value in store.readable_secrets()]
    assert len(kept) == 2 + QUARANTINED_KEPT
    assert kept[-2:] == [secret(2), secret(1)]


def test_the_next_use_of_a_newer_proven_key_erases_what_waited(store: Store) -> None:
    store.propose_secret(ANNA, secret(2), 0)
    store.propose_secret(ANNA, secret(3), 0, chain=store.chain_of(ANNA, secret(1)))
    store.note_secret_used(ANNA, secret(3))
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
    store.note_secret_used(ANNA, secret(2))
    assert store.writable_secret(ANNA) == secret(2)


def test_a_flood_of_proven_calls_keeps_the_key_that_was_confirmed(store: Store) -> None:
    store.propose_secret(ANNA, secret(2), 0)
    store.confirm_secret(ANNA, secret(2))
    for number in range(10, 10 + 2 * SECRETS_KEPT):
        store.propose_secret(ANNA, secret(number), 0, chain=store.chain_of(ANNA, secret(1)))
    assert store.proves(ANNA, secret(2))
    assert store.keyed(ANNA)


def test_a_key_that_was_only_proposed_quarantines_nothing(store: Store) -> None:
    bob = NodeId(b"bob".ljust(32))
    store.save_contact(Contact(name="bob", node=bob, created=0))
    store.propose_secret(bob, secret(1), 0)
    assert not store.keyed(bob)
    assert store.propose_secret(bob, secret(2), 0)


def test_what_was_agreed_with_a_node_before_it_was_saved_proves_nothing(store: Store) -> None:
    """It doesn't matter how the node is saved: by a card, a node id, or a name that leads there now."""
    bob = NodeId(b"bob".ljust(32))
    for number in range(10, 10 + 2 * QUARANTINED_KEPT):
        store.propose_secret(bob, secret(number), 0)
        store.commit_secret(bob, secret(number))
    store.add_contact(Contact(name="bob", node=bob, created=0))
    assert store.writable_secret(bob) is None
    assert not store.keyed(bob)
    waiting = store.quarantined_secrets(bob)
    assert waiting == [secret(number) for number in range(9 + 2 * QUARANTINED_KEPT, 9 + QUARANTINED_KEPT, -1)]
    assert store.confirm_secret(bob, waiting[0])
    assert store.writable_secret(bob) == waiting[0]


def test_what_was_agreed_in_the_call_in_which_they_are_saved_is_theirs_at_once(store: Store) -> None:
    bob = NodeId(b"bob".ljust(32))
    for number in (10, 11):  # the first was somebody else at their address
        store.propose_secret(bob, secret(number), 0)
        store.commit_secret(bob, secret(number))
    contact = Contact(name="bob", node=bob, created=0)
    store.add_contact(contact, agreed=Agreed([secret(11)]))
    assert store.writable_secret(bob) == secret(11)
    assert store.quarantined_secrets(bob) == [secret(10)]
    store.add_contact(contact)
    assert store.writable_secret(bob) == secret(11), "saved again, with a new name or card"


def test_a_name_that_leads_to_another_node_takes_no_key_from_there(store: Store) -> None:
    new = NodeId(b"new".ljust(32))
    store.propose_secret(new, secret(10), 0)
    store.commit_secret(new, secret(10))
    contact = store.contact_named("anna")
    assert contact is not None
    answer = NamedNode(new, "azero", "anna.azero", 0, from_memory=False)
    store.follow_name(KeptName(answer), msgspec.structs.replace(contact, node=new))
    assert store.writable_secret(new) is None
    assert store.quarantined_secrets(new) == [secret(10)]


@pytest.mark.parametrize(
    ("agreed", "there", "counts"),
    [
        ([11], [11], [11]),
        ([10, 11], [10, 11], [10, 11]),  # the call was made with the first key
        ([11], [10, 11], []),  # somebody else's call, before or after
        ([], [10], []),  # a call without any agreement, as with another program
        (None, [10], [10]),  # the program has started again since
        (None, [10, 11], []),
    ],
)
def test_if_the_owner_doesnt_say_in_which_call_they_save_somebody_there_must_be_one_only(
    store: Store, agreed: list[int] | None, there: list[int], counts: list[int]
) -> None:
    for number in there:
        store.propose_secret(BOB, secret(number), 0)
        store.commit_secret(BOB, secret(number))
    secrets = None if agreed is None else [*map(secret, agreed)]
    store.add_contact(Contact(name="bob", node=BOB, created=0), agreed=Agreed(secrets, sure=False))
    assert sorted(store.secrets_of(BOB)) == sorted(map(secret, counts))
    assert len(store.quarantined_secrets(BOB)) == len(there) - len(counts)


def ended(number: int, *, proven: bool = False) -> CallRecord:
    """A call with Bob's node that had connected."""
    return CallRecord(
        reference=bytes([number]) * 8,
        peer=BOB,
        role="callee",
        media=Media.AUDIO,
        started=number,
        connected=number,
        ended=number + 1,
        reason="hung-up",
        proven=proven,
    )


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("other", ["is over", "is up", "proved itself", "was long ago"])
def test_a_call_in_which_nothing_was_agreed_is_another_call_with_that_node_all_the_same(
    store: Store, known: bool, other: str
) -> None:
    store.propose_secret(BOB, secret(10), 0)
    store.commit_secret(BOB, secret(10))
    store.end_call(ended(1))
    match other:
        case "is over":
            store.end_call(ended(2))
        case "is up":
            store.save_call(
                RunningCall(reference=bytes(8), peer=BOB, role="callee", media=Media.AUDIO, started=0, secret=b"")
            )
        case "proved itself":
            store.end_call(ended(2, proven=True))
        case _:
            with store.transaction():
                for _ in range(CALLS_LOGGED):
                    store.end_call(replace(ended(3), peer=ANNA))
    agreed = Agreed([secret(10)] if known else None, sure=False)
    store.add_contact(Contact(name="bob", node=BOB, created=0), agreed=agreed)
    assert store.proves(BOB, secret(10)) is (other == "proved itself")


ORDERS = [*itertools.permutations(["commit 10", "commit 11", "use 10", "use 11"])]


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_of_two_calls_that_proved_nothing_one_gives_the_first_key_and_the_other_proves_nothing(
    store: Store, order: tuple[str, ...]
) -> None:
    """Either of the two other sides may hold its messages back."""
    bob = NodeId(b"bob".ljust(32))
    store.save_contact(Contact(name="bob", node=bob, created=0))
    for number in (10, 11):
        store.propose_secret(bob, secret(number), 0)
    first = int(order[0].split()[1])
    other = 21 - first
    for each in order:
        what, of_call = each.split()
        (store.commit_secret if what == "commit" else store.note_secret_used)(bob, secret(int(of_call)))
        assert store.proves(bob, secret(first))
        assert not store.proves(bob, secret(other))
        assert store.writable_secret(bob) == secret(first)


def agreed_with_bob(store: Store, *numbers: int, chain: int = NO_CHAIN) -> None:
    for number in numbers:
        store.propose_secret(BOB, secret(number), 0, chain=chain)
        store.commit_secret(BOB, secret(number))


def test_who_is_saved_later_from_a_call_with_compared_words_has_the_key_of_that_call_alone(store: Store) -> None:
    agreed_with_bob(store, 10, 11)
    store.words_match(BOB, FIRST, secret(10))
    assert store.compared_secrets(BOB, FIRST) == [secret(10)]
    assert store.compared_secrets(BOB, SECOND) == []
    assert store.compared_secrets(ANNA, FIRST) == []
    store.add_contact(Contact(name="bob", node=BOB, created=0), agreed=Agreed(store.compared_secrets(BOB, FIRST)))
    assert store.writable_secret(BOB) == secret(10)
    assert store.quarantined_secrets(BOB) == [secret(11)]


def test_a_later_call_of_whose_words_were_compared_is_theirs_as_well(store: Store) -> None:
    """The other side has saved the owner and needs one link. The first key is erased once the second was used."""
    agreed_with_bob(store, 10)
    store.words_match(BOB, FIRST, secret(10))
    chain = store.chain_of(BOB, secret(10))
    agreed_with_bob(store, 11, chain=chain)
    store.keep_continued(BOB, SECOND, chain)
    store.note_secret_used(BOB, secret(11))
    assert store.compared_secrets(BOB, FIRST) == store.compared_secrets(BOB, SECOND) == [secret(11)]
    agreed_with_bob(store, 12)
    store.keep_continued(BOB, THIRD, store.chain_of(BOB, secret(12)))
    assert store.compared_secrets(BOB, THIRD) == [], "nothing joins it to the others"


def test_compared_words_prove_nothing_any_more_once_that_node_was_saved_from_elsewhere(store: Store) -> None:
    agreed_with_bob(store, 10)
    store.words_match(BOB, FIRST, secret(10))
    store.add_contact(Contact(name="bob", node=BOB, created=0))
    assert store.compared_secrets(BOB, FIRST) == []
    assert not store.words_matched(BOB, FIRST, secret(10))
    store.remove_contact("bob")
    agreed_with_bob(store, 11)
    assert store.compared_secrets(BOB, FIRST) == [], "what is agreed later is another chain"


def test_of_calls_with_compared_words_the_latest_are_kept(store: Store) -> None:
    agreed_with_bob(store, 10)
    for number in range(COMPARED_KEPT + 2):
        store.words_match(BOB, number.to_bytes(8, "big"), secret(10))
    kept = [number for number in range(COMPARED_KEPT + 2) if store.compared_secrets(BOB, number.to_bytes(8, "big"))]
    assert kept == list(range(2, COMPARED_KEPT + 2))


def test_the_words_of_a_contacts_first_call_make_its_key_their_first(store: Store) -> None:
    """This holds before the other side has confirmed the key, too: a key from another call waits meanwhile."""
    store.save_contact(Contact(name="bob", node=BOB, created=0))
    for number in (10, 11):
        store.propose_secret(BOB, secret(number), 0)
    store.words_match(BOB, FIRST, secret(10))
    assert store.words_matched(BOB, FIRST, secret(10))
    assert store.quarantined_secrets(BOB) == [secret(11)]
    assert not store.propose_secret(BOB, secret(12), 0)


def test_the_words_of_a_call_without_the_contacts_key_take_its_place(store: Store) -> None:
    store.propose_secret(ANNA, secret(2), 0)
    store.words_match(ANNA, FIRST, secret(2))
    assert [value for node, value in store.readable_secrets() if node == ANNA] == [secret(2)]
    assert store.words_matched(ANNA, FIRST, secret(2))
    assert not store.words_matched(ANNA, SECOND, secret(1))
