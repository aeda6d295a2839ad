"""News of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from peer.calls.recording.table import What


class RecordingChanged(msgspec.Struct, frozen=True):
    """Something has happened to a recording of the call."""

    by: Literal["us", "them"]
    "Whose it is."

    what: What

    path: Path | None = None
    "Once our own is over: the file; None if nothing is in it."

    why: str = ""
    hint: str = ""
    "Why it failed, and what to do."
