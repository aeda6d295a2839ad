"""The notice of an automatic answer is heard once on each side, whatever endpoints there are.

Chromium and the speakers of the two programs play into a real sound server. Each person's `air` is what is heard at
their desk, from the page and from the program's speaker.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.kinds import Kind
from peer.media.endpoints.answer_chime import CHIME
from tests.bot.console import Person, befriend, people
from tests.browser.chromium import PATIENCE
from tests.browser.people import Somebody, both_ways, somebody
from tests.peer.handset.wire import wire_page
from tests.peer.media.pulse_server import Ears, PulseServer, need_pulseaudio, note_in
from tests.peer.media.tone import SAMPLE_RATE

pytestmark = pytest.mark.slow

ONCE = [hertz for hertz, _ in CHIME]

NAMES = ("anna", "bob")

AFTER_SECONDS = 1.5
"How long to listen for a second notice."


WINDOW = SAMPLE_RATE // 25

STEP = WINDOW // 4

LASTS = 20
"The most windows from the first to the last of a note, which a busy machine plays in pieces."

ENOUGH = 3
"How many of these windows make a note of a pitch."


class Desk:
    """The sound at a person's desk, and the notes of the chime in it."""

    def __init__(self, name: str, ears: Ears) -> None:
        self.notes: list[float] = []
        "The notes in order. A broken note counts once."

        self._name = name
        self._ears = ears
        self._at = 0
        self._pitches: deque[float] = deque(maxlen=LASTS)
        "The pitches of the last windows, since a note was found."

    @property
    def once(self) -> bool:
        """Whether the notice was heard exactly once. A busy machine may have lost one of its three notes."""
        rest = iter(ONCE)
        return set(self.notes) == set(ONCE) and all(note in rest for note in self.notes)

    async def listen(self, seconds: float) -> None:
        """Listen for `seconds`."""
        end = len(self._ears.heard) + seconds * SAMPLE_RATE
        while len(self._ears.heard) < end:
            await self._ears.listen(0.1)
            while self._at + WINDOW <= len(self._ears.heard):
                self._take(self._ears.heard[self._at : self._at + WINDOW])
                self._at += STEP

    async def until_the_chime(self) -> None:
        """Listen until it was heard, and a while longer."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not self.once:
                    await self.listen(0.1)
        except TimeoutError:
            raise AssertionError(f"At {self._name}'s desk only {self.notes} of {ONCE} was heard.") from None
        await self.listen(AFTER_SECONDS)

    def _take(self, part: array.array[int]) -> None:
        pitch = note_in(part, *ONCE)
        self._pitches.append(pitch)
        if pitch and self._pitches.count(pitch) == ENOUGH and self.notes[-1:] != [pitch]:
            self.notes.append(pitch)
            self._pitches.clear()


@pytest.fixture
async def sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PulseServer]:
    """A running sound server that the programs find, with the desks of both."""
    need_pulseaudio()
    server = PulseServer(tmp_path / "sound")
    (tmp_path / "sound").mkdir()
    for name in ("PULSE_SERVER", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, server.environment[name])
    async with server.running(*NAMES):
        yield server


def sits_at(name: str, endpoint: str, *, page: bool = True, system: str = "pulse") -> str:
    """The configuration of a person with that endpoint, whose program has a speaker in any case."""
    return (
        f'[answer]\nendpoint = "{endpoint}"\n'
        f'[devices]\nsound = "{system}"\nmicrophone = "{name}_microphone"\nspeaker = "{name}_ear"\ncamera = "none"\n'
        f"[handset]\nport = 0\nenabled = {str(page).lower()}\n"
    )


@contextlib.asynccontextmanager
async def friends(folder: Path, anna: str, bob: str) -> AsyncIterator[tuple[Person, Person]]:
    """Two programs. Bob's answers Anna's calls automatically."""
    async with people(folder, *NAMES, configs={"anna": anna, "bob": bob}) as (caller, callee):
        await befriend(caller, callee)
        await callee.asked("/contact trust anna", kind="contact.trusted")
        yield caller, callee


@contextlib.asynccontextmanager
async def at_the_page(node: Person, sound: PulseServer) -> AsyncIterator[Somebody]:
    """A person at the page of a program, whose browser is heard at their desk."""
    async with somebody(node, speaker=sound.played_into(f"{node.name}_ear")) as person:
        # Browsers let a page play sound once the person has touched it.
        await person.page.page.mouse.click(30, 30)
        yield person


@contextlib.asynccontextmanager
async def heard_once(sound: PulseServer) -> AsyncIterator[None]:
    """Listen at both desks, and on for a while after the block. Check that the chime was heard once at each."""
    async with sound.heard("anna") as at_annas, sound.heard("bob") as at_bobs:
        desks = Desk("anna", at_annas), Desk("bob", at_bobs)
        async with asyncio.TaskGroup() as listening:
            for desk in desks:
                listening.create_task(desk.until_the_chime())
            yield
        assert all(desk.once for desk in desks), [desk.notes for desk in desks]


async def test_from_page_to_page_the_chime_is_heard_once_on_each_side(tmp_path: Path, sound: PulseServer) -> None:
    async with (
        friends(tmp_path, sits_at("anna", "handset"), sits_at("bob", "handset")) as (anna_node, bob_node),
        at_the_page(anna_node, sound) as anna,
        at_the_page(bob_node, sound) as bob,
        heard_once(sound),
    ):
        await anna.page.place("bob")
        await both_ways(anna, bob)
        await anna.page.says(Kind.REMOTE_ANSWERED_AUTOMATICALLY)
        await bob.page.says(Kind.ANSWERED_AUTOMATICALLY)


@pytest.mark.parametrize("endpoint", ["devices", "none"])
async def test_a_page_that_calls_a_program_without_one_hears_it_once(
    tmp_path: Path, sound: PulseServer, endpoint: str
) -> None:
    config = sits_at("bob", endpoint, page=False)
    async with (
        friends(tmp_path, sits_at("anna", "handset"), config) as (anna_node, _),
        at_the_page(anna_node, sound) as anna,
        heard_once(sound),
    ):
        await anna.page.place("bob", "audio")
        await anna.page.call("active")
        await anna.page.says(Kind.REMOTE_ANSWERED_AUTOMATICALLY)


async def test_a_page_that_is_called_from_devices_sounds_it_for_its_side_alone(
    tmp_path: Path, sound: PulseServer
) -> None:
    async with (
        friends(tmp_path, sits_at("anna", "devices", page=False), sits_at("bob", "handset")) as (anna, bob_node),
        at_the_page(bob_node, sound) as bob,
        heard_once(sound),
    ):
        anna.write("/call bob audio")
        await bob.page.call("active")
        await bob.page.receives("audio")


async def test_a_page_with_devices_behind_it_leaves_the_chime_to_one_of_them(
    tmp_path: Path, sound: PulseServer
) -> None:
    async with (
        friends(tmp_path, sits_at("anna", "devices"), sits_at("bob", "devices")) as (anna_node, bob_node),
        at_the_page(anna_node, sound) as anna,
        at_the_page(bob_node, sound) as bob,
        heard_once(sound),
    ):
        anna_node.write("/call bob audio")
        await anna.page.says(Kind.REMOTE_ANSWERED_AUTOMATICALLY)
        await bob.page.says(Kind.ANSWERED_AUTOMATICALLY)


async def test_of_the_answering_machine_the_chime_comes_first_and_once(tmp_path: Path, sound: PulseServer) -> None:
    # Until then his page has fallen silent, also on a busy machine.
    config = sits_at("bob", "handset").replace("[devices]", "machine_after = 9\n[devices]")
    async with (
        friends(tmp_path, sits_at("anna", "handset"), config) as (anna_node, bob_node),
        at_the_page(anna_node, sound) as anna,
        at_the_page(bob_node, sound) as bob,
    ):
        await bob_node.asked("/contact ring anna", kind="contact.rings")
        await anna.page.place("bob", "audio")
        # The ring tone has much the same notes, and is silent at once.
        await bob.page.says(Kind.RINGS)
        await bob.page.page.keyboard.press("Escape")
        async with sound.heard("bob") as ears:
            await ears.until_silent()
        async with heard_once(sound):
            await anna.page.call("active")
            await bob.page.says(Kind.TAKES_MESSAGE)


async def test_the_speaker_gives_it_where_the_browser_lets_no_page_be_heard(tmp_path: Path, sound: PulseServer) -> None:
    async with friends(tmp_path, sits_at("anna", "devices", page=False), sits_at("bob", "handset")) as (anna, bob):
        async with wire_page(bob) as (page, _), heard_once(sound):
            await page.say("audible", on=False)
            anna.write("/call bob audio")
            assert not (await page.next("answered-alone", by="us"))["chime"]
            await page.next("call", state="active")
        # A page that comes later shows it silently.
        async with wire_page(bob) as (page, _):
            await page.say("audible", on=True)
            assert not (await page.next("answered-alone", by="us"))["chime"]
            await page.ask("want-offer", call=99)
            assert not [each for each in page.heard if each["type"] == "answered-alone"]


async def test_without_any_speaker_the_first_page_that_can_be_heard_gives_it(
    tmp_path: Path, sound: PulseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    async with friends(tmp_path, sits_at("anna", "none", page=False), sits_at("bob", "handset")) as (anna, bob_node):
        anna.write("/call bob audio")
        await bob_node.call("active")
        async with sound.heard("bob") as ears, at_the_page(bob_node, sound) as bob:
            await bob.page.heard("answered-alone", chime=True)
            desk = Desk("bob", ears)
            await desk.until_the_chime()
            assert desk.once, desk.notes
            await bob.page.reload()
            await bob.page.says(Kind.ANSWERED_AUTOMATICALLY)
            await desk.listen(AFTER_SECONDS)
            assert desk.once, desk.notes
