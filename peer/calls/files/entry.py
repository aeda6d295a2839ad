"""One transfer of a call with what it holds open."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any

from peer.calls.files.part_file import PartFile
from peer.calls.files.source_file import SourceFile
from peer.calls.files.transfer import Transfer
from shared.files.records import KeptFile
from shared.files.table import FileEvent, step


@dataclass(eq=False, slots=True)
class FileEntry:
    """One of them. Only call_files.py steps it."""

    kept: KeptFile
    transfer: Transfer

    wanted: bool = False
    "Theirs: the owner has accepted it."

    aside: bool = False
    """A call that has proven who they are has left a transfer of the same content, and this one hasn't: it is kept
    nowhere, so that it neither replaces that one nor has it forgotten."""

    offered: bool = False
    "Ours: the other side was told of it, in this run or before."

    position: int = 0
    "Ours: the next byte to send."

    acknowledged: int = 0
    "Ours: what the receiver has, as far as we know."

    part: PartFile | None = None
    source: SourceFile | None = None

    @property
    def open(self) -> bool:
        """Whether something may still happen to it."""
        return not self.transfer.ended

    def step(self, event: FileEvent, **values: Any) -> None:
        """Step its state, and change what people see of it. Raises LocalProtocolError."""
        self.transfer = replace(self.transfer, state=step(self.transfer.state, event), **values)

    def close(self) -> None:
        """Let go of the files; a part stays."""
        with contextlib.suppress(OSError):
            if self.part is not None:
                self.part.close()
            if self.source is not None:
                self.source.close()
        self.part = self.source = None
