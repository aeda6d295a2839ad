"""Takes a message: plays a greeting and a beep, then records the caller."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from peer.media.ending import end
from peer.media.endpoints import recorder
from peer.media.endpoints.file import FilePlayer
from peer.media.endpoints.recorder import Recorder
from peer.media.rtp.sending import Sending
from peer.media.sound.tones import Tone, ToneFirst, tone
from peer.media.trouble import MediaTrouble
from shared.config.schema import Config
from shared.errors import CopybaraError, LegFailed, MediaError
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)

BEEP = (1_000.0, 0.4)
"The beep's frequency in hertz and its length in seconds."


class AnsweringMachine:
    """Takes the message of one call.

    A new leg continues the greeting or the message where the previous leg was lost.
    """

    name = "answering-machine"

    def __init__(
        self,
        recorder: Recorder,
        greeting: Path | None,
        limits: tuple[int, int, int],
        longest: float,
        finished: Callable[[], None],
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
    ) -> None:
        """`greeting` is a sound or video file; pictures fit `limits` (width, height, pictures per second).

        A message lasts at most `longest` seconds. Then `finished` is called to end the call. `tell` is
        called when the greeting can't be played or the message can't be recorded.
        """
        self._recorder = recorder
        self._greeting = FilePlayer(greeting, *limits, turns=1, tell=tell) if greeting else None
        self._beep = Tone(tone(BEEP))
        self._sending = Sending()
        self._left = longest
        self._finished = finished
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Take the message on this leg instead of the previous one."""
        await self._stop()
        self._task = tasks.create_task(self._take(leg, media, tasks))

    async def detach(self) -> None:
        """End the message and finish its file."""
        await self._stop()
        if self._greeting is not None:
            await self._greeting.detach()
        await self._recorder.detach()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        await end(task)
        await self._sending.stop()

    async def _take(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time
        try:
            await self._greet(leg, media, tasks)
            await self._recorder.attach(leg, media, tasks)
            begin = clock()
            try:
                # A full disk ends the message, and so the call.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._left):
                        await self._recorder.ended.wait()
            finally:
                self._left = max(0.0, self._left - (clock() - begin))
        except LegFailed:
            # The next leg continues from here.
            return
        except CopybaraError as error:
            logger.warning("the answering machine has stopped: %s", error.sentence)
            self._tell(MediaTrouble(f"The answering machine can't take a message. {error.sentence}", error.hint))
        self._finished()

    async def _greet(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Play the rest of the greeting and the beep. Raises LegFailed if the leg is gone."""
        greeting = self._greeting
        if greeting is not None:
            try:
                await greeting.attach(leg, media, tasks)
                await greeting.ended.wait()
            except MediaError as error:
                # Without a greeting, take the message all the same.
                logger.warning("the greeting can't be played: %s", error.sentence)
                self._tell(MediaTrouble(f"The greeting can't be played. {error.sentence}", error.hint))
            await greeting.detach()
            self._greeting = None
        if Media.AUDIO in media and not self._beep.over:
            beep = ToneFirst(self._beep)
            await self._sending.start(leg, [beep], tasks, endless=False)
            await beep.played.wait()
            await self._sending.stop()


def make(config: Config, recordings: Path, context: CallContext) -> AnsweringMachine:
    """Make the endpoint for one call, as configured."""
    settings = config.media
    return AnsweringMachine(
        recorder.make(config, recordings, context),
        Path(config.machine.greeting) if config.machine.greeting else None,
        (settings.width, settings.height, settings.fps),
        config.machine.longest,
        context.finished,
        context.trouble,
    )
