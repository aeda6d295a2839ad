"""What the owner reads about their own sound and picture during a call."""

from __future__ import annotations

import msgspec

from shared.media import Media


class MediaTrouble(msgspec.Struct, frozen=True):
    """A problem with our own sound or picture, or its end. The owner reads it once."""

    sentence: str

    hint: str = ""
    "What the owner can do about it. May be empty."

    sends: Media | None = None
    "The kinds of media that we still send. None: no change."
