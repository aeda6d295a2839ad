"""Which kinds of media a call carries."""

from __future__ import annotations

import enum

from shared.errors import InputError


class Media(enum.IntFlag):
    """A set of media kinds, as in links: bit 0 audio, bit 1 video."""

    NONE = 0
    AUDIO = 1
    VIDEO = 2
    BOTH = 3

    @classmethod
    def parse(cls, text: str) -> Media:
        """Read what a person writes after a name: `audio`, or `video` for picture and sound.

        Raises InputError for anything else.
        """
        match text.lower():
            case "audio" | "voice":
                return cls.AUDIO
            case "video":
                return cls.BOTH
        raise InputError("A call is either audio or video.", "Write for example: /call anna video")

    @property
    def words(self) -> str:
        """For people: `audio`, `video` (with sound), `picture only` or `nothing`."""
        return {0: "nothing", 1: "audio", 2: "picture only", 3: "video"}[int(self)]
