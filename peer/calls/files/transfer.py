"""A transfer as people see it: a value, which the listeners of calls get."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from shared.files.table import ENDED, FileState


@dataclass(frozen=True, slots=True)
class Transfer:
    """One file of one call."""

    number: int
    "Tells the transfers of one run apart; for commands and buttons."

    ours: bool
    "We send it."

    name: str
    "A safe name."

    size: int
    "Bytes."

    state: FileState
    done: int = 0
    "Bytes that the receiver has."

    rate: float | None = None
    "Bytes a second, while it runs."

    resumed: int = 0
    "Bytes that the receiver had when it was accepted last."

    automatic: bool = False
    "It was accepted without asking now."

    path: Path | None = None
    "Ours: what is sent. Theirs: where it is, once it is complete."

    why: str = ""
    "How it ended, as a whole sentence, where the state doesn't say it."

    by_us: bool = False
    "We ended it."

    voice: bool = False
    "It is a voice message."

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDED


class FileChanged(msgspec.Struct, frozen=True):
    """Something has happened to a transfer."""

    transfer: Transfer
    progress: bool = False
    "Only more bytes have arrived."
