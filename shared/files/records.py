"""What is kept of a transfer beyond its call, so that it continues after a kill and in the next call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from shared.node_id import NodeId

KEPT_SECONDS = 30 * 24 * 3600
"For how long a transfer that isn't finished can be continued."

KEPT_FOR_ONE = 64
"Transfers with one node that are kept; of more the oldest is forgotten."


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer with one node that isn't over, or that the other side may not know to be over."""

    peer: NodeId
    ours: bool
    "We send it."

    digest: Annotated[bytes, Meta(min_length=32, max_length=32)]
    "SHA-256 of the content: what names the transfer on both sides."

    size: int
    "Bytes."

    name: str
    "A safe name, see names.py."

    source: str = ""
    "Ours: the file that is read."

    spooled: bool = False
    "Ours: that file is a copy of our own, which goes when the transfer is over."

    modified_ns: int = 0
    "Ours: when the file was changed last, in nanoseconds, at the time when it was hashed."

    owner: int | None = None
    "Ours: the number of the user whose file it was then; None: a copy of our own, or of an earlier version."

    proven: bool = False
    "It was offered, or accepted, by us in a call that proved who they are."

    to_contact: bool = False
    "The other side was a contact then. What was theirs is nobody's who has their node later."

    began_at: NodeId | None = None
    "Theirs: the node that it was accepted from, if that was another one; its part is named after it."

    voice: bool = False
    "It is a voice message."

    automatic: bool = False
    "Theirs: it was accepted without asking, and the owner hasn't said since that they want it."

    done: bool = False
    "Theirs: it is complete. The sender may not have heard that."

    at: int
    "When it was kept, Unix seconds."

    @property
    def path(self) -> Path:
        """Ours: the file that is read."""
        return Path(self.source)
