"""How a follower reacts to misbehaving devices, tested without a sound system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from peer.media.devices.choice import FoundDevices
from peer.media.devices.device_words import MICROPHONE, SPEAKER
from peer.media.devices.follower import MAX_QUICK, FollowedDevice
from peer.media.devices.newcomers import Newcomers
from peer.media.trouble import MediaTrouble
from shared.errors import MediaError

PATIENCE = 30.0


class Device:
    """An open device."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Desk:
    """Fake devices: the list of existing ones, those that can't be opened, and a system that may not answer."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.busy: set[str] = set()
        self.answers = True
        self.opened: list[Device] = []
        self.opening: asyncio.Queue[str] = asyncio.Queue()
        self.said: asyncio.Queue[MediaTrouble] = asyncio.Queue()

    async def find(self) -> FoundDevices:
        if not self.answers:
            raise MediaError("The sound system is gone.")
        return FoundDevices(self.names, self.names[0] if self.names else None)

    async def open(self, name: str) -> Device:
        if name in self.busy:
            raise MediaError(f"{name} is busy.", "Wait.")
        self.opened.append(Device(name))
        self.opening.put_nowait(name)
        return self.opened[-1]

    async def told(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return (await self.said.get()).sentence

    @asynccontextmanager
    async def followed(self, wanted: str) -> AsyncIterator[FollowedDevice[Device]]:
        async with asyncio.TaskGroup() as tasks:
            device = FollowedDevice(MICROPHONE, wanted, self.find, self.open, self.said.put_nowait)
            await device.open(tasks)
            yield device
            await device.close()
        assert all(each.closed for each in self.opened)


async def test_a_device_that_cannot_be_opened_gives_way_to_the_next() -> None:
    desk = Desk("webcam", "headset")
    desk.busy = {"headset"}
    async with desk.followed("headset") as device:
        assert await desk.told() == "headset is busy. Using webcam instead."
        assert (await device.get()).name == "webcam"
        # After each change of the devices the follower tries again, but it keeps a working device.
        device.look()
        await asyncio.sleep(0)
        assert not (await device.get()).closed
        desk.busy = set()
        device.look()
        assert await desk.told() == "Your microphone headset is back."
        assert (await device.get()).name == "headset"


async def test_another_default_is_followed_without_a_word() -> None:
    desk = Desk("webcam", "headset")
    async with desk.followed("") as device:
        desk.names = ("headset", "webcam")
        device.look()
        async with asyncio.timeout(PATIENCE):
            assert [await desk.opening.get() for _ in range(2)] == ["webcam", "headset"]
        assert desk.said.empty()


async def test_what_stands_in_the_way_without_an_event_is_tried_again() -> None:
    desk = Desk("webcam")
    desk.busy = {"webcam"}
    async with desk.followed("") as device:
        assert await desk.told() == "webcam is busy. They can't hear you."
        assert device.missing
        desk.busy = set()
        assert await desk.told() == "Your microphone is webcam now."
        assert not device.missing


async def test_a_system_that_does_not_answer_and_does_again() -> None:
    desk = Desk("webcam")
    async with desk.followed("webcam") as device:
        desk.answers = False
        device.lost(await device.get())
        assert await desk.told() == "Your microphone webcam is gone. They can't hear you."
        desk.answers = True
        assert await desk.told() == "Your microphone webcam is back."


async def test_a_device_that_ends_each_time_it_is_opened_is_left_for_the_next() -> None:
    desk = Desk("webcam", "headset")
    async with desk.followed("headset") as device, asyncio.timeout(PATIENCE):
        while (opened := await device.get()).name == "headset":
            device.lost(opened)
        assert await desk.told() == "Your microphone headset is gone. Using webcam instead."
        names = [each.name for each in desk.opened]
        assert names == ["headset"] * (len(names) - 1) + ["webcam"]
        assert len(names) > MAX_QUICK + 1, "it was tried again a few times"


async def test_what_comes_and_is_not_used_is_a_newcomer_once() -> None:
    desk = Desk("webcam")
    came = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        device = FollowedDevice(MICROPHONE, "webcam", desk.find, desk.open, desk.said.put_nowait, came.set)
        await device.open(tasks)
        assert device.newcomers() == []
        # A monitor of a speaker, or a dummy device, isn't a microphone.
        desk.names = ("webcam", "headset", "speaker.monitor", "auto_null")
        device.look()
        async with asyncio.timeout(PATIENCE):
            await came.wait()
        assert device.newcomers() == ["headset"]
        came.clear()
        desk.names = ("webcam", "headset", "other")
        device.look()
        async with asyncio.timeout(PATIENCE):
            await came.wait()
        assert device.newcomers() == ["other"]
        await device.close()
    assert desk.said.empty()


async def test_a_headset_is_offered_in_one_line() -> None:
    microphones, speakers = Desk("webcam"), Desk("screen")
    said: asyncio.Queue[MediaTrouble] = asyncio.Queue()
    coming = Newcomers(said.put_nowait)
    async with asyncio.TaskGroup() as tasks:
        devices = [
            FollowedDevice(kind, "", desk.find, desk.open, desk.said.put_nowait, coming.appeared)
            for kind, desk in ((MICROPHONE, microphones), (SPEAKER, speakers))
        ]
        for device in devices:
            await device.open(tasks)
        offering = tasks.create_task(coming.offer(devices))
        for desk, device in zip((microphones, speakers), devices, strict=True):
            desk.names = (*desk.names, "headset")
            device.look()
        async with asyncio.timeout(PATIENCE):
            offered = await said.get()
        assert offered == MediaTrouble(
            "You plugged in the microphone headset and the speaker headset.",
            "To use it at once, make it the default in your desktop's sound settings.",
        )
        offering.cancel()
        for device in devices:
            await device.close()
