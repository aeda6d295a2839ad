"""Microphones and speakers that disappear, come back or are missing, in a call through a real sound server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from peer.media.endpoints.devices import LocalDevices
from peer.media.sound.pulse import Pulse
from peer.media.trouble import MediaTrouble
from shared.config.schema import Devices
from shared.errors import MediaError
from shared.media import Media
from tests.peer.media.pulse_server import PulseServer
from tests.peer.media.tone import SAMPLE_RATE, sine
from tests.peer.pair import connected

pytestmark = pytest.mark.slow

CLEAR = 2_000

PATIENCE = 60.0

PARTS = (("microphone", "microphone"), ("speaker", "ear"))
"The parts of a headset, with the endings of their names."


class Told:
    """The devices of one side, and the messages about them."""

    def __init__(self, microphone: str, speaker: str) -> None:
        self.said: asyncio.Queue[MediaTrouble] = asyncio.Queue()
        self.devices = LocalDevices(
            Devices(sound="pulse", microphone=microphone, speaker=speaker, camera="none"), tell=self.said.put_nowait
        )

    async def next(self) -> MediaTrouble:
        async with asyncio.timeout(PATIENCE):
            return await self.said.get()


@asynccontextmanager
async def call(anna: Told, ben: Told) -> AsyncIterator[None]:
    async with connected() as legs:
        await anna.devices.attach(legs.caller, Media.AUDIO, legs.tasks)
        await ben.devices.attach(legs.callee, Media.AUDIO, legs.tasks)
        try:
            yield
            assert legs.caller.connected
            assert legs.callee.connected
        finally:
            await anna.devices.detach()
            await ben.devices.detach()


async def until_heard(server: PulseServer, voice: str, air: str) -> None:
    """Play a tone into a sink until it is heard at the ear of an air."""

    async def say() -> None:
        while True:
            await server.say(voice, sine(997.0, 2 * SAMPLE_RATE))

    async with asyncio.timeout(PATIENCE), server.heard(air) as ears:
        saying = asyncio.create_task(say())
        try:
            await ears.until_heard(CLEAR)
        finally:
            saying.cancel()
            await asyncio.wait([saying])
        await ears.until_silent()


async def test_a_microphone_that_goes_gives_way_to_another_one_until_it_is_back(server: PulseServer) -> None:
    async with server.running("there", "back"):
        anna, ben = Told("there_microphone", "back_ear"), Told("back_microphone", "there_ear")
        async with call(anna, ben):
            await until_heard(server, "there_voice", "there")
            module = await server.unplug("there_microphone")
            gone = await anna.next()
            assert gone.sentence == "Your microphone there_microphone is gone. Using back_microphone instead."
            assert gone.sends == Media.AUDIO
            await until_heard(server, "back_voice", "there")
            await server.load(*module)
            back = await anna.next()
            assert back.sentence == "Your microphone there_microphone is back."
            assert back.sends == Media.AUDIO
            await until_heard(server, "there_voice", "there")
        assert anna.said.empty()
        assert ben.said.empty()


async def test_without_another_microphone_both_sides_learn_that_nothing_is_heard(server: PulseServer) -> None:
    async with server.running("there"):
        anna, ben = Told("there_microphone", "there_ear"), Told("there_microphone", "there_ear")
        async with call(anna, ben):
            module = await server.unplug("there_microphone")
            gone = await anna.next()
            # A monitor of a speaker isn't used as a microphone, because the others would hear themselves.
            assert gone.sentence == "Your microphone there_microphone is gone. They can't hear you."
            assert gone.hint
            assert gone.sends == Media.NONE
            await server.load(*module)
            back = await anna.next()
            assert back.sentence == "Your microphone there_microphone is back."
            assert back.sends == Media.AUDIO
            await until_heard(server, "there_voice", "there")


async def test_a_speaker_that_goes_gives_way_to_another_one_until_it_is_back(server: PulseServer) -> None:
    async with server.running("there", "back"):
        anna, ben = Told("there_microphone", "back_ear"), Told("back_microphone", "there_ear")
        async with call(anna, ben):
            await until_heard(server, "there_voice", "there")
            module = await server.unplug("there_ear")
            gone = await ben.next()
            assert gone.sentence.startswith("Your speaker there_ear is gone. Using ")
            assert gone.sends == Media.AUDIO
            await server.load(*module)
            assert (await ben.next()).sentence == "Your speaker there_ear is back."
            await until_heard(server, "there_voice", "there")
        assert anna.said.empty()


async def test_the_default_microphone_that_goes_and_comes_back_needs_no_configuration(server: PulseServer) -> None:
    async with server.running("there"):
        anna, ben = Told("", "there_ear"), Told("there_microphone", "there_ear")
        async with call(anna, ben):
            module = await server.unplug("there_microphone")
            assert (await anna.next()).sentence == "Your microphone there_microphone is gone. They can't hear you."
            await server.load(*module)
            assert (await anna.next()).sentence == "Your microphone there_microphone is back."
            await until_heard(server, "there_voice", "there")


async def test_devices_that_are_configured_and_gone_cost_a_sentence_each_and_not_the_call(server: PulseServer) -> None:
    async with server.running("there", "back"):
        anna, ben = Told("nose", "mouth"), Told("back_microphone", "there_ear")
        async with call(anna, ben):
            said = [await anna.next(), await anna.next()]
            assert said[0].sentence.startswith("Your speaker mouth isn't there. Using ")
            assert said[1].sentence.startswith("Your microphone nose isn't there. Using ")
            assert "`microphone` under [devices]" in said[1].hint
            used = said[1].sentence.removesuffix(" instead.").rpartition(" ")[2]
            await until_heard(server, used.replace("_microphone", "_voice"), "there")


async def headset(server: PulseServer, name: str) -> None:
    """Plug in a headset: a speaker, and a microphone that hears what is played into `{name}_voice`."""
    await server.load("null-sink", f"sink_name={name}_voice rate=48000 channels=1 channel_map=mono")
    await server.load("null-sink", f"sink_name={name}_ear rate=48000 channels=2")
    await server.load("remap-source", f"source_name={name}_microphone master={name}_voice.monitor")


async def test_a_headset_that_is_plugged_in_is_offered(server: PulseServer) -> None:
    async with server.running("there", "back"):
        anna, ben = Told("there_microphone", "back_ear"), Told("back_microphone", "there_ear")
        async with call(anna, ben):
            await until_heard(server, "there_voice", "there")
            await headset(server, "new")
            for told in (anna, ben):
                said = ""
                # One line names both parts, unless a second passes between the two on a busy machine.
                while not all(f"the {part} new_{name}" in said for part, name in PARTS):
                    offered = await told.next()
                    assert offered.sentence.startswith("You plugged in the ")
                    assert "under [devices]" in offered.hint
                    assert offered.sends is None
                    said += offered.sentence
            await until_heard(server, "there_voice", "there")


async def test_a_headset_that_the_desktop_makes_its_default_is_used_at_once(server: PulseServer) -> None:
    async with server.running("there"):
        anna, ben = Told("", "there_ear"), Told("there_microphone", "there_ear")
        async with call(anna, ben):
            await until_heard(server, "there_voice", "there")
            await headset(server, "new")
            await server.make_default("source", "new_microphone")
            await until_heard(server, "new_voice", "there")


async def test_changes_are_events_of_the_server_and_end_with_it(server: PulseServer) -> None:
    changes = Pulse().changes()
    async with server.running("there"), asyncio.timeout(PATIENCE):
        await anext(changes)
        await server.unplug("there_microphone")
        await anext(changes)

    async def rest() -> None:
        async for _ in changes:
            pass

    with pytest.raises(MediaError, match="doesn't answer"):
        async with asyncio.timeout(PATIENCE):
            await rest()
