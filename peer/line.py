"""A line: one call of this node, from the link to the last packet."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.call import Call, State
from shared.call_records import CallRecord
from shared.events import Event
from shared.identity import DtlsIdentity
from shared.links import PairedToken, Request, Response
from shared.media import Media
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.reasons import Reason

if TYPE_CHECKING:
    from peer.session import Session


@dataclass(eq=False)
class Line:
    """What the switchboard knows of one call. Only the switchboard changes it."""

    number: int
    "Tells the lines of one run apart; for buttons and lists."

    call: Call
    peer: NodeId
    media: Media
    "What the caller wants; once answered, what the callee agreed to."

    created: int
    "Of the link, Unix seconds."

    expires: int
    "Unix seconds."

    chat: str
    "The conversation that its links belong to."

    contact: str | None = None
    "The peer's name in the contact book when the call began; None for a stranger."

    sealed: bool = False
    "Whether a request was sealed, so that only the peer can have read it."

    raw: bytes = b""
    "The link that began it."

    reference: bytes = b""
    "8 bytes that name it on both sides; empty until its link exists."

    request: Request | None = None
    "In a first contact."

    answer: Response | None = None
    "Ours, as the callee of a first contact."

    responses: deque[Response] = field(default_factory=deque)
    "Read and not yet tried, as the caller of a first contact."

    token: PairedToken | None = None
    "In a paired call."

    secret: bytes | None = field(default=None, repr=False)
    "The pair secret of a paired call's link."

    identity: DtlsIdentity | None = None
    "Ours, in a first contact."

    sealing_key: bytes | None = None
    "What a first request is sealed to."

    remote_port: int | None = None
    "The caller's UDP port, on the callee's side."

    endpoint: str | None = None
    "The media endpoint, once it is made; None: the contact's, or the configured one."

    automatic: bool = False
    "Answered without asking."

    machine: bool = False
    "The answering machine has taken it, in the owner's place."

    provisional: bool = False
    "Made in advance: nobody knows yet whether its link will be posted, so until it connects it blocks no other call."

    reason: Reason = Reason.ASK
    "What the policy said of it."

    session: Session | None = None
    carrier: asyncio.Task[None] | None = None
    "Runs the session."

    life: asyncio.Task[None] | None = None
    "Steps the call until it is over."

    remote_media: MediaState | None = None
    "What the other side has said that it sends."

    remote_automatic: bool = False
    "The other side answered without asking."

    phrase: str = ""
    "Four words to compare, once both sides have agreed."

    goodbye: str | None = None
    "What the other side is told when the leg closes."

    twin: Line | None = None
    "The line of the other side's call, when both called each other."

    dialled: float | None = None
    "When the last link of the call was read or it was answered, monotonic seconds."

    connected: float | None = None
    "When the leg came up, monotonic seconds."

    connected_at: int | None = None
    "The same in Unix seconds."

    first_media: dict[str, float] = field(default_factory=dict)
    "When the first packet of `audio` and `video` arrived, monotonic seconds."

    inbox: asyncio.Queue[Event] = field(default_factory=asyncio.Queue)
    timer: asyncio.TimerHandle | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    "Set when the call has ended and everything of it is closed."

    @property
    def name(self) -> str:
        """For people: the contact's name, else the beginning of the node id."""
        return self.contact or f"node {self.peer.short}…"

    @property
    def engaged(self) -> bool:
        """Whether it takes the owner's time: neither ringing nor over, nor the machine's, nor only made in advance."""
        if self.machine or (self.provisional and self.call.state is State.CALLING):
            return False
        return self.call.state not in (State.RINGING, State.ENDED)

    @property
    def id(self) -> str:
        """Names the call on both sides and in every run of the program: 16 hexadecimal digits, once its link exists."""
        return self.reference.hex()

    @property
    def connect_ms(self) -> int | None:
        """Milliseconds from the last link read, or the answer given, to the connected leg."""
        return _milliseconds(self.dialled, self.connected)

    def report(self) -> dict[str, object]:
        """The values of the command contract: what a `call` line on the console and an entry of `status` carry."""
        report: dict[str, object] = {
            "id": self.number,
            "state": str(self.call.state),
            "reason": None if self.call.reason is None else str(self.call.reason),
            "detail": self.call.detail or None,
            "with": self.name,
            "node": str(self.peer),
            "role": str(self.call.role),
            "media": self.media.words,
            "paired": self.call.paired,
            "automatic": self.automatic,
            "phrase": self.phrase or None,
            "connect_ms": self.connect_ms,
            "first_audio_ms": _milliseconds(self.dialled, self.first_media.get("audio")),
            "first_video_ms": _milliseconds(self.dialled, self.first_media.get("video")),
            "dialled_at": _unix(self.dialled),
            "first_media_at": _unix(min(self.first_media.values(), default=None)),
            "seconds": None if self.connected is None else round(time.monotonic() - self.connected, 1),
        }
        return report | (self.session.report() if self.session else NOTHING_ARRIVED)

    def record(self, ended: int) -> CallRecord:
        """The entry for the call log."""
        return CallRecord(
            reference=self.reference or bytes(8),
            peer=self.peer,
            role=str(self.call.role),
            media=self.media,
            started=self.created,
            connected=self.connected_at,
            ended=ended,
            reason=str(self.call.reason),
            automatic=self.automatic,
            name=self.contact or "",
        )


NOTHING_ARRIVED: dict[str, object] = {
    "audio_packets_received": 0,
    "video_packets_received": 0,
    "bytes_received": 0,
    "packets_sent": 0,
    "bytes_sent": 0,
    "audio_gaps": 0,
    "lost": 0,
    "jitter_ms": None,
    "round_trip_ms": None,
    "local": None,
    "remote": None,
    "refused": {},
}


def _milliseconds(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else round((end - start) * 1000)


def _unix(moment: float | None) -> float | None:
    """A monotonic time as Unix seconds, to be compared with another process's."""
    return None if moment is None else round(moment - time.monotonic() + time.time(), 6)
