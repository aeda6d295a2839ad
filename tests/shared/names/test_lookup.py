"""Names, compared with what is known about them: contacts, stored answers, and decisions of the owner."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.assistant import contact_names as name_book
from bot.assistant import contacts as book
from shared.contacts import Contact, Trust
from shared.errors import (
    ConfusingName,
    CopybaraError,
    InputError,
    NameHeld,
    NameNotFound,
    NamesUnreachable,
    NoNodeRecord,
)
from shared.links.card import Card
from shared.names.azero import AzeroId, Network
from shared.names.endings import has_known_ending
from shared.names.lookup import SystemNames
from shared.names.trace import Trace
from shared.node_id import NodeId
from shared.store import Store
from tests.shared.names.chain import GENESIS, OWNER, REGISTRY, ROUTER, Chain, Name

OLD, NEW, THIRD = (NodeId(bytes([number]) * 32) for number in (1, 2, 3))
CARD = Card(node=OLD, sealing_key=bytes(range(32)), telegram_bot="anna_bot")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "copybara.db") as store:
        yield store


@pytest.fixture
async def chain() -> AsyncIterator[Chain]:
    async with Chain({"anna": Name({"staex-id": str(OLD)})}).running() as chain:
        yield chain


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


def names(store: Store, chain: Chain | None, **options: Any) -> SystemNames:
    """Without a chain, no server answers."""
    rpc = (chain.url,) if chain else ()
    azero = AzeroId(Network(rpc, GENESIS, ROUTER, {"azero": REGISTRY}), seconds=2.0)
    return SystemNames([azero], store, clock=CLOCK, **options)


async def fails(resolver: SystemNames, name: str = "anna.azero") -> CopybaraError:
    with pytest.raises(CopybaraError) as caught:
        await resolver.resolve(name)
    return caught.value


def contact(store: Store, name: str, node: NodeId, *, alias: str = "", trust: Trust = Trust.RING) -> Contact:
    contact = Contact(name=name, node=node, trust=trust, resolves_as=(alias,) if alias else (), created=1)
    store.save_contact(contact)
    return contact


async def test_a_name_is_looked_up_and_kept(store: Store, chain: Chain) -> None:
    answer = await names(store, chain).resolve("  Anna.AZERO ")
    assert answer is not None
    assert (answer.node, answer.source, answer.name, answer.from_memory) == (OLD, "AZERO.ID", "anna.azero", False)
    assert (answer.at, answer.owner) == (int(CLOCK.now), OWNER)
    kept = store.kept_name("anna.azero")
    assert kept is not None
    assert kept.answer == answer


@pytest.mark.parametrize("name", ["anna", "anna.example", ".azero", "azero", "", "anna.azero.", "a@b.com"])
async def test_other_names_are_left_to_others(store: Store, chain: Chain, name: str) -> None:
    assert not has_known_ending(name)
    assert await names(store, chain).resolve(name) is None


async def test_what_is_kept_is_used_when_nobody_answers_and_said_so(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    answer = await names(store, None).resolve("anna.azero")
    assert answer is not None
    assert (answer.node, answer.from_memory) == (OLD, True)
    assert answer.why == "No server of Aleph Zero is configured."


async def test_what_is_kept_is_used_when_the_contract_is_gone(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    chain.gone = {REGISTRY, ROUTER}
    answer = await names(store, chain).resolve("anna.azero")
    assert answer is not None
    assert answer.from_memory


async def test_a_fresh_look_up_does_not_fall_back(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    error = await fails(names(store, None, from_memory=False))
    assert type(error) is NamesUnreachable
    assert str(OLD) in error.hint


async def test_a_name_that_was_never_looked_up_has_nothing_to_fall_back_to(store: Store) -> None:
    assert type(await fails(names(store, None))) is NamesUnreachable


async def test_within_a_while_the_kept_answer_is_repeated_without_asking(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    chain.names["anna"].records["staex-id"] = str(NEW)
    chain.reads.clear()
    trace = Trace()
    answer = await names(store, chain, reuse=600, trace=trace).resolve("anna.azero")
    assert answer is not None
    assert (answer.node, answer.from_memory, chain.reads) == (OLD, True, [])
    assert [step.what for step in trace.steps] == ["use what is kept"]
    assert type(await fails(names(store, chain, reuse=0))) is NameHeld


async def test_a_changed_record_is_held_with_both_values_and_stays_held(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    chain.names["anna"].records["staex-id"] = str(NEW)
    for resolver in (names(store, chain), names(store, chain), names(store, None), names(store, chain, reuse=600)):
        error = await fails(resolver)
        assert isinstance(error, NameHeld)
        assert (error.before, error.now) == (str(OLD), str(NEW))


async def test_the_old_record_again_lifts_the_hold(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    chain.names["anna"].records["staex-id"] = str(NEW)
    await fails(names(store, chain))
    chain.names["anna"].records["staex-id"] = str(OLD)
    assert await names(store, chain).resolve("anna.azero")
    with pytest.raises(NameNotFound):
        name_book.follow(store, "anna.azero")


@pytest.mark.parametrize(("name", "alias"), [("anna", "Anna.AZERO"), ("anna.azero", "")])
async def test_another_node_than_the_contacts_is_held(store: Store, chain: Chain, name: str, alias: str) -> None:
    contact(store, name, NEW, alias=alias)
    error = await fails(names(store, chain))
    assert isinstance(error, NameHeld)
    assert (error.before, error.now) == (str(NEW), str(OLD))


async def test_the_owner_follows_and_the_contact_moves_without_its_keys_and_its_trust(
    store: Store, chain: Chain
) -> None:
    await names(store, chain).resolve("anna.azero")
    contact(store, "anna", OLD, alias="anna.azero", trust=Trust.AUTO)
    allowed = store.contact_named("anna")
    assert allowed is not None
    store.save_contact(msgspec.structs.replace(allowed, unproven=True, classic=True, files=True, program="classic"))
    store.propose_secret(OLD, bytes(32), 1)
    store.commit_secret(OLD, bytes(32))
    chain.names["anna"].records["staex-id"] = str(NEW)
    await fails(names(store, chain))
    name_book.follow(store, "ANNA.azero")
    moved = store.contact_named("anna")
    assert moved is not None
    assert (moved.node, moved.trust, moved.sealing_key) == (NEW, Trust.RING, None)
    assert (moved.unproven, moved.classic, moved.files, moved.program) == (False, False, False, "classic")
    assert store.readable_secrets() == []
    answer = await names(store, chain).resolve("anna.azero")
    assert answer is not None
    assert (answer.node, answer.refused) == (NEW, None)


async def test_the_owner_stays_and_is_told_at_each_call_but_not_asked_again(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    chain.names["anna"].records["staex-id"] = str(NEW)
    await fails(names(store, chain))
    name_book.stay(store, "anna.azero")
    answer = await names(store, chain).resolve("anna.azero")
    assert answer is not None
    assert (answer.node, answer.refused) == (OLD, NEW)
    chain.names["anna"].records["staex-id"] = str(THIRD)
    assert type(await fails(names(store, chain))) is NameHeld


async def test_following_to_another_contacts_node_is_refused_and_changes_nothing(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    contact(store, "anna", OLD, alias="anna.azero")
    contact(store, "bob", NEW)
    chain.names["anna"].records["staex-id"] = str(NEW)
    await fails(names(store, chain))
    with pytest.raises(InputError, match="bob"):
        name_book.follow(store, "anna.azero")
    assert type(await fails(names(store, chain))) is NameHeld


@pytest.mark.parametrize("command", [name_book.follow, name_book.stay])
def test_there_is_nothing_to_decide_about_other_names(store: Store, command: Any) -> None:
    with pytest.raises(NameNotFound, match="nothing to decide"):
        command(store, "anna.azero")


async def test_a_name_that_is_gone_is_not_called_from_memory(store: Store, chain: Chain) -> None:
    """The next person to register it is somebody else. The program says what it knew, and the owner may use that."""
    await names(store, chain).resolve("anna.azero")
    chain.names["anna"].records.clear()
    error = await fails(names(store, chain))
    assert type(error) is NoNodeRecord
    assert str(OLD) in error.hint
    contact(store, "anna", OLD, alias="anna.azero")
    del chain.names["anna"]
    assert (await fails(names(store, chain))).hint.endswith("/call anna calls them there.")


async def test_what_a_card_claims_is_not_enough_when_nobody_answers(store: Store) -> None:
    """Otherwise a card with another person's name on it would take that person's calls while the chain is down."""
    contact(store, "mallory", NEW, alias="anna.azero")
    error = await fails(names(store, None))
    assert type(error) is NamesUnreachable
    assert "/call mallory" in error.hint


async def test_the_owners_own_name_for_somebody_is_enough(store: Store) -> None:
    contact(store, "anna.azero", OLD)
    answer = await names(store, None).resolve("anna.azero")
    assert answer is not None
    assert (answer.node, answer.source, answer.from_memory) == (OLD, "contacts", True)


async def test_a_name_that_looks_like_a_known_one_is_pointed_out(store: Store, chain: Chain) -> None:
    await names(store, chain).resolve("anna.azero")
    contact(store, "mike", THIRD, alias="mike.azero")
    chain.names["ann-a"] = chain.names["rnike"] = Name({"staex-id": str(NEW)})
    for name, like in (("ann-a.azero", "anna.azero"), ("rnike.azero", "mike.azero"), ("anna.azero", "ann-a.azero")):
        answer = await names(store, chain).resolve(name)
        assert answer is not None
        assert answer.looks_like == like


async def test_a_name_made_to_look_like_another_is_not_asked_for(store: Store, chain: Chain) -> None:
    assert type(await fails(names(store, chain), "\u0430nna.azero")) is ConfusingName
    assert chain.reads == []


async def test_a_name_without_end_is_not_asked_for(store: Store, chain: Chain) -> None:
    assert "too long" in (await fails(names(store, chain), "x" * 10_000 + ".azero")).sentence


async def test_only_records_of_the_own_overlay_are_read(store: Store, chain: Chain) -> None:
    error = await fails(names(store, chain, records=("yggdrasil-key",)))
    assert error.sentence == "anna.azero has no record yggdrasil-key."


async def test_who_is_saved_after_a_look_up_gets_the_name_and_what_its_card_says(store: Store, chain: Chain) -> None:
    chain.names["anna"].records["copybara-card"] = CARD.token
    await names(store, chain).resolve("anna.azero")
    saved = book.add(store, "anna", book.Whom(OLD), own=None)
    assert saved.resolves_as == ("anna.azero",)
    assert (saved.sealing_key, saved.telegram_bot) == (CARD.sealing_key, "anna_bot")


async def test_another_card_for_the_same_node_is_not_used_until_the_owner_follows_it(
    store: Store, chain: Chain
) -> None:
    chain.names["anna"].records["copybara-card"] = CARD.token
    await names(store, chain).resolve("anna.azero")
    other = Card(node=OLD, sealing_key=bytes(32), telegram_bot="mallory_bot", telegram_user=7)
    chain.names["anna"].records["copybara-card"] = other.token
    for asked in (chain, None):
        answer = await names(store, asked).resolve("anna.azero")
        assert answer is not None
        assert (answer.card, answer.new_card) == (CARD.token, other.token)
    saved = book.add(store, "anna", book.Whom(OLD), own=None)
    assert (saved.sealing_key, saved.telegram_bot, saved.telegram_user) == (CARD.sealing_key, "anna_bot", None)
    store.propose_secret(OLD, bytes(32), 0)
    followed, moved = name_book.follow(store, "anna.azero")
    assert (followed.answer.card, moved) == (other.token, None)
    changed = store.contact_of(OLD)
    assert changed is not None
    assert (changed.sealing_key, changed.telegram_bot, changed.telegram_user) == (bytes(32), "mallory_bot", 7)
    assert store.readable_secrets() == [(OLD, bytes(32))], "the key that was agreed on stays"
    with pytest.raises(NameNotFound):
        name_book.follow(store, "anna.azero")
