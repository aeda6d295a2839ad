"""A contact announces a new node id with a link that the key proves. It counts once the owner accepts it."""

from __future__ import annotations

import signal
from pathlib import Path

from bot.kinds import Kind
from shared.contacts import Trust
from tests.bot.console import Person, connect, hang_up, people


async def with_a_new_node(person: Person) -> str:
    """Lose the overlay's key, and start the program with another one. Returns the old node id."""
    before = person.node
    assert await person.signalled(signal.SIGTERM) == 0
    (person.home / "node.key").unlink()
    await person.begin("--new-node")
    assert person.node != before
    return before


async def test_a_new_node_id_is_told_by_a_link_and_counts_once_it_is_accepted(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        before = await with_a_new_node(anna)
        # Bob calls the old node. Anna can't read that, and reads why.
        bob.write("/call anna")
        assert "/contact tell bob" in await anna.told(kind=Kind.LINK_KEY_UNKNOWN)
        bob.write("/hangup")
        await bob.call("ended")
        anna.write("/contact tell bob")
        said = await bob.told(anna.node, kind=Kind.CONTACT_ANNOUNCED)
        assert "Nothing changes until you accept" in said
        with bob.store() as store:
            contact = store.contact_named("anna")
            assert contact is not None
            assert (str(contact.node), contact.trust) == (before, Trust.AUTO)
        # The same link again says nothing new, and a link of anna's program now rings as a stranger's.
        link = next(post["text"] for _, post in reversed(bob.chat.posts) if post["kind"] == Kind.LINK_MOVED)
        assert await bob.after(link, sender="anna") == []
        anna.write("/call bob")
        await bob.told(kind=Kind.STRANGER_RINGS)
        bob.write("/decline")
        await bob.call("ended")
        anna.write("/hangup")
        await anna.call("ended")
        assert "files wait for you, until you say otherwise" in await bob.asked(
            "/contact move anna", kind=Kind.CONTACT_MOVED
        )
        with bob.store() as store:
            contact = store.contact_named("anna")
            assert contact is not None
            assert (str(contact.node), contact.trust, contact.announced) == (anna.node, Trust.RING, None)
        # One link is enough at once. Bob's side calls first: his key proves him to anna.
        for caller, callee in ((bob, anna), (anna, bob)):
            link_of_call = await connect(caller, callee, answer=f"/answer {caller.name}")
            assert len(link_of_call["token"]) == 64
            await hang_up(caller, callee)


async def test_a_notice_can_be_written_and_accepted_at_the_command_line(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await with_a_new_node(anna)
        code, link, _ = await anna.cli("contacts", "tell", "bob")
        assert code == 0
        code, _, errors = await bob.cli("contacts", "move", "anna")
        assert code == 1
        assert "error: There is no new node id of anna to accept." in errors
        bob.write(link)
        await bob.told(kind=Kind.CONTACT_ANNOUNCED)
        code, moved, _ = await bob.cli("contacts", "move", "anna")
        assert code == 0
        assert "anna's calls ring, and files wait for you, until you say otherwise" in moved
