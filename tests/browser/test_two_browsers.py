"""Events in a call between two people at two browsers. test_call_between_pages.py makes the plain call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.kinds import Kind
from peer.media.endpoints.answer_chime import CHIME
from peer.overlay.interfaces import ThisMachine
from tests.bot.console import befriend, people
from tests.browser.chromium import ONE_CHROMIUM, until
from tests.browser.people import AT_THE_PAGE, Somebody, both_ways, connect, somebody, two_people
from tests.browser.unplugging import DEVICES

pytestmark = [*ONE_CHROMIUM, pytest.mark.slow]


async def test_the_picture_is_held_back_for_the_sound(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        await asyncio.gather(anna.page.in_step(), bob.page.in_step())


async def test_muting_is_seen_and_heard_by_the_other(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        await bob.page.hears()
        await anna.page.press("Mute")
        await bob.page.remote(audio=False, video=True, screen=False)
        await bob.page.shows("is muted")
        await bob.page.hears_nothing()
        await anna.page.press("Unmute")
        await bob.page.remote(audio=True, video=True, screen=False)
        await bob.page.hears()


async def test_a_camera_that_is_off_is_seen_by_the_other_and_sends_nothing(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        await anna.page.press("Camera off")
        await bob.page.remote(audio=True, video=False, screen=False)
        await bob.page.shows("Their camera is off")
        await bob.page.silent("video")
        await bob.page.receives("audio")
        await anna.page.press("Camera on")
        await bob.page.remote(audio=True, video=True, screen=False)
        await both_ways(anna, bob)


async def test_a_microphone_or_camera_that_is_pulled_out_is_told_to_the_other(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await anna.page.page.evaluate(DEVICES)
        await connect(anna, bob)
        await both_ways(anna, bob)
        await anna.page.page.evaluate("unplug('audio')")
        await bob.page.remote(audio=False, video=True, screen=False)
        await bob.page.shows("is muted")
        await anna.page.page.evaluate("plug('audio')")
        await bob.page.remote(audio=True, video=True, screen=False)
        await anna.page.page.evaluate("unplug('video')")
        await bob.page.remote(audio=True, video=False, screen=False)
        await bob.page.shows("Their camera is off")
        await anna.page.page.evaluate("plug('video')")
        await bob.page.remote(audio=True, video=True, screen=False)
        await both_ways(anna, bob)


async def test_a_shared_screen_takes_the_cameras_place_and_gives_it_back(tmp_path: Path) -> None:
    async with two_people(tmp_path, allowed=("camera", "microphone", "screen")) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        camera = (await bob.page.stats())["in_video"]
        await anna.page.press("Share screen")
        await bob.page.remote(audio=True, video=True, screen=True)
        await bob.page.pictures_change(camera)
        await bob.page.receives("video")
        await anna.page.press("Stop sharing")
        await bob.page.remote(audio=True, video=True, screen=False)
        await bob.page.receives("video")


async def test_a_call_for_sound_has_no_picture(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob, "audio")
        await both_ways(anna, bob, "audio")
        for person in (anna, bob):
            assert "in_video" not in await person.page.stats()
            assert "m=video" not in (await person.page.heard("offer"))["sdp"]
            assert (await person.page.call("active"))["media"] == "audio"


async def test_after_a_reload_in_the_middle_both_are_back(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        for person in (bob, anna):
            await person.page.reload()
            await both_ways(anna, bob)
            assert (await person.page.call("active"))["report"]["state"] == "active"


async def test_what_was_switched_off_stays_off_when_the_page_comes_back_to_the_call(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        await anna.page.press("Mute")
        await anna.page.press("Camera off")
        await bob.page.remote(audio=False, video=False, screen=False)
        await anna.page.press("Hold")
        await bob.page.shows("You are on hold")
        await anna.page.press("Resume")
        await still_off(anna, bob)
        # The connection to the program breaks, as when a laptop sleeps.
        await anna.page.page.evaluate("watched.sockets.at(-1).close()")
        await anna.page.heard("hello")
        await still_off(anna, bob)
        await anna.page.reload()
        await still_off(anna, bob)
        await anna.page.press("Unmute")
        await anna.page.press("Camera on")
        await both_ways(anna, bob)
        await anna.page.press("Hang up")
        await anna.page.call("ended")
        # Both start another call.
        await anna.page.press("Done")
        await connect(anna, bob)
        await both_ways(anna, bob)


async def still_off(muted: Somebody, other: Somebody) -> None:
    """Check that the first person hears and sees the other, and is neither heard nor seen."""
    await muted.page.receives("audio")
    await muted.page.shows("Unmute")
    await muted.page.shows("Camera on")
    await other.page.remote(audio=False, video=False, screen=False)
    await other.page.hears_nothing()
    await other.page.silent("video")


async def test_a_page_that_is_closed_and_opened_again_finds_the_call(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        await bob.page.page.close()
        await anna.page.heard("remote-media", remote={"audio": False, "video": False, "screen": False})
        await bob.open()
        await both_ways(anna, bob)


async def test_a_second_tab_takes_the_call_after_a_click_and_the_first_says_so(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        assert bob.node.handset is not None
        older, bob.page = bob.page, await bob.browser.open(bob.node.handset)
        await bob.page.heard("taken-over")
        assert await older.page.evaluate("watched.sockets.at(-1).closedWith") is None
        await bob.page.press("Use this tab instead")
        await older.heard("taken-over")
        await both_ways(anna, bob)
        assert await older.page.evaluate("watched.sockets.at(-1).closedWith") == 4001
        await older.silent("audio")
        await both_ways(anna, bob)


async def test_a_page_that_is_opened_late_joins_a_call_that_was_answered_alone(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        await bob_node.asked("/contact trust anna", kind="contact.trusted")
        async with somebody(anna_node) as anna, somebody(bob_node, open_page=False) as bob:
            await anna.page.place("bob")
            call = await anna.page.call("active")
            assert call["paired"]
            notice = await anna.page.heard("answered-alone", by="them")
            assert notice["kind"] == Kind.REMOTE_ANSWERED_AUTOMATICALLY
            nothing = {"audio": False, "video": False, "screen": False}
            assert (await anna.page.heard("remote-media"))["remote"] == nothing
            await bob.open()
            await both_ways(anna, bob)
            late = await bob.page.call("active")
            assert (late["automatic"], late["trust"], late["name"]) == (True, "trusted", "anna")


async def test_a_call_that_rings_beside_another_is_answered_in_its_place(tmp_path: Path) -> None:
    configs = {"anna": AT_THE_PAGE, "bob": AT_THE_PAGE}
    async with people(tmp_path, "anna", "bob", "carol", configs=configs) as (anna_node, bob_node, carol_node):
        await befriend(carol_node, bob_node)
        async with somebody(anna_node) as anna, somebody(bob_node) as bob:
            await connect(anna, bob)
            await both_ways(anna, bob)
            carol_node.write("/call bob")
            await bob.page.shows("is also calling (video)")
            await both_ways(anna, bob)
            await bob.page.press("Hang up and answer")
            assert (await anna.page.call("ended"))["report"]["reason"] == "remote-hung-up"
            assert (await bob.page.call("active"))["name"] == "carol"
            await carol_node.call("active")
            await bob.page.receives("audio", "video")
            # Nobody hears that anybody was busy.
            assert not any("busy" in said.get("text", "") for said in carol_node.said)


async def test_the_browsers_are_given_no_server_and_tell_no_address(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        for person in (anna, bob):
            configurations = await person.page.page.evaluate(
                "watched.connections.map((each) => each.getConfiguration().iceServers)"
            )
            assert configurations == [[]]
            offer = (await person.page.heard("offer"))["sdp"]
            offered = {line.split()[4] for line in offer.splitlines() if line.startswith("a=candidate:")}
            own = {str(each.ip) for interface in ThisMachine().interfaces() for each in interface.addresses}
            assert {"127.0.0.1"} <= offered <= own
            for said in person.node.said:
                for candidate in ("typ host", ".local", "a=candidate", *(offered - {"127.0.0.1"})):
                    assert candidate not in str(said)


async def test_behind_the_chime_of_an_automatic_answer_an_open_page_is_heard(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", config=AT_THE_PAGE) as (anna_node, bob_node):
        await befriend(anna_node, bob_node)
        await bob_node.asked("/contact trust anna", kind="contact.trusted")
        async with somebody(anna_node) as anna, somebody(bob_node) as bob:
            await anna.page.place("bob")
            await anna.page.call("active")
            await bob.page.heard("answered-alone", by="us", kind=Kind.ANSWERED_AUTOMATICALLY)
            await both_ways(anna, bob)

            async def beeps() -> bool:
                # Chromium's fake microphone beeps once a second, at another pitch than the chime's.
                hertz, loudest = await anna.page.listen(2.5)
                return loudest > 0.01 and all(abs(hertz - chimed) > 20 for chimed, _ in CHIME)

            await until(beeps, "the microphone behind the chime")
