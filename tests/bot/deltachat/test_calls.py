"""Calls set up in Delta Chat: two people with their apps, two bots and one mail server, all of them real.

The first test that needs them makes the first calls of the two: one of strangers, and one of contacts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
import pytest_asyncio
from deltachat_rpc_client import Rpc

from tests.bot.console import as_before
from tests.bot.deltachat import transcript
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import SELF, Owner, group_of, number_of, owners

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class FirstCall:
    """What people saw of the first call."""

    command: str
    "Anna's, in the group."
    rings: str
    "Bob's bot, to Bob."
    reply: str
    "Bob's, to his bot."
    request: str
    "Anna's bot, in the group."
    answer: str
    "Bob's bot, in the group."
    group: list[str]
    "All texts in the group."


@dataclass
class Pair:
    """Anna and Bob with their bots, and a group of all four."""

    anna: Owner
    bob: Owner
    server: MailServer
    annas_group: int
    bobs_group: int
    first_call: FirstCall | None = None
    "Their first call, once it was made."
    saved: tuple[str, ...] = ()
    "What their bots said when each saved the other."
    links: tuple[str, ...] = ()
    "The links in the group for their first call as contacts, once it was made."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, server: MailServer, rpc: Rpc) -> AsyncIterator[Pair]:
    folder: Path = tmp_path_factory.mktemp("bots")
    async with owners(folder, server, rpc, "Anna", "Bob") as (anna, bob):
        yield Pair(anna, bob, server, *await asyncio.to_thread(group_of, anna, bob))


@pytest_asyncio.fixture(loop_scope="module")
async def pair(running: Pair) -> AsyncIterator[Pair]:
    """Anna and Bob, who may have called each other before."""
    yield running
    await as_before(running.anna.bot, running.bob.bot)


@pytest_asyncio.fixture(loop_scope="module")
async def first_call(pair: Pair) -> FirstCall:
    """The first call of the two. It is made once."""
    if pair.first_call is None:
        pair.first_call = await _call_in_the_group(pair)
    return pair.first_call


@pytest_asyncio.fixture(loop_scope="module")
async def contacts(pair: Pair, first_call: FirstCall) -> Pair:
    """Anna and Bob, each of whom has saved the other after their first call."""
    del first_call
    if not pair.saved:
        pair.saved = (await pair.anna.asks("/contact add bob", "bob"), await pair.bob.asks("/contact add anna", "anna"))
    return pair


@pytest_asyncio.fixture(loop_scope="module")
async def known(contacts: Pair) -> Pair:
    """The contacts after a call that Bob's bot answered automatically. Each bot knows who writes the other's links."""
    anna, bob = contacts.anna, contacts.bob
    if not contacts.links:
        await bob.asks("/contact trust anna", "automatically")
        before = len(bob.app.messages(contacts.bobs_group))
        anna.app.writes(contacts.annas_group, "/call bob")
        for owner in (anna, bob):
            await owner.bot.call("active")
        await asyncio.to_thread(bob.reads, "anna")
        await _hang_up(contacts)
        said = [message["text"] for message in bob.app.messages(contacts.bobs_group)[before:]]
        contacts.links = tuple(text for text in said if "copybara:" in text)
    return contacts


async def _call_in_the_group(pair: Pair) -> FirstCall:
    anna, bob = pair.anna, pair.bob
    command = f"/call {bob.bot.node}"
    anna.app.writes(pair.annas_group, command)
    rings = await asyncio.to_thread(bob.reads, "Answer with audio only")
    reply = number_of("Answer", rings)
    bob.says(reply)
    for owner in (anna, bob):
        await owner.bot.call("active")
        await owner.bot.media()
    request, answer = [
        (await asyncio.to_thread(bob.app.reads, pair.bobs_group, "copybara:"))["text"] for _ in ("request", "answer")
    ]
    group = [message["text"] for message in bob.app.messages(pair.bobs_group)]
    await _hang_up(pair)
    return FirstCall(command, rings, reply, request, answer, group)


async def _hang_up(pair: Pair) -> None:
    pair.anna.says("/hangup")
    await pair.anna.bot.call("ended")
    await pair.bob.bot.call("ended")


async def test_strangers_call_in_a_group_and_one_reply_answers(first_call: FirstCall) -> None:
    assert "calling" in first_call.rings
    assert "Reply 1: Answer, 2: Answer with audio only, 3: Decline, 4: Block" in first_call.rings
    # Only the links are in the group, no command and no reply.
    transcript.check("owner", [("Bob's bot", first_call.rings), ("Bob", first_call.reply)])
    said = [("Anna", first_call.command), ("Anna's bot", first_call.request), ("Bob's bot", first_call.answer)]
    transcript.check("group", said)
    assert not [text for text in first_call.group if "Reply" in text]


async def test_the_other_side_is_saved_by_its_number(contacts: Pair) -> None:
    for said in contacts.saved:
        assert "saved" in said.lower()


async def test_a_trusted_contact_is_answered_automatically_with_one_link(known: Pair) -> None:
    assert len(known.links) == 1


async def test_once_known_a_contact_is_called_from_the_owners_own_chat(known: Pair) -> None:
    """Bob's bot has read links of Anna's bot, so his next link goes straight to it, not to the group."""
    anna, bob = known.anna, known.bob
    before = len(anna.app.messages(known.annas_group))
    bob.says("/call anna")
    await asyncio.to_thread(anna.reads, "Decline")
    assert len(anna.app.messages(known.annas_group)) == before
    anna.says("/answer")
    await bob.bot.call("active")
    await anna.bot.call("active")
    await _hang_up(known)


async def test_a_call_is_declined_by_its_number_which_then_answers_nothing(known: Pair) -> None:
    anna, bob = known.anna, known.bob
    bob.says("/call anna")
    number = number_of("Decline", await asyncio.to_thread(anna.reads, "Decline"))
    anna.says(number)
    assert (await bob.bot.call("ended"))["reason"] == "remote-declined"
    assert (await anna.bot.call("ended"))["reason"] == "declined"
    await anna.asks(number, "no longer")


async def test_what_the_owner_forwards_is_no_command(contacts: Pair) -> None:
    anna = contacts.anna
    written = anna.app.writes(contacts.annas_group, "/contact trust bob")
    anna.app.rpc.forward_messages(anna.app.number, [written], anna.chat)
    assert "forwarded" in await asyncio.to_thread(anna.reads, "command")
    assert "automatically" not in await anna.asks("/contact show bob", "bob")


async def test_other_people_command_nothing(contacts: Pair) -> None:
    anna, bob = contacts.anna, contacts.bob
    chat = next(
        contact
        for contact in bob.app.rpc.get_chat_contacts(bob.app.number, contacts.bobs_group)
        if bob.app.rpc.get_contact(bob.app.number, contact)["address"].startswith("anna-bot")
    )
    direct = int(bob.app.rpc.create_chat_by_contact_id(bob.app.number, chat))
    for text in ("/contact trust bob", "1"):
        await asyncio.to_thread(bob.app.delivers, direct, text)
    # Its owner's next words come after those.
    assert "automatically" not in await anna.asks("/contact show bob", "bob")
    assert [m["text"] for m in bob.app.messages(direct) if m["fromId"] != SELF and not m["isInfo"]] == []


async def test_a_mail_in_clear_is_not_read_and_the_owner_hears_of_it_once(contacts: Pair) -> None:
    anna = contacts.anna
    for number in (1, 2):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Anna <anna@mail.test>", "anna-bot@mail.test", "Hello"
        mail["Message-ID"], mail["Date"], mail["Chat-Version"] = f"<clear{number}@eve>", datetime.now(UTC), "1.0"
        mail.set_content("/call bob")
        await asyncio.to_thread(contacts.server.deliver, "anna-bot@mail.test", mail.as_bytes(policy=SMTP))
    await asyncio.to_thread(anna.reads, "wasn't encrypted")
    assert "No calls." in await anna.asks("/status", "No calls.")
    said = [message["text"] for message in anna.app.messages(anna.chat)]
    assert len([text for text in said if "wasn't encrypted" in text]) == 1


async def test_everything_that_passes_the_mail_server_is_encrypted(contacts: Pair) -> None:
    passed = contacts.server.messages()
    assert len(passed) > 20
    # Securejoin's first message asks for a key, and is the only one that can't be encrypted.
    clear = [message for message in passed if message.get_content_type() != "multipart/encrypted"]
    assert all(message["Secure-Join"] in ("vc-request", "vc-request-pubkey") for message in clear), clear
    for content in contacts.server.passed:
        assert b"copybara:" not in content
        assert b"/call" not in content


async def test_the_account_is_for_its_user_alone(pair: Pair) -> None:
    folder = pair.anna.bot.home / "deltachat"
    files = [folder, *folder.rglob("*")]
    assert len(files) > 5
    assert [file for file in files if file.stat().st_mode & 0o077] == []
