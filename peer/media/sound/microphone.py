"""The microphone of this machine as a track."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from peer.media.devices.device_words import MICROPHONE
from peer.media.devices.follower import FollowedDevice
from peer.media.ending import end
from peer.media.live_track import LiveTrack
from peer.media.sound.noise import Suppressor, Untouched
from peer.media.sound.types import SAMPLE_RATE, SAMPLES, SoundSource, SoundSystem, on_both_sides, stereo
from peer.media.trouble import MediaTrouble
from shared.errors import MediaError


class Microphone:
    """An open microphone. It stays open from leg to leg of a call."""

    def __init__(
        self,
        system: SoundSystem,
        name: str,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
        appeared: Callable[[], None] = lambda: None,
        noise: Suppressor | None = None,
    ) -> None:
        """`name` is the configured name, empty for the system's default.

        `tell` is called when the microphone goes or comes back, `appeared` when another one was plugged in. `noise`
        removes noise from the sound.
        """
        self._noise = noise or Untouched()
        self.device: FollowedDevice[SoundSource] = FollowedDevice(
            MICROPHONE, name, lambda: system.devices("microphone", name), system.listen, tell, appeared
        )
        self._track: LiveTrack | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self, tasks: asyncio.TaskGroup) -> None:
        """Open the microphone, or another one while it is missing."""
        await self.device.open(tasks)
        self._task = tasks.create_task(self._listen())

    def track(self) -> LiveTrack:
        """A new track. From now on it gets the sound, and the previous track doesn't."""
        self._track = LiveTrack("audio")
        return self._track

    async def close(self) -> None:
        """Close the microphone."""
        task, self._task = self._task, None
        await end(task)
        await self.device.close()

    async def _listen(self) -> None:
        clock = asyncio.get_running_loop().time
        begin, position = clock(), 0
        before: SoundSource | None = None
        while True:
            source = await self.device.get()
            if source is not before:
                # Sound that was missed leaves a gap; later sound isn't moved forward.
                position = max(position, round((clock() - begin) * SAMPLE_RATE)) if before is not None else 0
                before = source
            try:
                samples = await source.read()
            except MediaError:
                self.device.lost(source)
                continue
            if self._track is not None:
                self._track.put(stereo(on_both_sides(self._noise.process(samples)), position))
            position += SAMPLES
