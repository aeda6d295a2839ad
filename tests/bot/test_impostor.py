"""Somebody at a contact's overlay address, without the key that the contact shares with us.

It may be another user or container on the contact's machine, a thief of the overlay key, or the contact who has lost
their home. They can write requests in the contact's name and take the calls that answer them, and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from peer.calls.files.source_file import describe
from peer.overlay.loopback import KEY_FILE
from shared.contacts import Contact, Trust
from shared.files.records import KeptFile
from shared.node_id import NodeId
from tests.bot.console import Person, hang_up, people, ring
from tests.bot.stranger import forged
from tests.peer.handset.wire import wire_page


@contextlib.asynccontextmanager
async def with_impostor(
    friends: Path, tmp_path: Path, *others: str, config: str = ""
) -> AsyncIterator[tuple[Person, ...]]:
    """Bob, whose contact Anna isn't running, and a program at her address that has only her node id."""
    home = tmp_path / "impostor"
    home.mkdir(mode=0o700)
    shutil.copy(friends / "anna" / KEY_FILE, home / KEY_FILE)
    async with people(tmp_path, "bob", "impostor", *others, homes=friends, configs={"bob": config}) as everybody:
        yield tuple(everybody)


def keys_of_anna(bob: Person) -> tuple[bytes | None, list[bytes]]:
    """The key with which Bob writes to Anna, and all keys with which he reads her links."""
    with bob.store() as store:
        anna = contact_anna(bob).node
        return store.writable_secret(anna), [secret for node, secret in store.readable_secrets() if node == anna]


def contact_anna(bob: Person) -> Contact:
    with bob.store() as store:
        anna = store.contact_named("anna")
    assert anna is not None
    return anna


async def test_a_request_in_a_trusted_contacts_name_rings_as_unproven(friends: Path, tmp_path: Path) -> None:
    async with with_impostor(friends, tmp_path) as (bob, impostor):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        impostor.write(f"/call {bob.node}")
        warning = await bob.told(kind="call.unproven-rings")
        assert "says it is anna, but doesn't have the key you share" in warning
        (call,) = (await bob.status())["calls"]
        assert (call["state"], call["with"], call["proven"], call["automatic"]) == ("ringing", "anna", False, False)
        bob.write("/decline")
        await bob.call("ended", reason="declined")


async def test_a_sealed_request_in_a_trusted_contacts_name_proves_no_more_than_an_open_one(
    friends: Path, tmp_path: Path
) -> None:
    """Anyone who has the callee's card can seal. HPKE's base mode authenticates no sender (RFC 9180, section 5.1.1)."""
    async with with_impostor(friends, tmp_path) as (bob, impostor):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        before = keys_of_anna(bob)
        bob.write("/card")
        card = await bob.posted("owner", kind="card.own")
        impostor.write(f"/call {card['token']}")
        assert len((await impostor.posted("chat"))["token"]) not in (64, 128)  # neither paired nor open
        warning = await bob.told(kind="call.unproven-rings")
        assert "says it is anna, but doesn't have the key you share" in warning
        (call,) = (await bob.status())["calls"]
        assert (call["state"], call["with"], call["proven"], call["automatic"]) == ("ringing", "anna", False, False)
        bob.write("/answer")
        assert "/contact confirm anna" in await bob.told(kind="call.words")
        await asyncio.gather(bob.media(), impostor.media())
        await hang_up(impostor, bob)
        writes, reads = keys_of_anna(bob)
        assert writes == before[0]
        assert set(before[1]) <= set(reads)


async def test_what_is_agreed_with_an_impostor_leaves_the_contacts_key_alone(friends: Path, tmp_path: Path) -> None:
    async with with_impostor(friends, tmp_path) as (bob, impostor):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        before = keys_of_anna(bob)
        for whom in (bob.node, "bob"):  # the second time it writes with the secret from the first call
            impostor.write(f"/call {whom}")
            assert len((await impostor.posted("chat"))["token"]) == (64 if whom == "bob" else 128)
            await bob.told(kind="call.unproven-rings")
            bob.write("/answer")
            assert "/contact confirm anna" in await bob.told(kind="call.words")
            await asyncio.gather(bob.media(), impostor.media())
            await hang_up(impostor, bob)
            await impostor.asked("/contact add bob", kind="contact.saved")
        assert "Several calls" in await bob.asked("/contact confirm anna", kind="error.nothing-to-confirm")
        writes, reads = keys_of_anna(bob)
        assert writes == before[0]
        assert set(before[1]) <= set(reads)
        impostor.write("/call bob")
        await bob.told(kind="call.unproven-rings")
        bob.write("/decline")
        await bob.call("ended", reason="declined")
        assert await impostor.signalled(signal.SIGINT) == 0
        anna = Person("anna", tmp_path, bob.chat)
        shutil.copytree(friends / "anna", anna.home)
        await anna.begin()
        anna.write("/call bob")
        assert len((await anna.posted("chat"))["token"]) == 64
        await bob.told(kind="call.answered-automatically")
        await asyncio.gather(anna.media(), bob.media())
        await hang_up(anna, bob)
        assert await anna.signalled(signal.SIGINT) == 0


async def test_a_contact_who_lost_their_home_gets_back_in_by_comparing_the_words(friends: Path, tmp_path: Path) -> None:
    async with with_impostor(friends, tmp_path) as (bob, anna):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        lost = keys_of_anna(bob)[0]
        assert "no new key" in await bob.asked("/contact confirm anna", kind="error.nothing-to-confirm")
        anna.write(f"/call {bob.node}")
        await bob.told(kind="call.unproven-rings")
        bob.write("/answer")
        here, there = await asyncio.gather(*(person.told(kind="call.words") for person in (bob, anna)))
        words = there.partition(": ")[2].splitlines()[0]
        assert words in here
        await asyncio.gather(bob.media(), anna.media())
        await hang_up(anna, bob)
        await anna.asked("/contact add bob", kind="contact.saved")
        # The only words that wait may not be those that were compared.
        assert words in await bob.asked("/contact confirm anna", kind="error.nothing-to-confirm")
        other = "zoo zoo zoo zoo"
        assert "those words" in await bob.asked(f"/contact confirm anna {other}", kind="error.nothing-to-confirm")
        assert keys_of_anna(bob)[0] == lost
        assert words in await bob.asked(f"/contact confirm anna {words}", kind="contact.confirmed")
        writes, reads = keys_of_anna(bob)
        assert writes is not None
        assert lost not in (writes, *reads)
        anna.write("/call bob")
        assert len((await anna.posted("chat"))["token"]) == 64
        await bob.told(kind="call.answered-automatically")
        await asyncio.gather(anna.media(), bob.media())
        await hang_up(bob, anna)
        bob.write("/call anna")
        assert len((await bob.posted("chat"))["token"]) == 64
        await anna.told(kind="call.rings")
        anna.write("/decline")
        await bob.call("ended", reason="remote-declined")


@pytest.mark.parametrize("begin", ["/sdp offer anna", "/call anna"])
async def test_while_a_call_by_another_program_waits_a_request_in_that_name_still_only_rings(
    friends: Path, tmp_path: Path, begin: str
) -> None:
    async with with_impostor(friends, tmp_path) as (bob, impostor):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        if begin == "/call anna":
            await bob.asked("/contact program anna classic", kind="contact.program")
        bob.chat.held = True  # nobody reads its offer
        bob.write(begin)
        await bob.call("calling")
        bob.chat.held = False
        impostor.write(f"/call {bob.node}")
        await bob.told(kind="call.unproven-rings")
        states = {call["state"]: call["proven"] for call in (await bob.status())["calls"]}
        assert states == {"calling": False, "ringing": False}
        bob.write("/decline")
        await bob.call("ended", reason="declined")
        bob.write("/hangup")


async def test_a_killed_program_still_warns_about_the_call_that_it_takes_up_again(
    friends: Path, tmp_path: Path
) -> None:
    async with with_impostor(friends, tmp_path, config="[handset]\nport = 0\n") as (bob, impostor):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        impostor.write(f"/call {bob.node}")
        await bob.told(kind="call.unproven-rings")
        bob.write("/answer")
        await bob.told(kind="call.words")
        await asyncio.gather(bob.media(), impostor.media())
        async with wire_page(bob) as (_, hello):
            (before,) = hello["calls"]
        await bob.signalled(signal.SIGKILL)
        await bob.begin()
        await bob.call("active")
        async with wire_page(bob) as (_, hello):
            (after,) = hello["calls"]
        assert (after["trust"], after["trust_words"]) == (before["trust"], before["trust_words"])
        assert after["trust"] == "unproven"


async def test_a_file_that_was_offered_to_the_contact_is_not_offered_to_an_impostor(
    friends: Path, tmp_path: Path
) -> None:
    async with with_impostor(friends, tmp_path) as (bob, impostor):
        private, other = tmp_path / "for anna only.pdf", tmp_path / "other.txt"
        for path in (private, other):
            path.write_text(path.name)
        described = describe(private, largest=100)
        with bob.store() as store:
            store.keep_file(
                KeptFile(
                    peer=contact_anna(bob).node,
                    ours=True,
                    digest=described.digest,
                    size=described.size,
                    name=private.name,
                    source=str(private),
                    modified_ns=described.modified_ns,
                    proven=True,
                    at=int(time.time()),
                )
            )
        impostor.write(f"/call {bob.node}")
        await bob.told(kind="call.unproven-rings")
        bob.write("/answer")
        await asyncio.gather(bob.media(), impostor.media())
        await bob.asked(f"/send {impostor.node[:8]}: {other}", kind="file.offering")
        # A waiting message would have been offered before it.
        assert "other.txt" in await impostor.told(kind="file.offered")
        (transfer,) = (await bob.status())["files"]
        assert transfer["name"] == "other.txt"
        # It is for the person whose words the owner confirms, and then needs no other call.
        words = (await bob.status())["calls"][0]["phrase"]
        await bob.asked(f"/contact confirm anna {words}", kind="contact.confirmed")
        assert private.name in await impostor.told(private.name, kind="file.offered")
        await hang_up(impostor, bob)


async def test_to_block_an_impostors_call_blocks_no_contact(friends: Path, tmp_path: Path) -> None:
    async with with_impostor(friends, tmp_path, config="[handset]\nport = 0\n") as (bob, impostor):
        impostor.write(f"/call {bob.node}")
        await bob.told(kind="call.unproven-rings")
        async with wire_page(bob) as (page, hello):
            (call,) = hello["calls"]
            assert (await page.ask("block", call=call["id"]))["type"] == "done"
        await bob.call("ended", reason="declined")
        assert contact_anna(bob).trust is Trust.RING
        impostor.write("/hangup")


@pytest.mark.parametrize("answered", [False, True])
async def test_a_forged_call_keeps_no_other_contact_out(friends: Path, tmp_path: Path, answered: bool) -> None:
    async with with_impostor(friends, tmp_path, "carol") as (bob, impostor, carol):
        for name in ("anna", "carol"):
            await bob.asked(f"/contact trust {name}", kind="contact.trusted")
        bob.write(forged(bob, contact_anna(bob).node), sender="chat")
        await bob.told(kind="call.unproven-rings")
        if answered:
            bob.write("/answer")
            await bob.call("connecting")
        carol.write("/call bob")
        # While the owner waits for an answered call, another one asks. It doesn't hear that they are busy.
        await bob.told(kind="call.rings" if answered else "call.answered-automatically")
        if answered:
            bob.write("/hangup")
            await bob.call("ended")
            bob.write("/answer")
        await asyncio.gather(bob.media(), carol.media())
        await hang_up(carol, bob)
        bob.write("/hangup")
        assert impostor.running


async def test_who_is_a_contact_and_who_is_in_a_call_cannot_be_asked(friends: Path, tmp_path: Path) -> None:
    async with with_impostor(friends, tmp_path, "carol", config='[calls]\nunknown = "ignore"\n') as (bob, _, carol):
        await ring(carol, bob)
        bob.write("/answer")
        await asyncio.gather(bob.media(), carol.media())
        posted = len(bob.chat.posts)
        for source in (contact_anna(bob).node, NodeId(secrets.token_bytes(32))):
            bob.write(forged(bob, source), sender="chat")
        await bob.in_order()
        assert len(bob.chat.posts) == posted
        await hang_up(carol, bob)


async def test_a_flood_of_strangers_costs_a_contact_nothing_and_is_told_once(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        said = await bob.after_all([("chat", forged(bob, NodeId(secrets.token_bytes(32)))) for _ in range(20)])
        kinds = [line.get("kind") for line in said if line["type"] == "post"]
        assert kinds.count("call.stranger-rings") == 8
        assert kinds.count("call.dropped") == 1
        anna.write("/call bob")
        await bob.told(kind="call.answered-automatically")
        await asyncio.gather(anna.media(), bob.media())
        await hang_up(anna, bob)


async def test_a_flood_in_one_contacts_name_costs_that_contacts_own_key_nothing(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await bob.asked("/contact trust anna", kind="contact.trusted")
        said = await bob.after_all([("chat", forged(bob, anna.id)) for _ in range(12)])
        kinds = [line.get("kind") for line in said if line["type"] == "post"]
        assert kinds.count("call.unproven-rings") == 8
        assert kinds.count("call.dropped") == 1
        anna.write("/call bob")
        await bob.told(kind="call.answered-automatically")
        await asyncio.gather(anna.media(), bob.media())
        await hang_up(anna, bob)


async def test_a_key_of_a_stranger_whose_node_is_saved_later_proves_nothing_until_its_words_are_confirmed(
    tmp_path: Path,
) -> None:
    """It seemed to be a wrong number. Then a friend gives Bob their node id, and it is the same."""
    async with people(tmp_path, "bob", "eve") as (bob, eve):
        eve.write(f"/call {bob.node}")
        await bob.told(kind="call.stranger-rings")
        bob.write("/answer")
        told, _ = await asyncio.gather(*(person.told(kind="call.words") for person in (bob, eve)))
        words = told.partition(": ")[2].splitlines()[0]
        await asyncio.gather(bob.media(), eve.media())
        await eve.asked("/contact add bob", kind="contact.saved")
        await hang_up(eve, bob)
        saved = await bob.asked(f"/contact add anna {eve.node}", kind="contact.saved")
        assert f"/contact confirm anna {words}" in saved
        assert "one link is enough" not in saved
        await bob.asked("/contact trust anna", kind="contact.trusted")

        eve.write("/call bob")
        assert len((await eve.posted("chat"))["token"]) == 64  # with the secret from that call
        await bob.call("ringing")
        (call,) = (await bob.status())["calls"]
        assert (call["with"], call["proven"], call["automatic"]) == ("anna", False, False)
        bob.write("/decline")
        await asyncio.gather(bob.call("ended", reason="declined"), eve.call("ended", reason="remote-declined"))

        await bob.asked(f"/contact confirm anna {words}", kind="contact.confirmed")
        eve.write("/call bob")
        await bob.told(kind="call.answered-automatically")
