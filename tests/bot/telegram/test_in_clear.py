"""What is said and sent in a call stays out of Telegram, unless the owner wants it there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.command_socket import Say, ask
from bot.home import Home
from bot.texts import chat, recording
from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import Presented
from peer.calls.recording.changed import RecordingChanged
from peer.calls.recording.table import What
from peer.media.trouble import MediaTrouble
from shared.call.table import Call, EndReason, State
from shared.contacts import Trust
from shared.media import Media
from shared.node_id import NodeId
from shared.secrets.handshake import Role
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import Person, friends, two_people


async def at_the_computer(person: Person, text: str) -> None:
    """Send a program a command that isn't written in Telegram."""
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
        await bob.reads(says.connected("anna"))
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


@pytest.mark.parametrize("wanted", [False, True])
async def test_where_a_recording_is_telegram_reads_only_if_the_owner_wants_that(tmp_path: Path, wanted: bool) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _server):
        await friends(anna, bob, trust=Trust.AUTO)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        bob.configure('[answer]\nendpoint = "recorder"\n')
        if wanted:
            with (bob.home / "copybara.toml").open("a") as configuration:  # its last section is Telegram's
                configuration.write("texts = true\n")
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await bob.media()
        bob.says("/hangup")
        if wanted:
            await bob.reads("A recording from anna is in", str(Home(bob.home).recordings))
        else:
            await bob.reads("A recording from anna is on the computer that I run on.")
            assert not [each for each in bob.chat.messages if str(tmp_path) in each.text]


def test_a_file_that_is_not_there_ends_a_call_without_its_name() -> None:
    trouble = MediaTrouble("There is no file /home/bob/divorce/film.mkv.", "Choose another file.")
    assert "divorce" in chat.media_trouble(line(), trouble).text
    assert "divorce" not in chat.media_trouble(line(), trouble, clear=True).text
    failed = line(detail=trouble.sentence, hint=trouble.hint)
    assert "divorce" in chat.ended(failed).text
    assert chat.ended(failed, clear=True).text == "The call with anna failed."
    slow = MediaTrouble("The connection is slow: picture paused, sound goes on.", "See /status.")
    assert chat.media_trouble(line(), slow, clear=True) == chat.media_trouble(line(), slow)


@pytest.mark.parametrize("what", What)
def test_what_becomes_of_a_recording_is_said_without_where_it_is(what: What) -> None:
    news = RecordingChanged("us", what, Path("/home/bob/recordings/x.webm"), "/home/bob is full.", "See /home/bob.")
    assert "bob" not in recording.changed(line(), news, clear=True).text


def line(*, detail: str = "", hint: str = "") -> Line:
    """Anna's failed call."""
    call = Call(Role.CALLEE, paired=True, state=State.ENDED, reason=EndReason.FAILED, detail=detail, hint=hint)
    link = CallLink(NodeId(bytes(32)), Media.BOTH, created=0, proven=True)
    return Line(1, call, link, chat="", expires=600, shown=Presented("anna"))
