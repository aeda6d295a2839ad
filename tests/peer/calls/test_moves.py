"""A notice of a new node id is kept for the owner if the contact's own key proves it, and is refused otherwise."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from bot.assistant import moving
from bot.texts import contacts as contact_texts
from bot.texts import page
from peer.calls.moves import MovedLink
from peer.calls.reading import Reading
from shared.contacts import Trust
from shared.errors import InputError
from shared.links.kinds import MAX_CLOCK_AHEAD
from shared.links.moved import seal_move
from shared.node_id import NodeId
from shared.reasons import Reason
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, node

KEY = b"k" * 32
QUARANTINED = b"q" * 32
NEW = NodeId(b"new".ljust(32))
NEWER = NodeId(b"newer".ljust(32))
HERS = NodeId(b"anna".ljust(32))


@dataclass
class Scene:
    """Ben, who shares a key with anna."""

    ben: Node

    async def hears(self, new: NodeId = NEW, *, secret: bytes = KEY, later: int = 0) -> Reading:
        """Let Ben read a notice that is dated this many seconds after now."""
        token = seal_move(new, int(self.ben.now) + later, secret=secret, nonce=bytes(12))
        return await self.ben.reads(token.token)

    @property
    def announced(self) -> NodeId | None:
        """The announced node id that waits for the owner."""
        contact = self.ben.store.contact_named("anna")
        assert contact is not None
        return contact.announced


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        ben.knows(anna, key=KEY)
        assert not ben.store.propose_secret(anna.id, QUARANTINED, 0)
        yield Scene(ben)


async def test_the_latest_notice_waits_for_the_owner_and_earlier_ones_dont_come_back(scene: Scene) -> None:
    reading = await scene.hears(NEW, later=-20)
    assert reading.moved is not None
    assert (scene.announced, reading.moved.node) == (NEW, scene.ben.store.contacts()[0].node)
    assert (await scene.hears(NEWER, later=-10)).moved is not None
    for new, later in ((NEW, -20), (NEW, -15), (NEWER, -10)):
        assert (await scene.hears(new, later=later)).reason is Reason.ALREADY_USED
    assert scene.announced == NEWER


@pytest.mark.parametrize(
    ("new", "secret", "later", "reason"),
    [
        (NEW, b"x" * 32, 0, Reason.UNKNOWN_CALLER),
        (NEW, QUARANTINED, 0, Reason.UNPROVEN),
        (NEW, KEY, MAX_CLOCK_AHEAD + 60, Reason.CLOCK),
        (HERS, KEY, 0, Reason.ALREADY_USED),
        (NodeId(b"ben".ljust(32)), KEY, 0, Reason.ALREADY_USED),
    ],
    ids=["no key", "a key that isn't confirmed", "from the future", "her node already", "our own node"],
)
async def test_a_notice_that_proves_nothing_new_changes_nothing(
    scene: Scene, new: NodeId, secret: bytes, later: int, reason: Reason
) -> None:
    reading = await scene.hears(new, secret=secret, later=later)
    assert (reading.reason, reading.moved, scene.announced) == (reason, None, None)


async def test_a_blocked_contact_announces_nothing(scene: Scene) -> None:
    (contact,) = scene.ben.store.contacts()
    scene.ben.store.save_contact(msgspec.structs.replace(contact, trust=Trust.BLOCK))
    assert (await scene.hears()).reason is Reason.BLOCKED
    assert scene.announced is None


async def test_many_notices_of_one_contact_are_too_many(scene: Scene) -> None:
    readings = [await scene.hears(later=number - 100) for number in range(60)]
    assert sum(reading.moved is not None for reading in readings) <= 40
    assert sum(reading.dropped is not None for reading in readings) == 1


async def test_the_key_goes_along_and_another_contacts_node_stays_theirs(scene: Scene) -> None:
    store = scene.ben.store
    (contact,) = store.contacts()
    store.propose_secret(NEW, b"s" * 32, 0)  # somebody called from that node before
    store.save_contact(msgspec.structs.replace(contact, name="carol", node=NEWER))
    with pytest.raises(InputError):
        store.move_contact(contact, NEWER)
    assert store.contact_of(contact.node) == contact
    store.move_contact(contact, NEW)
    assert store.contact_of(contact.node) is None
    assert store.proves(NEW, KEY)
    assert not store.proves(NEW, QUARANTINED)
    assert not store.proves(NEW, b"s" * 32)
    assert [secret for holder, secret in store.readable_secrets() if holder == contact.node] == []


async def test_what_was_allowed_to_the_old_node_is_not_allowed_to_the_new_one(scene: Scene) -> None:
    store = scene.ben.store
    (contact,) = store.contacts()
    allowed = msgspec.structs.replace(
        contact, trust=Trust.AUTO, unproven=True, classic=True, files=True, program="classic"
    )
    store.save_contact(allowed)
    await scene.hears()
    moved = moving.accept(store, "anna")
    assert moved == store.contact_of(NEW)
    assert (moved.trust, moved.unproven, moved.classic, moved.files) == (Trust.RING, False, False, False)
    assert moved.program == "classic"


async def test_what_the_owner_does_in_the_moment_of_a_notice_stays(scene: Scene) -> None:
    (contact,) = scene.ben.store.contacts()
    blocked = msgspec.structs.replace(contact, trust=Trust.BLOCK)
    may_go_on = threading.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(scene.ben.writes.write(lambda _: may_go_on.wait(60)))
        tasks.create_task(scene.ben.writes.write(lambda store: store.save_contact(blocked)))
        reading = tasks.create_task(scene.hears())
        for _ in range(20):
            await asyncio.sleep(0)
        may_go_on.set()
    assert reading.result().reason is Reason.BLOCKED
    assert scene.ben.store.contacts() == [blocked]


async def test_a_notice_of_our_own_that_comes_back_is_not_the_contacts(scene: Scene) -> None:
    scene.ben.store.announce_own(NEW)
    assert (await scene.hears(NEW)).reason is Reason.ALREADY_USED
    assert scene.announced is None


async def test_what_is_accepted_is_the_node_that_the_owner_was_shown(scene: Scene) -> None:
    await scene.hears(NEW, later=-20)
    for other in (NEWER.short, str(NEW)[:7]):
        with pytest.raises(InputError, match="hasn't announced"):
            moving.accept(scene.ben.store, "anna", other)
    assert moving.accept(scene.ben.store, "anna", NEW.short.upper()).node == NEW


@pytest.mark.parametrize("accepted", [NEW, NEWER])
async def test_of_several_nodes_that_were_announced_none_is_accepted_without_its_whole_id(
    scene: Scene, accepted: NodeId
) -> None:
    """A thief of the key writes a notice after the contact's own notice, or before it."""
    await scene.hears(NEW, later=-20)
    await scene.hears(NEWER, later=-10)
    await scene.hears(NEWER, later=-5)
    for said in ("", NEW.short, NEWER.short):
        with pytest.raises(InputError, match="stolen"):
            moving.accept(scene.ben.store, "anna", said)
    moved = moving.accept(scene.ben.store, "anna", str(accepted))
    assert (moved.node, moved.announced, moved.announced_before) == (accepted, None, ())


async def test_an_older_notice_of_another_node_shows_that_the_key_is_stolen(scene: Scene) -> None:
    """The thief's notice has a time in the future, or is read first."""
    await scene.hears(NEWER, later=MAX_CLOCK_AHEAD - 10)
    reading = await scene.hears(NEW)
    assert reading.moved is not None
    assert (reading.moved.announced, reading.moved.announced_before) == (NEWER, (NEW,))
    with pytest.raises(InputError, match="stolen"):
        moving.accept(scene.ben.store, "anna", NEWER.short)
    assert (await scene.hears(NEW)).reason is Reason.ALREADY_USED
    assert moving.accept(scene.ben.store, "anna", str(NEW)).node == NEW


@pytest.mark.parametrize(("hers", "thiefs"), [(0, 60), (60, 0)], ids=["hers is older", "hers is later"])
@pytest.mark.parametrize("first", ["hers", "the thief's"])
async def test_each_notice_is_about_the_node_that_it_names_and_the_page_then_accepts_none(
    scene: Scene, hers: int, thiefs: int, first: str
) -> None:
    notices = [(NEW, hers), (NEWER, thiefs)]
    for new, later in notices if first == "hers" else notices[::-1]:
        reading = await scene.hears(new, later=later)
        assert reading.moved is not None
        assert reading.moved_to == new
        moved = reading.moved
    other = NEWER if new is NEW else NEW
    assert moved.other_announced(new) == {other}
    said = contact_texts.announced(moved, new)
    assert str(new) in said.sentence
    assert str(other) not in said.sentence
    assert "somebody has anna's key" in said.sentence
    (contact,) = scene.ben.store.contacts()
    link = MovedLink(contact.node, new, later, KEY, proven=True)
    assert "this page accepts neither" in page.explained_move(link, contact)
