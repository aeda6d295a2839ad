"""What a chat in which others can write instead of the owner changes for good: nothing that lets anybody in unasked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bot.assistant import contact_names, moving
from bot.assistant import contacts as book
from peer.calls.line_parts import Presented
from shared.contacts import Contact, Trust
from shared.errors import InputError
from shared.names import NamedNode
from shared.names.kept import KeptName
from shared.node_id import NodeId
from shared.store import Store

ANNA = NodeId(b"anna" * 8)
OTHER = NodeId(b"else" * 8)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Anna is a contact with a key and a name of a name system."""
    with Store(tmp_path / "store.db") as store:
        store.save_contact(Contact(name="anna", node=ANNA, resolves_as=("anna.azero",), created=1))
        store.propose_secret(ANNA, bytes(32), 1)
        store.commit_secret(ANNA, bytes(32))
        yield store


def test_files_are_taken_without_asking_only_if_that_was_said_where_nobody_else_writes(store: Store) -> None:
    with pytest.raises(InputError, match="put files on this computer") as refused:
        book.set_files(store, "anna", always=True, in_clear=True)
    assert "copybara contacts files anna always" in refused.value.hint
    assert not book.named(store, "anna").files
    book.set_files(store, "anna", always=True)
    book.set_files(store, "anna", always=False, in_clear=True)
    assert not book.named(store, "anna").files, "being asked again can be said anywhere"


def test_a_name_that_leads_elsewhere_gives_nobody_a_contacts_place_who_has_a_key(store: Store) -> None:
    def answer(node: NodeId) -> NamedNode:
        return NamedNode(node, "azero", "anna.azero", 1, from_memory=False)

    store.keep_name(KeptName(answer(ANNA), held=answer(OTHER)))
    with pytest.raises(InputError, match="whose key you don't have") as refused:
        contact_names.follow(store, "anna.azero", in_clear=True)
    assert "copybara resolve --follow anna.azero" in refused.value.hint
    assert store.keyed(ANNA)
    assert book.named(store, "anna").node == ANNA
    contact_names.follow(store, "anna.azero")
    assert book.named(store, "anna").node == OTHER


@pytest.mark.parametrize("in_clear", [True, False])
def test_a_contact_moved_there_is_let_into_the_room_once_their_words_are_compared(store: Store, in_clear: bool) -> None:
    store.save_contact(msgspec.structs.replace(book.named(store, "anna"), announced=OTHER, announced_at=1))
    moving.accept(store, "anna", in_clear=in_clear)
    contact = book.set_trust(store, "anna", Trust.AUTO, None)
    assert Presented.coming(contact, automatic=True).begins_off == in_clear
    book.compared(store, OTHER)
    assert not Presented.coming(store.contact_of(OTHER), automatic=True).begins_off
