"""Calls set up in Delta Chat: two people with their apps, two bots and one mail server, all of them real.

The tests of this file are one story, in order: the first call of strangers makes them contacts.
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

from tests.bot.deltachat import transcript
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import SELF, Owner, group_of, owners

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Story:
    """Anna and Bob with their bots, and a group of all four."""

    anna: Owner
    bob: Owner
    server: MailServer
    annas_group: int
    bobs_group: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory, server: MailServer, rpc: Rpc) -> AsyncIterator[Story]:
    folder: Path = tmp_path_factory.mktemp("bots")
    async with owners(folder, server, rpc, "Anna", "Bob") as (anna, bob):
        yield Story(anna, bob, server, *await asyncio.to_thread(group_of, anna, bob))


async def _hang_up(story: Story) -> None:
    story.anna.says("/hangup")
    await story.anna.bot.call("ended")
    await story.bob.bot.call("ended")


async def test_strangers_call_in_a_group_and_one_reply_answers(story: Story) -> None:
    anna, bob = story.anna, story.bob
    command = f"/call {bob.bot.node}"
    anna.app.writes(story.annas_group, command)
    rings = await asyncio.to_thread(bob.reads, "Reply 1: Answer, 2: Answer with audio only, 3: Decline, 4: Block")
    assert "calling" in rings
    bob.says("1")
    for owner in (anna, bob):
        await owner.bot.call("active")
        await owner.bot.media()
    # Only the links are in the group, no command and no reply.
    request, answer = [
        (await asyncio.to_thread(bob.app.reads, story.bobs_group, "copybara:"))["text"] for _ in ("request", "answer")
    ]
    transcript.check("owner", [("Bob's bot", rings), ("Bob", "1")])
    transcript.check("group", [("Anna", command), ("Anna's bot", request), ("Bob's bot", answer)])
    texts = [message["text"] for message in bob.app.messages(story.bobs_group)]
    assert not [text for text in texts if "Reply" in text]
    await _hang_up(story)


async def test_the_other_side_is_saved_by_its_number(story: Story) -> None:
    for owner, name in ((story.anna, "bob"), (story.bob, "anna")):
        assert "saved" in (await owner.asks(f"/contact add {name}", name)).lower()


async def test_a_trusted_contact_is_answered_automatically_with_one_link(story: Story) -> None:
    anna, bob = story.anna, story.bob
    await bob.asks("/contact trust anna", "automatically")
    before = len(bob.app.messages(story.bobs_group))
    anna.app.writes(story.annas_group, "/call bob")
    for owner in (anna, bob):
        await owner.bot.call("active")
    await asyncio.to_thread(bob.reads, "anna")
    await _hang_up(story)
    links = [m["text"] for m in bob.app.messages(story.bobs_group)[before:] if "copybara:" in m["text"]]
    assert len(links) == 1


async def test_once_known_a_contact_is_called_from_the_owners_own_chat(story: Story) -> None:
    """Bob's bot has read links of Anna's bot, so his next link goes straight to it, not to the group."""
    anna, bob = story.anna, story.bob
    before = len(anna.app.messages(story.annas_group))
    bob.says("/call anna")
    await asyncio.to_thread(anna.reads, "Decline")
    assert len(anna.app.messages(story.annas_group)) == before
    anna.says("/answer")
    await bob.bot.call("active")
    await anna.bot.call("active")
    await _hang_up(story)


async def test_a_call_is_declined_by_its_number(story: Story) -> None:
    anna, bob = story.anna, story.bob
    bob.says("/call anna")
    rings = await asyncio.to_thread(anna.reads, "Decline")
    number = rings.partition(": Decline")[0].rpartition(" ")[2]
    anna.says(number)
    assert (await bob.bot.call("ended"))["reason"] == "remote-declined"
    assert (await anna.bot.call("ended"))["reason"] == "declined"


async def test_a_number_that_was_used_answers_nothing(story: Story) -> None:
    await story.anna.asks("1", "no longer")


async def test_what_the_owner_forwards_is_no_command(story: Story) -> None:
    anna = story.anna
    written = anna.app.writes(story.annas_group, "/contact trust bob")
    anna.app.rpc.forward_messages(anna.app.number, [written], anna.chat)
    assert "forwarded" in await asyncio.to_thread(anna.reads, "command")
    assert "automatically" not in await anna.asks("/contact show bob", "bob")


async def test_other_people_command_nothing(story: Story) -> None:
    anna, bob = story.anna, story.bob
    chat = next(
        contact
        for contact in bob.app.rpc.get_chat_contacts(bob.app.number, story.bobs_group)
        if bob.app.rpc.get_contact(bob.app.number, contact)["address"].startswith("anna-bot")
    )
    direct = int(bob.app.rpc.create_chat_by_contact_id(bob.app.number, chat))
    for text in ("/contact trust bob", "1"):
        await asyncio.to_thread(bob.app.delivers, direct, text)
    # Its owner's next words come after those.
    assert "automatically" not in await anna.asks("/contact show bob", "bob")
    assert [m["text"] for m in bob.app.messages(direct) if m["fromId"] != SELF and not m["isInfo"]] == []


async def test_a_mail_in_clear_is_not_read_and_the_owner_hears_of_it_once(story: Story) -> None:
    anna = story.anna
    for number in (1, 2):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "Anna <anna@mail.test>", "anna-bot@mail.test", "Hello"
        mail["Message-ID"], mail["Date"], mail["Chat-Version"] = f"<clear{number}@eve>", datetime.now(UTC), "1.0"
        mail.set_content("/call bob")
        await asyncio.to_thread(story.server.deliver, "anna-bot@mail.test", mail.as_bytes(policy=SMTP))
    await asyncio.to_thread(anna.reads, "wasn't encrypted")
    assert "No calls." in await anna.asks("/status", "No calls.")
    said = [message["text"] for message in anna.app.messages(anna.chat)]
    assert len([text for text in said if "wasn't encrypted" in text]) == 1


async def test_everything_that_passes_the_mail_server_is_encrypted(story: Story) -> None:
    passed = story.server.messages()
    assert len(passed) > 20
    # Securejoin's first message asks for a key, and is the only one that can't be encrypted.
    clear = [message for message in passed if message.get_content_type() != "multipart/encrypted"]
    assert all(message["Secure-Join"] in ("vc-request", "vc-request-pubkey") for message in clear), clear
    for content in story.server.passed:
        assert b"copybara:" not in content
        assert b"/call" not in content


async def test_the_account_is_for_its_user_alone(story: Story) -> None:
    folder = story.anna.bot.home / "deltachat"
    files = [folder, *folder.rglob("*")]
    assert len(files) > 5
    assert [file for file in files if file.stat().st_mode & 0o077] == []
