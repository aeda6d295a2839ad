"""What is said and sent in a call stays out of Telegram, unless the owner wants it there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.command_socket import Say, ask
from bot.home import Home
from shared.contacts import Trust
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import Person, friends, two_people


async def at_the_computer(person: Person, text: str) -> None:
    """Say something to a program that isn't written in Telegram."""
    await asyncio.to_thread(ask, Home(person.home).command_socket, Say(text))


@pytest.mark.parametrize("wanted", [False, True])
async def test_texts_and_names_of_files_in_a_call_are_in_telegram_only_if_the_owner_wants_that(
    tmp_path: Path, wanted: bool
) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _server):
        await friends(anna, bob, trust=Trust.AUTO)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        if wanted:
            with (bob.home / "copybara.toml").open("a") as configuration:  # its last section is Telegram's
                configuration.write("texts = true\n")
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await bob.reads(says.answered_automatically("anna"))
        await anna.reads(says.connected("bob"))
        (private := tmp_path / "divorce papers.pdf").write_text("x")
        await at_the_computer(anna, "/say my PIN is 4711")
        await at_the_computer(anna, f"/send bob: {private}")
        if wanted:
            await bob.reads("anna writes: my PIN is 4711")
            await bob.reads("anna wants to send you divorce papers.pdf: a document, 1 bytes.")
            return
        await bob.reads("anna wrote to you in the call.")
        offered = await bob.reads("anna wants to send you file ")
        bob.says(f"/files accept {offered.text.partition('/files accept ')[2].split()[0]}")
        await bob.reads("is here.")
        bob.says("/files")
        await bob.reads("No files are on their way.")
        read = [message.text for message in bob.chat.messages]
        assert not [text for text in read if "4711" in text or "divorce" in text or str(tmp_path) in text]
