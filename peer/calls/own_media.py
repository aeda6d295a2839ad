"""What we send in a call, and what we tell the other side about that. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shared.media import Media
from shared.messages import MediaState

NOTHING = MediaState(audio=False, video=False)


@dataclass(frozen=True, slots=True)
class OwnMedia:
    """How our own sound and picture stand in a call."""

    agreed: Media = Media.NONE
    "What both sides send at most."

    wanted: MediaState | None = None
    "What the endpoint or the page sends, as it said last; None: all that was agreed on."

    on_hold: bool = False
    "We have put the call on hold, or it is over."

    remote_on_hold: bool = False
    "The other side has put it on hold."

    picture_paused: bool = False
    "The picture doesn't fit through beside the sound."

    @property
    def silent(self) -> bool:
        """Whether nothing is sent, whatever the endpoint does."""
        return self.on_hold or self.remote_on_hold

    @property
    def told(self) -> MediaState:
        """What we tell the other side. It knows itself that it has the call on hold."""
        if self.on_hold:
            return NOTHING
        sends = self.wanted or MediaState(audio=Media.AUDIO in self.agreed, video=Media.VIDEO in self.agreed)
        if self.picture_paused and sends.video:
            return MediaState(audio=sends.audio, video=False, paused=True)
        return sends
