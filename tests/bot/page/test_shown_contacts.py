"""The contact book for the page, also a long one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from bot.page.shown_contacts import PIECE, ShownContacts
from shared.contacts import Contact, Trust
from shared.node_id import NodeId
from shared.store import Store

MANY = 10 * PIECE


def contact(number: int) -> Contact:
    return Contact(name=f"friend-{number:04d}", node=NodeId(number.to_bytes(32)), trust=Trust.RING, created=0)


async def turns_while_reading(shown: ShownContacts) -> int:
    """How often another task runs meanwhile."""
    turns = 0

    async def something_else() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(something_else())
    await shown.read()
    other.cancel()
    return turns


async def test_everything_else_has_its_turn_while_a_long_book_is_read(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        for number in range(MANY):
            store.save_contact(contact(number))
        shown = ShownContacts(store)
        for _ in range(2):
            assert await turns_while_reading(shown) >= MANY // PIECE


async def test_only_who_has_changed_is_made_again(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        for number in range(4):
            store.save_contact(contact(number))
        shown = ShownContacts(store)
        before = await shown.read()
        assert [each.name for each in before] == [contact(number).name for number in range(4)]
        store.rename_contact(contact(1).name, "zoe")
        store.save_contact(msgspec.structs.replace(contact(2), trust=Trust.AUTO))
        store.propose_secret(contact(3).node, bytes(32), 0)
        store.commit_secret(contact(3).node, bytes(32))
        after = await shown.read()
        assert [(each.name, each.trust, each.paired) for each in after] == [
            (contact(0).name, "ring", False),
            (contact(2).name, "auto", False),
            (contact(3).name, "ring", True),
            ("zoe", "ring", False),
        ]
        assert after[0] is before[0]
        store.doubt_secrets(contact(3).node)
        assert not (await shown.read())[2].paired


async def test_an_entry_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        for number in range(3):
            store.save_contact(contact(number))
        with store.transaction() as database:
            database.execute("UPDATE contacts SET value = x'00' WHERE node = ?", (contact(1).node.key,))
        assert [each.name for each in await ShownContacts(store).read()] == [contact(0).name, contact(2).name]
