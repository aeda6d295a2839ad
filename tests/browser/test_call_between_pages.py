"""A call of two people at two browsers: real programs, real Chromium, and the loopback overlay between them."""

from __future__ import annotations

from pathlib import Path

from tests.browser.chromium import ONE_CHROMIUM, PageView, until
from tests.browser.people import both_ways, connect, two_people

pytestmark = ONE_CHROMIUM


async def test_two_people_hear_and_see_each_other_as_sent(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await both_ways(anna, bob)
        for one, other in ((anna, bob), (bob, anna)):
            await one.page.pictures_are(640, 480)
            await one.page.pictures_come_as_sent_by(other.page)

            async def measured(page: PageView = one.page) -> bool:
                quality = await page.heard("quality")
                return quality["round_trip_ms"] is not None and quality["received_kbps"] > 50

            await until(measured, "how good the call is")


async def test_the_page_names_the_path_and_both_see_the_same_words(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        calls = []
        for person in (anna, bob):
            await both_ways(anna, bob, "audio")
            call = await person.page.call("active")
            report = call["report"]
            assert (
                call["path"]
                == f"Over Loopback, from {report['local']} to {report['remote']}. No other address is used."
            )
            assert call["trust"] == "stranger"
            calls.append(call)
        assert calls[0]["report"]["local"] == calls[1]["report"]["remote"]
        assert calls[0]["phrase"] == calls[1]["phrase"]
        assert len(calls[0]["phrase"].split()) == 4


async def test_text_passes_both_ways_and_hanging_up_ends_both(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob):
        await connect(anna, bob)
        await anna.page.write("ĉu vi vidas min?")
        await bob.page.shows("ĉu vi vidas min?")
        await bob.page.write("yes <b>& hear</b>")
        await anna.page.shows("yes <b>& hear</b>")
        assert (await anna.page.heard("text", ours=True))["text"] == "ĉu vi vidas min?"
        await bob.page.press("Hang up")
        assert (await anna.page.call("ended"))["report"]["reason"] == "remote-hung-up"
        await bob.page.call("ended")
        log = await anna.page.heard("log")
        assert (log["log"][0]["reason"], log["log"][0]["role"]) == ("remote-hung-up", "caller")
