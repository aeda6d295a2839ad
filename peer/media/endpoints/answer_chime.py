"""The notice of an automatic answer: a tone on both sides of the call, whatever the endpoint is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from peer.media.ending import end
from peer.media.rtp.sending import Sending
from peer.media.sound.play import play
from peer.media.sound.tones import Tone, ToneFirst, tone
from shared.config.schema import Devices
from shared.errors import LegFailed, MediaError
from shared.media import Media

if TYPE_CHECKING:
    from peer.media import Endpoint
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)

CHIME = ((660.0, 0.2), (880.0, 0.2), (660.0, 0.2))
"Three short notes in hertz and seconds, unlike any ringing or busy tone. The handset page plays the same."

CHIME_SECONDS = sum(seconds for _, seconds in CHIME)

READY_SECONDS = 2.0
"How long the chime waits for the other side's control channel, which takes two round trips, and its first packet."


class Announced:
    """An endpoint whose sound begins with the chime. The chime is also played on this machine.

    The other side hears the chime in the sound that it receives, with any program. Anyone near this machine hears it
    from the handset page or the speaker, if there is one. docs/endpoints.md says who plays it in which case.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        devices: Devices,
        chime: Callable[[], bool] = lambda: False,
        unheard: Callable[[], None] = lambda: None,
    ) -> None:
        """`chime` and `unheard` are those of CallContext."""
        self.name = endpoint.name
        self._endpoint = endpoint
        self._devices = devices
        self._chime = chime
        self._unheard = unheard
        self._sound = tone(*CHIME)
        self._tone = Tone(self._sound)
        self._sending = Sending()
        "Sends the chime if the endpoint sends no sound."

        self._given = False
        self._bell: asyncio.Task[None] | None = None
        self._saying: asyncio.Task[None] | None = None

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Attach the endpoint. The first time, begin with the chime. Raises what the endpoint's `attach` raises."""
        if not self._given:
            self._given = True
            if not self._chime():
                self._bell = tasks.create_task(self._ring())
            # Wait until the other side knows of the automatic answer, because it may play the notice itself. Wait also
            # until it sends sound, because only then can it play ours.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(READY_SECONDS):
                    await leg.introduced.wait()
                    if Media.AUDIO in media:
                        await _first_packet(leg)
        await end(self._saying)
        over = leg.announce(self._tone.before)
        await self._endpoint.attach(leg, media, tasks)
        self._saying = tasks.create_task(self._say(leg, media, tasks, over))

    async def detach(self) -> None:
        """Detach the endpoint and end the chime."""
        for task in (self._bell, self._saying):
            await end(task)
        self._bell = self._saying = None
        await self._endpoint.detach()
        await self._sending.stop()

    async def _say(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup, over: Callable[[], None]) -> None:
        """Send the chime alone if the endpoint sends no sound that the chime could precede. Then call `over`."""
        if Media.AUDIO in media and not leg.sends("audio") and not self._tone.over:
            alone = ToneFirst(self._tone)
            try:
                with contextlib.suppress(LegFailed):
                    await self._sending.start(leg, [alone], tasks, endless=False)
                    await alone.played.wait()
            finally:
                # Sound that is relayed later must not be a second stream beside this one.
                await self._sending.stop()
        over()

    async def _ring(self) -> None:
        """Play the chime on the speaker of this machine."""
        try:
            await play(self._sound, self._devices)
        except MediaError as error:
            logger.info("the chime isn't heard here: %s", error.sentence)
            self._unheard()


async def _first_packet(leg: Leg) -> None:
    """Wait until the other side has sent an RTP or RTCP packet."""
    arrived = asyncio.Event()

    async def note(packet: bytes) -> None:
        arrived.set()

    leg.tap(note)
    try:
        await arrived.wait()
    finally:
        leg.untap(note)
