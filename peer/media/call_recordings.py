"""Where recordings of calls go, and the tone that tells a person that the other side has started to record."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from peer.media import DEVICES
from peer.media.recording_limits import RecordingLimits
from peer.media.sound.play import play
from peer.media.sound.tones import tone
from peer.media.trouble import MediaTrouble
from shared.config.schema import Config
from shared.errors import MediaError

if TYPE_CHECKING:
    from peer.media.endpoints.recorder import Recorder

logger = logging.getLogger(__name__)

SIGNAL = ((1400.0, 0.2), (1400.0, 0.2))
"Two short notes in hertz and seconds, higher than the program's other tones. The handset page plays the same."


class CallRecordings:
    """Makes the recorders of calls, as configured."""

    def __init__(self, config: Config, folder: Path, limits: RecordingLimits | None = None) -> None:
        """`folder` is where recordings go if the configuration names no folder. `limits` None: as configured."""
        self._devices = config.devices
        self._folder = Path(config.media.record_to) if config.media.record_to else folder
        self._limits = limits or RecordingLimits.of(config.media)

    def recorder(self, label: str, recorded: Callable[[Path], None], tell: Callable[[MediaTrouble], None]) -> Recorder:
        """A recorder for one recording. `label` becomes part of the file's name."""
        from peer.media.endpoints.recorder import Recorder  # few calls are recorded, so load it late

        return Recorder(self._folder, label, recorded, limits=self._limits, tell=tell, both=True)

    async def sound(self, endpoint: str) -> None:
        """Play the tone on this machine's speaker if the call is heard there. The page plays it itself."""
        if DEVICES not in endpoint.split("+"):
            return
        try:
            await play(tone(*SIGNAL), self._devices)
        except MediaError as error:
            logger.info("the tone of a recording isn't heard here: %s", error.sentence)
