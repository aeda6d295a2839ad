"""What the owner reads about their own sound and picture during a call."""

from __future__ import annotations

import msgspec

from shared.media import Media


class MediaTrouble(msgspec.Struct, frozen=True):
    """Something about our own sound or picture has changed for the worse, or is all right again; told once."""

    sentence: str

    hint: str = ""
    "What to do next; may be empty."

    sends: Media | None = None
    "What we still send from now on; None: as before."
