"""A new user: the first steps on the page, and a call in which they hear themselves."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.kinds import Kind
from bot.texts.no_overlay import COMMAND, for_the_page
from bot.texts.overlay import alone
from peer.handset.protocol import (
    CantStart,
    Contacts,
    InvitationNote,
    InvitationWithPeers,
    Log,
    LogEntry,
    Overlay,
    OverlayState,
    Own,
    SetName,
)
from peer.overlay.yggdrasil_admin import STOPPED, STOPPED_HINT
from shared.errors import OverlayDown
from tests.bot.console import people
from tests.browser import faces
from tests.browser.chromium import ONE_CHROMIUM, PageView
from tests.browser.people import AT_THE_PAGE, somebody
from tests.browser.pictures import look_like, taken
from tests.browser.scripted import greeting, theatre

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]


async def done(page: PageView, step: str) -> None:
    """Wait until a step is marked as done."""
    await page.page.locator(f'#welcome-step-{step}[data-done="true"]').wait_for()


async def card(page: PageView, name: str) -> dict[str, Any]:
    """What the page last received about the owner's own card."""
    return await page.heard("own", name=name)


async def test_the_first_steps_lead_to_a_name_a_test_call_and_an_invitation(tmp_path: Path) -> None:
    async with (
        people(tmp_path, "anna", config=AT_THE_PAGE) as (anna,),
        somebody(anna, camera=faces.camera(faces.ANNA)) as person,
    ):
        page = person.page
        await look_like(page.page, "light")
        await page.shows("This computer only: for trying.")
        # Her configuration already has a name, and she changes it.
        await done(page, "name")
        await page.press("Change")
        await page.page.locator("#own-name").fill("Anna  Maria")
        await page.click(page.page.locator("#own-name-form button"))
        await page.says(Kind.CARD_NAMED)
        own = await card(page, "Anna Maria")
        assert own["card"]["text"] in own["invitation"]
        assert "Anna Maria invites you" in own["invitation"]
        written = await asyncio.to_thread((anna.home / "copybara.toml").read_text)
        assert tomllib.loads(written)["name"] == "Anna Maria"
        await page.page.keyboard.press("Escape")
        await page.page.locator("#welcome-named").get_by_text("Anna Maria").wait_for()
        await page.shows("Welcome. 3 steps left")
        assert not await page.page.locator("#welcome-name").is_visible()
        await page.page.evaluate("scrollTo(0, 0)")
        await taken(page.page, "welcome")
        await page.press("Test call")
        call = await page.call("active")
        assert (call["name"], call["echo"], call["trust"]) == ("echo", True, "contact")
        # They hear and see themselves: one beep a second, and the picture as their browser sends it.
        await page.receives("audio", "video")
        await page.pictures_come_as_sent_by(page)
        await page.hears()
        await page.shows("You see and hear yourself, as a friend would. Nobody else is in this call.")
        # There is nobody to compare words with, and nobody to save.
        assert not await page.page.locator("#words").is_visible()
        await taken(page.page, "test-call")
        await page.press("About")
        await page.shows("Nobody is there")
        assert not await page.page.locator("#phrase").is_visible()
        assert not await page.page.locator("#save-form").is_visible()
        await page.page.keyboard.press("Escape")
        await page.press("Hang up")
        await page.call("ended")
        await page.shows("The test call is over.")
        await page.shows("Didn't see or hear yourself? Choose other devices, and test again.")
        await page.page.locator("#ended-devices").click()
        await page.page.locator("#settings-title").wait_for()
        await page.page.keyboard.press("Escape")
        await page.press("Call again")
        await page.receives("audio")
        await page.press("Hang up")
        await page.press("Done")
        await done(page, "test")
        # The log doesn't mention that call, and no link of it went to anybody.
        assert not await page.page.locator("#log li").count()
        assert not [said for said in anna.said if said["type"] == "post" and said["to"] == "chat"]

        await page.press("Don't show this again")
        await person.open()
        await person.page.shows("No contacts yet.")
        assert not await person.page.page.locator("#welcome").is_visible()


async def test_the_first_steps_say_how_the_network_stands_and_stay_until_all_are_done() -> None:
    up = Overlay("Yggdrasil", "200:b1c4:80a1:77d2::1", connected=True)
    said = alone("yggdrasil")
    nobody = msgspec.structs.replace(up, connected=False, notice=said.text, kind=said.kind)
    async with theatre(greeting(contacts=[], name="", overlay=nobody)) as play:
        await play.page.locator("#welcome-network").get_by_text(said.sentence).wait_for()
        assert not await play.page.locator('#welcome-step-network[data-done="true"]').count()
        play.tell(OverlayState(overlay=up))
        await play.view.shows("Connected to Yggdrasil.")
        await done(play.view, "network")
        await play.can_be_used()
        await look_like(play.page, "narrow")
        await play.can_be_used()
        anna = greeting().contacts[0]
        await play.page.locator("#welcome-name").fill("Bob")
        await play.page.locator("#whom").focus()
        play.tell(Contacts(contacts=[anna]))
        await play.view.shows(anna.name)
        assert await play.page.locator("#welcome").is_visible()
        # The contact isn't shown below the steps that are done already.
        above = "document.getElementById('contacts').getBoundingClientRect().top < welcome.getBoundingClientRect().top"
        await play.until(above)
        await play.can_be_used()
        assert await play.page.locator("#welcome-name").input_value() == "Bob", "nobody has saved it yet"
        await play.view.click(play.page.locator("#welcome-name-form button"))
        await play.wants(SetName, name="Bob")
        notes = [InvitationNote("Nobody knows where it is. To pack it:", "tar czf a.tar.gz b"), InvitationNote("Ask.")]
        play.tell(Own(name="Bob", card=greeting().card, invitation="", invitation_notes=notes))
        await done(play.view, "name")
        await play.view.shows("Nobody knows where it is.")
        await play.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await play.page.locator("#welcome").get_by_role("button", name="Copy command").click()
        await play.until("navigator.clipboard.readText().then((text) => text === 'tar czf a.tar.gz b')")
        missed, talked = (
            LogEntry(
                name=anna.name,
                node=anna.node,
                contact=anna.name,
                role="caller",
                media="video",
                started=1_800_000_000,
                seconds=seconds,
                reason="hung-up" if seconds else "missed",
                sentence="A call.",
                automatic=False,
            )
            for seconds in (None, 60)
        )
        # Anyone who has talked to a friend needs no test, so the title doesn't count it.
        play.tell(OverlayState(overlay=nobody), Log(log=[talked, missed]))
        await play.view.shows("Welcome. One step left")
        play.tell(Log(log=[missed]), OverlayState(overlay=up))
        await play.page.locator("#log .missed").wait_for()
        when = await play.page.locator("#log .missed small").inner_text()
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d ", when), "as in the chat and the terminal"
        assert await play.page.locator("#welcome").is_visible()
        play.tell(Log(log=[talked, missed]))
        await play.page.locator("#welcome").wait_for(state="hidden")
    async with theatre(greeting(log=[])) as play:
        await play.view.shows("Contacts")
        assert not await play.page.locator("#welcome").is_visible()


async def test_a_private_peers_line_is_in_a_copied_invitation_only_once_the_owner_has_agreed_to_that_very_address() -> (
    None
):
    agreed = "Put its line into it. This shows that computer's internet address (203.0.113.5)."
    named = InvitationWithPeers(agreed=agreed, text="An invitation with its line.")
    hello = greeting(
        contacts=[],
        invitation="An invitation.",
        invitation_notes=[InvitationNote("It asks.")],
        invitation_with_peers=named,
    )
    async with theatre(hello) as play:
        copied = "navigator.clipboard.readText()"
        await play.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        boxes = play.page.get_by_label(agreed)
        await play.view.press("Copy invitation")
        await play.view.shows("Copied")
        assert await play.page.evaluate(copied) == "An invitation."
        await boxes.first.check()
        await play.can_be_used()
        await play.view.press("My card")
        assert await play.page.locator("#card").get_by_label(agreed).is_checked(), "it is the same box in both places"
        await play.page.locator("#invitation-copy").click()
        await play.until(f"{copied}.then((text) => text === 'An invitation with its line.')")
        # For another address the page asks again.
        other = msgspec.structs.replace(named, agreed=agreed.replace("203.0.113.5", "198.51.100.7"))
        own = Own(
            name="me", card=hello.card, invitation="An invitation.", invitation_notes=[InvitationNote("It asks.")]
        )
        play.tell(msgspec.structs.replace(own, invitation_with_peers=other))
        await play.view.shows("(198.51.100.7)")
        assert not await play.page.locator("#card").get_by_label(other.agreed).is_checked()
        play.tell(own)
        await play.page.locator("#card .invitation-peers").wait_for(state="hidden")


async def test_without_a_network_the_page_shows_what_to_run_and_nothing_else() -> None:
    missing = for_the_page(OverlayDown(STOPPED, STOPPED_HINT))
    async with theatre(missing) as play:
        await look_like(play.page, "light")
        await play.view.shows("No network to call through")
        assert await play.page.locator("#gate-hint code").all_inner_texts() == re.findall("`([^`]+)`", STOPPED_HINT)
        assert "`" not in await play.page.locator("#gate").inner_text()
        assert await play.page.locator("#gate-command").inner_text() == COMMAND
        assert not await play.page.locator("#home").is_visible()
        await taken(play.page, "no-overlay")
        await play.can_be_used()
        play.tell(msgspec.structs.replace(missing, sentence="You are a member.", command=""))
        await play.view.shows("You are a member.")
        assert not await play.page.locator("#gate-command").is_visible()
        assert "terminal" not in await play.page.locator("#gate").inner_text()
        play.tell(msgspec.structs.replace(missing, sentence="Yggdrasil was stopped."))
        await play.view.shows("Yggdrasil was stopped.")
        await look_like(play.page, "narrow")
        await play.can_be_used()


async def test_a_program_that_cant_start_says_what_to_mend_and_nothing_else() -> None:
    wrong = CantStart(kind="error.config", sentence="Line 3: lifetime is 1.", hint="Write `lifetime = 600` there.")
    async with theatre(wrong) as play:
        await look_like(play.page, "light")
        await play.view.shows("Copybara can't start")
        await play.view.shows(wrong.sentence)
        assert await play.page.locator("#gate-hint code").all_inner_texts() == ["lifetime = 600"]
        assert not await play.page.locator("#home").is_visible()
        assert not await play.page.locator("#gate-command").is_visible()
        await play.can_be_used()
        play.tell(msgspec.structs.replace(wrong, sentence="Line 4: there is another."))
        await play.view.shows("Line 4: there is another.")
        spoken = "document.getElementById('announce').textContent"
        await play.until(f'{spoken} === "Copybara can\'t start. Line 4: there is another. Write lifetime = 600 there."')
        await look_like(play.page, "narrow")
        await play.can_be_used()
