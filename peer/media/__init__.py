"""Media endpoints: what a call is connected to on our side.

Only names and the factory are here; an endpoint and the media libraries are imported when one is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shared.config import MediaSettings
from shared.errors import ConfigError
from shared.media import Media

if TYPE_CHECKING:
    from peer.leg import Leg

NAMES = ("pattern", "echo", "file", "recorder", "none")
"Every endpoint there is. Two joined by a plus, a sending and a receiving one, are one too: `file+recorder`."


class Endpoint(Protocol):
    """Where the media of one call come from and go to."""

    @property
    def name(self) -> str:
        """As it is written in the configuration."""

    async def attach(self, leg: Leg, media: Media) -> None:
        """Start to send and receive the given kinds on a connected leg.

        May be called again with the next leg of the same call; the one before is left then. Raises MediaError when a
        file or device can't be used; the endpoint is to be detached after that as well.
        """

    async def detach(self) -> None:
        """End everything that was started. Does nothing the second time."""


def make(name: str, settings: MediaSettings, *, recordings: Path, label: str = "") -> Endpoint:
    """An endpoint for one call.

    `recordings` is the folder that a recorder uses where none is set, `label`, usually who the call is with, becomes
    part of a recording's name. Raises ConfigError for a name that doesn't exist or one that lacks its setting.
    """
    if "+" in name:
        from peer.media.both import Both

        sender, _, receiver = name.partition("+")
        return Both(*(make(part, settings, recordings=recordings, label=label) for part in (sender, receiver)))
    match name:
        case "none":
            from peer.media.none import NoMedia

            return NoMedia()
        case "pattern":
            from peer.media.pattern import Pattern

            return Pattern(settings.width, settings.height, settings.fps)
        case "echo":
            from peer.media.echo import Echo

            return Echo()
        case "file":
            from peer.media.file import FilePlayer

            if not settings.file:
                raise ConfigError("No file to play is configured.", "Set `file` under [media].", key="media.file")
            return FilePlayer(Path(settings.file), settings.width, settings.height, settings.fps)
        case "recorder":
            from peer.media.recorder import Recorder

            return Recorder(Path(settings.record_to) if settings.record_to else recordings, label)
    raise ConfigError(f"There is no media endpoint {name!r}.", f"There are: {', '.join(NAMES)}.", key="answer.endpoint")
