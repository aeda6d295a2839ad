"""The notice of a call that was answered without asking: a tone on both sides, whatever endpoint answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from peer.media.sending import Sending
from peer.media.sound import open_sound
from peer.media.tasks import end
from peer.media.tones import Tone, ToneFirst, tone
from shared.config import Devices
from shared.errors import MediaError
from shared.media import Media

if TYPE_CHECKING:
    from peer.leg import Leg
    from peer.media import Endpoint

logger = logging.getLogger(__name__)

CHIME = ((660.0, 0.2), (880.0, 0.2), (660.0, 0.2))
"Three short notes, unlike any ringing or engaged tone: hertz and seconds."


class Announced:
    """An endpoint whose sound begins with the chime, while the chime is also heard where it stands.

    The other side hears it in what is sent, and so with any program; who is near this machine hears it from the
    speaker, if there is one.
    """

    def __init__(self, endpoint: Endpoint, devices: Devices, attended: Callable[[], bool] = lambda: False) -> None:
        """`attended` tells whether something else gives the notice on this side."""
        self.name = endpoint.name
        self._endpoint = endpoint
        self._devices = devices
        self._attended = attended
        self._sound = tone(*CHIME)
        self._tone = Tone(self._sound)
        self._sending = Sending()
        "Of the chime, where the endpoint has no sound."

        self._given = False
        self._bell: asyncio.Task[None] | None = None

    async def attach(self, leg: Leg, media: Media) -> None:
        """Attach the endpoint; the first time with the chime. Raises as the endpoint does."""
        if not self._given:
            self._given = True
            if not self._attended():
                self._bell = asyncio.create_task(_ring(self._devices, self._sound))
        leg.before_sound = self._tone.before
        await self._endpoint.attach(leg, media)
        if Media.AUDIO in media and not leg.sends("audio") and not self._tone.over:
            await self._sending.start(leg, [ToneFirst(self._tone)])

    async def detach(self) -> None:
        """Detach the endpoint."""
        bell, self._bell = self._bell, None
        await end(bell)
        await self._endpoint.detach()
        await self._sending.stop()


async def _ring(devices: Devices, sound: bytes) -> None:
    """Play the chime on the speaker of this machine."""
    try:
        sink = await (await open_sound(devices)).speak(devices.speaker)
    except MediaError as error:
        logger.info("the chime isn't heard here: %s", error.sentence)
        return
    try:
        await sink.write(sound)
        await sink.close(drain=True)
    except MediaError as error:
        logger.info("the chime isn't heard here: %s", error.sentence)
    finally:
        await sink.close()
