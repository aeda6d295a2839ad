"""Names: the chain of resolvers, and the contact book as one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from shared.contacts import Contact
from shared.errors import InputError, OverlayDown
from shared.names import NamedNode
from shared.names.book import ContactBook
from shared.names.chain import ResolverChain
from shared.node_id import NodeId
from shared.store import Store


def node(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


class Table:
    """A resolver with fixed answers or errors that keeps the questions."""

    def __init__(self, **known: NodeId | Exception) -> None:
        self.known = known
        self.asked: list[str] = []

    async def resolve(self, name: str) -> NamedNode | None:
        self.asked.append(name)
        found = self.known.get(name)
        if isinstance(found, Exception):
            raise found
        if found is None:
            return None
        return NamedNode(node=found, source="table", name=name, at=1, from_memory=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "copybara.db") as store:
        store.save_contact(Contact(name="Anna", node=node(1), created=100, resolves_as=("anna.azero", "both.azero")))
        store.save_contact(Contact(name="Bob", node=node(2), created=200, resolves_as=("both.azero",)))
        yield store


async def test_the_first_that_knows_a_name_answers() -> None:
    first, second, third = Table(a=node(1)), Table(a=node(2), b=node(3)), Table(b=node(4))
    chain = ResolverChain([first, second, third])
    for name, expected in (("a", node(1)), ("b", node(3))):
        answer = await chain.resolve(name)
        assert answer is not None
        assert answer.node == expected
    assert third.asked == []


async def test_a_name_that_nobody_knows_has_no_answer() -> None:
    assert await ResolverChain([Table(), Table()]).resolve("a") is None
    assert await ResolverChain([]).resolve("a") is None


async def test_a_resolver_that_cannot_tell_is_passed_over() -> None:
    answer = await ResolverChain([Table(a=OverlayDown()), Table(a=node(1))]).resolve("a")
    assert answer is not None
    assert answer.node == node(1)


async def test_if_nobody_else_knows_it_the_first_failure_is_told() -> None:
    first, second = OverlayDown("first"), OverlayDown("second")
    with pytest.raises(OverlayDown, match="first"):
        await ResolverChain([Table(a=first), Table(a=second), Table()]).resolve("a")


async def test_a_name_with_two_meanings_is_not_settled_by_a_later_resolver() -> None:
    later = Table(a=node(1))
    with pytest.raises(InputError):
        await ResolverChain([Table(a=InputError("two")), later]).resolve("a")
    assert later.asked == []


async def test_a_chain_is_a_resolver_itself() -> None:
    answer = await ResolverChain([ResolverChain([Table()]), Table(a=node(1))]).resolve("a")
    assert answer is not None
    assert answer.node == node(1)


@pytest.mark.parametrize("name", ["Anna", "ANNA", "anna.azero", "Anna.AZERO"])
async def test_the_book_knows_a_contacts_name_and_what_it_resolves_from(store: Store, name: str) -> None:
    assert await ContactBook(store).resolve(name) == NamedNode(
        node=node(1), source="contacts", name=name, at=100, from_memory=False
    )


@pytest.mark.parametrize("name", ["Ann", "", "copybara.azero", "\ud800", "x" * 10_000])
async def test_the_book_does_not_know_other_names(store: Store, name: str) -> None:
    assert await ContactBook(store).resolve(name) is None


async def test_the_book_does_not_choose_between_two_contacts(store: Store) -> None:
    with pytest.raises(InputError, match="several contacts: Anna and Bob"):
        await ContactBook(store).resolve("both.azero")


async def test_a_contacts_own_name_goes_before_what_others_resolve_from(store: Store) -> None:
    anna = store.contact_named("Anna")
    assert anna is not None
    store.save_contact(msgspec.structs.replace(anna, resolves_as=("bob",)))
    answer = await ContactBook(store).resolve("bob")
    assert answer is not None
    assert answer.node == node(2)


async def test_the_book_sees_what_was_saved_since(store: Store) -> None:
    book = ContactBook(store)
    store.rename_contact("Anna", "Bella")
    assert await book.resolve("Anna") is None
    answer = await book.resolve("Bella")
    assert answer is not None
    assert answer.node == node(1)
