"""A voice message that is recorded at a page reaches the contact.

The programs are real, and one is killed meanwhile.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bot.kinds import Kind
from tests.bot.console import Person, befriend, connect, hang_up, people
from tests.bot.test_recording import probed
from tests.browser.chromium import ONE_CHROMIUM
from tests.browser.people import AT_THE_PAGE, somebody

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]

WITHOUT_ASKING = "[files]\nvoice_mb = 5\n"


async def left_at_the_page(anna_node: Person, bob: Person, carol: Person, why: str) -> None:
    """Anna can't reach Bob, and records a message for him at her page."""
    async with somebody(anna_node) as anna:
        if why == "busy":
            await connect(carol, bob, "audio")
            await anna.page.place("bob", "audio")
        else:
            await anna.page.place("bob", "audio")
            await bob.told("anna", kind=Kind.RINGS)
            await anna.page.click(anna.page.page.locator("#outgoing-cancel"))
        await anna.page.call("ended")
        await anna.page.click(anna.page.page.locator("#voice-record"))
        await anna.page.shows("0:02 of")
        await anna.page.press("Stop")
        await anna.page.press("Keep for bob")
        assert "waits here" in await anna.page.says(Kind.MESSAGE_KEPT)
        await anna.page.known()


async def test_what_is_said_while_the_call_still_waits_reaches_the_contact_who_answers_it_then(tmp_path: Path) -> None:
    configs = {"anna": AT_THE_PAGE, "bob": WITHOUT_ASKING}
    async with people(tmp_path, "anna", "bob", configs=configs) as (anna_node, bob):
        await befriend(anna_node, bob)
        async with somebody(anna_node) as anna:
            await anna.page.place("bob", "audio")
            await bob.told("anna", kind=Kind.RINGS)
            await anna.page.press("Leave a voice message")
            await anna.page.press("Record")
            await anna.page.shows("0:02 of")
            await anna.page.press("Stop")
            await anna.page.press("Keep for bob")
            await anna.page.says(Kind.MESSAGE_KEPT)
            bob.write("/answer")
            await bob.told("anna left you a voice message", kind=Kind.MESSAGE_RECEIVED)
            await anna_node.told("bob has your voice message", kind=Kind.MESSAGE_DELIVERED)
            await hang_up(bob, anna_node)


@pytest.mark.parametrize("why", ["busy", "unanswered"])
async def test_what_is_said_at_the_page_after_a_call_in_vain_reaches_the_contact_in_their_next_call(
    why: str, tmp_path: Path
) -> None:
    configs = {"anna": AT_THE_PAGE, "bob": WITHOUT_ASKING}
    async with people(tmp_path, "anna", "bob", "carol", configs=configs) as (anna, bob, carol):
        for person in (anna, carol):
            await befriend(person, bob)
        await left_at_the_page(anna, bob, carol, why)
        # Her page is closed and her program is killed. The message still waits.
        assert await anna.signalled(signal.SIGKILL) == -signal.SIGKILL
        await anna.begin()
        if why == "busy":
            await hang_up(carol, bob)

        await connect(bob, anna, "audio")
        told = await bob.told("anna left you a voice message", kind=Kind.MESSAGE_RECEIVED)
        await anna.told("bob has your voice message", kind=Kind.MESSAGE_DELIVERED)
        found = await probed(Path(told.partition(": ")[2]))
        assert [stream["codec_name"] for stream in found["streams"]] == ["opus"]
        # A browser's WebM doesn't state its length. Each packet has a fiftieth of a second or more.
        assert int(found["streams"][0]["nb_read_packets"]) > 20
        await hang_up(bob, anna)
