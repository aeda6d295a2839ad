"""The handset page in Firefox: against the demo, and in calls with somebody at Chromium, between two real programs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot.kinds import Kind
from peer.media.call_recordings import SIGNAL
from tests.bot.console import Person, befriend, people
from tests.bot.test_conversations import tone
from tests.bot.test_recording import FOUR_TRACKS, grows, recordings
from tests.browser import faces
from tests.browser.chromium import Browser, PageView
from tests.browser.firefox import firefox, require_firefox
from tests.browser.people import AT_THE_PAGE, Somebody, both_ways, connect, running_demo, somebody
from tests.browser.pictures import WIDE, taken
from tests.browser.shown_people import PATTERN, PLACES, SIGNS, Sign, meets, sends
from tests.browser.test_recorded_between_pages import plays, records, sees_no_mark, sees_red
from tests.browser.test_three_pages import SMALL_PATTERN, stranger
from tests.peer.media.pulse_server import Ears, PulseServer, frequency, need_pulseaudio, notes
from tests.peer.media.tone import SAMPLE_RATE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

PATTERN_HERTZ = 440.0

FIREFOX_HERTZ = 1000.0
"The tone that Firefox's fake microphone hears."

FIREFOX = Sign(None, round(FIREFOX_HERTZ))

LOUD = 200.0
"The effective value of a sound that is heard well, of at most 32,767."


@dataclass
class Desk:
    """A Firefox, and a capture of what its speaker plays."""

    browser: Browser
    sound: PulseServer

    @contextlib.asynccontextmanager
    async def at(self, address: str) -> AsyncIterator[PageView]:
        """Open a handset page in Firefox."""
        page = await self.browser.open(address)
        try:
            await page.heard("hello")
            yield page
        finally:
            await page.page.close()

    @contextlib.asynccontextmanager
    async def ears(self) -> AsyncIterator[Ears]:
        """Capture what the speaker plays from now on."""
        async with self.sound.heard("room") as ears:
            yield ears


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One Firefox for all tests of this file, because it takes seconds to start."""
    need_pulseaudio()
    require_firefox()
    sound = PulseServer(tmp_path_factory.mktemp("sound"))
    async with sound.running("room") as [room]:
        async with sound.started("pactl", "set-default-sink", room.ear) as process:
            assert await process.wait() == 0
        async with firefox(tmp_path_factory.mktemp("firefox"), sound) as browser:
            yield Desk(browser, sound)
            assert not browser.problems, browser.problems


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Somebody, Somebody]]:
    """Anna at Firefox and Bob at Chromium."""
    folder = tmp_path_factory.mktemp("two")
    async with (
        people(folder, "anna", "bob", config=AT_THE_PAGE) as (anna, bob),
        somebody(bob, open_page=False, camera=faces.camera(faces.BOB)) as at_chromium,
    ):
        # After a call between strangers, the next page would ask again whether to save them.
        await befriend(anna, bob)
        yield Somebody(anna, desk.browser, PageView(None)), at_chromium


@pytest_asyncio.fixture(loop_scope="module")
async def call(two: tuple[Somebody, Somebody]) -> AsyncIterator[tuple[Somebody, Somebody]]:
    """A new call for each test, with new pages."""
    for person in two:
        await person.open()
    try:
        await connect(*two)
        await both_ways(*two)
        yield two
    finally:
        for person in two:
            await person.node.calm()
            await person.page.page.close()


async def test_firefox_shows_and_plays_the_pattern(desk: Desk) -> None:
    async with running_demo() as address, desk.at(address) as page, desk.ears() as ears:
        await page.press("Video call to pattern")
        await page.call("active")
        await page.receives("audio", "video")
        await page.pictures_are(640, 480)
        await heard(ears, PATTERN_HERTZ)
        await page.press("Hang up")
        assert (await page.call("ended"))["report"]["reason"] == "hung-up"


async def test_firefox_and_chromium_see_and_hear_each_other(desk: Desk, call: tuple[Somebody, Somebody]) -> None:
    anna, bob = call
    async with desk.ears() as ears:
        await bob.page.hears(FIREFOX_HERTZ, seconds=1.5)
        # Chromium's microphone beeps once a second.
        await ears.until_heard(LOUD)
    for person in call:
        shown = (await person.page.stats())["in_video"]
        assert shown["frameWidth"] * 3 == shown["frameHeight"] * 4
    assert not desk.browser.problems, desk.browser.problems
    await anna.page.page.set_viewport_size(WIDE)
    await taken(anna.page.page, "firefox")
    # Playwright adds a style to a page before it takes a screenshot, and the page's policy blocks that style.
    desk.browser.problems.clear()


async def test_what_either_turns_off_the_other_is_told_and_gets_no_more(
    desk: Desk, call: tuple[Somebody, Somebody]
) -> None:
    for one, other in (call, call[::-1]):
        await one.page.press("Mute")
        await one.page.press("Camera off")
        await other.page.remote(audio=False, video=False, screen=False)
        await other.page.shows("Their camera is off")
        await other.page.silent("video")
        if other is call[0]:
            async with desk.ears() as ears:
                await ears.until_silent(1.5)
        else:
            await other.page.hears_nothing()
        await one.page.press("Unmute")
        await one.page.press("Camera on")
        await other.page.remote(audio=True, video=True, screen=False)
        await both_ways(*call)


async def test_lines_pass_both_ways_and_hanging_up_in_firefox_ends_both(call: tuple[Somebody, Somebody]) -> None:
    anna, bob = call
    await anna.page.write("ĉu vi vidas min?")
    await bob.page.shows("ĉu vi vidas min?")
    await bob.page.write("yes <b>& hear</b>")
    await anna.page.shows("yes <b>& hear</b>")
    await anna.page.press("Hang up")
    assert (await bob.page.call("ended"))["report"]["reason"] == "remote-hung-up"
    await anna.page.call("ended")


async def test_after_a_reload_of_either_in_the_middle_both_are_back(call: tuple[Somebody, Somebody]) -> None:
    for person in call:
        await person.page.reload()
        await both_ways(*call)
        assert (await person.page.call("active"))["report"]["state"] == "active"


async def test_a_recording_shows_and_sounds_in_firefox_which_refuses_it_and_records_itself(
    desk: Desk, call: tuple[Somebody, Somebody]
) -> None:
    anna, bob = call
    hertz = SIGNAL[0][0]
    await bob.page.press("Mute")
    async with desk.ears() as ears:
        await ears.until_silent(1.0)
        await bob.page.press("Record")
        await sees_red(anna.page, "is recording this call.")
        async with asyncio.timeout(20):
            while hertz not in notes(ears.heard, hertz):
                await ears.listen(0.1)
    await bob.page.press("Unmute")
    await both_ways(anna, bob)
    await grows(bob.node, 1)
    await anna.page.press("Refuse")
    assert "refused" in await bob.page.says(Kind.RECORDING_REFUSED)
    await asyncio.gather(*(sees_no_mark(person.page) for person in call))

    await anna.page.press("Record")
    await records(anna, bob)
    await grows(anna.node, 1)
    await anna.page.press("Stop recording")
    await asyncio.gather(*(sees_no_mark(person.page) for person in call))
    for person in call:
        (recording,) = recordings(person.node)
        assert await plays(recording) == FOUR_TRACKS
    # The other side's sound is the first track.
    (of_firefox,) = recordings(bob.node)
    assert abs(await asyncio.to_thread(tone, of_firefox) - FIREFOX_HERTZ) < 5


@contextlib.asynccontextmanager
async def three(desk: Desk, folder: Path) -> AsyncIterator[tuple[Somebody, Somebody, Person]]:
    """Anna at Firefox, Bob at Chromium, and Carol without a page. Anna and Carol know only Bob."""
    configs = {"anna": AT_THE_PAGE, "bob": AT_THE_PAGE, "carol": SMALL_PATTERN}
    async with people(folder, *configs, configs=configs) as (anna_node, bob_node, carol):
        for other in (anna_node, carol):
            await befriend(other, bob_node)
        async with somebody(bob_node, open_page=False) as bob:
            anna = Somebody(anna_node, desk.browser, PageView(None))
            await anna.open(PLACES)
            await bob.open(sends(SIGNS["bob"]), PLACES)
            try:
                yield anna, bob, carol
            finally:
                await anna.page.page.close()


async def test_firefox_is_one_of_three_who_see_and_hear_each_other_and_is_recorded_there(
    desk: Desk, tmp_path: Path
) -> None:
    async with three(desk, tmp_path) as (anna, bob, carol):
        await bob.page.place("anna")
        await anna.page.answer()
        await bob.page.call("active")
        carol.write("/call bob")
        await bob.page.shows("is also calling (video)")
        await bob.page.press("Hold and answer")
        await carol.call("active")
        await anna.page.shows("You are on hold")

        await bob.page.press("Merge calls")
        await anna.page.shows("the one with “carol”")
        await anna.page.press("Agree")
        await carol.told(kind=Kind.CONVERSATION_ASKED)
        await carol.asked("/agree", kind=Kind.CONVERSATION_AGREED)
        await meets(anna.page, {"bob": SIGNS["bob"], stranger(carol): PATTERN})
        await meets(bob.page, {"anna": FIREFOX, "carol": PATTERN})

        # Carol's recordings show what her program received from the other two. Firefox shows who is recording, and ends
        # the recording of itself only.
        for number, (whom, sign) in enumerate(((anna.node.node, FIREFOX), ("bob", SIGNS["bob"])), 1):
            carol.write(f"/record {whom}")
            await carol.told(kind=Kind.RECORDING_STARTED)
            await grows(carol, number)
            latest = recordings(carol)[-1]
            assert abs(await asyncio.to_thread(tone, latest) - sign.hertz) < 5
        for person in (anna, bob):
            await person.page.shows("is recording")
        await anna.page.press("Refuse")
        await sees_no_mark(anna.page)
        await carol.told(kind=Kind.RECORDING_REFUSED)
        await bob.page.shows("is recording")

        await bob.page.press("Hang up")
        await meets(anna.page, {"Somebody you haven't saved": PATTERN})
        carol.write("/hangup")
        await anna.page.call("ended")


async def heard(ears: Ears, hertz: float) -> None:
    """Listen until half a second of the sound is that tone. Other sounds of the page end after a while."""
    async with asyncio.timeout(20):
        while True:
            await ears.listen(0.25)
            if abs(frequency(ears.heard[-SAMPLE_RATE // 2 :]) - hertz) < 5:
                return
