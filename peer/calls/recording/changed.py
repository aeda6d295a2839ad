"""News of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from peer.calls.recording.table import What
from peer.calls.repeats import Telling


class RecordingChanged(msgspec.Struct, frozen=True):
    """A recording of the call has changed."""

    by: Literal["us", "them"]
    "Whose recording it is."

    what: What

    path: Path | None = None
    "Our own finished file. None if it is empty, or nothing is finished."

    why: str = ""
    hint: str = ""
    "Why it failed, and what to do."

    telling: Telling = Telling.EACH
    "What the owner hears of it."
