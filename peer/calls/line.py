"""A line: one call of this node, from the link to the last packet."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.call.events import Event
from shared.call.records import CallRecord, RunningCall
from shared.call.table import Call, State
from shared.links.kinds import PairedToken, Request, Response
from shared.media import Media
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.secrets.handshake import Role
from shared.secrets.identity import DtlsIdentity

if TYPE_CHECKING:
    from peer.calls.foreign import ForeignCall
    from peer.calls.sdp_session import SdpSession
    from peer.calls.session import Session


@dataclass(eq=False)
class Line:
    """What the switchboard knows of one call. Only it and what it is made of change it."""

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

    proven: bool = False
    "Whether a pair secret that proves who the other side is set the call up."

    keyed: bool = False
    "Whether we shared a key with the peer when it began."

    quarantined: bool = False
    "The key that was agreed in it waits until the owner confirms the words."

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

    responses_read: set[bytes] = field(default_factory=set)
    "SHA-256 of each, so that none is tried twice."

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

    taken_up: RunningCall | None = None
    "What was kept of it, until it is up again: the program was killed in it."

    awaited_until: float | None = None
    "Unix seconds: how long the other side of such a call can be waiting."

    held: Callable[[], Awaitable[None]] | None = None
    "Turns on the microphone and the camera of such a call, which wait for the owner's word."

    provisional: bool = False
    "Made in advance: nobody knows yet whether its link will be posted, so until it connects it blocks no other call."

    reason: Reason = Reason.ASK
    "What the policy said of it."

    foreign: ForeignCall | None = None
    "With a program that speaks SDP."

    session: Session | SdpSession | None = None
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
    "What we tell the other side when the leg closes."

    goodbye_unheard: bool = False
    "It hasn't acknowledged that."

    twin: Line | None = None
    "The line of the other side's call, when both called each other."

    dialled: float | None = None
    "When the last link of the call was read or it was answered, monotonic seconds."

    connected: float | None = None
    "When the leg came up, monotonic seconds."

    connected_at: int | None = None
    "The same in Unix seconds."

    alive: int = 0
    "When it was known last that the other side is there, Unix seconds."

    redial_secret: bytes | None = field(default=None, repr=False)
    "What later epochs are derived from, once the leg was up."

    agreed: bytes | None = field(default=None, repr=False)
    "The pair secret that was proposed in it."

    epoch: int = 0
    "The last epoch that was dialled."

    logged: bool = False
    "Whether its end is in the log."

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
        """Whether it takes the owner's time: it is connected, and not the machine's."""
        return not self.machine and self.call.state in (State.ACTIVE, State.RECONNECTING)

    @property
    def occupies(self) -> bool:
        """Whether it takes the owner's time, or will as soon as it connects: others ask the owner meanwhile.

        A call that was only made in advance doesn't, nor one that is answered without asking and proves nothing.
        """
        if self.machine or self.call.state in (State.RINGING, State.ENDED):
            return False
        if self.call.state is State.CALLING:
            return not self.provisional
        return self.engaged or self.proven or not self.automatic

    @property
    def waits(self) -> bool:
        """Whether it is our call and waits for the other side."""
        return self.call.role is Role.CALLER and self.call.state is State.CALLING

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
            "program": self.foreign.envelope.name if self.foreign else "copybara",
            "proven": self.proven,
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

    @classmethod
    def rejoined(cls, number: int, call: Call, kept: RunningCall, contact: str | None, lifetime: int) -> Line:
        """The line of a call that was up when the program was killed; `call` as it begins again."""
        return cls(
            number=number,
            call=call,
            peer=kept.peer,
            media=kept.media,
            created=kept.created,
            expires=kept.created + lifetime,
            chat=kept.chat,
            contact=contact,
            reference=kept.reference,
            endpoint=kept.endpoint or None,
            automatic=kept.automatic,
            machine=kept.machine,
            proven=kept.proven,
            taken_up=kept,
            remote_automatic=kept.remote_automatic,
            phrase=kept.phrase,
            connected=time.monotonic() - max(0.0, time.time() - kept.started),
            connected_at=kept.started,
            alive=kept.alive,
            redial_secret=kept.secret,
            agreed=kept.agreed,
            epoch=kept.epoch,
        )

    def running(self, ports: tuple[int, int]) -> RunningCall:
        """What is kept of it while it is up; `ports` are both sides' UDP ports, ours first."""
        assert self.redial_secret is not None
        assert self.connected_at is not None
        return RunningCall(
            reference=self.reference,
            peer=self.peer,
            role=str(self.call.role),
            media=self.media,
            started=self.connected_at,
            secret=self.redial_secret,
            agreed=self.agreed,
            epoch=self.epoch,
            created=self.created,
            alive=self.alive,
            port=ports[0],
            remote_port=ports[1],
            chat=self.chat,
            phrase=self.phrase,
            paired=self.call.paired,
            proven=self.proven,
            automatic=self.automatic,
            remote_automatic=self.remote_automatic,
            machine=self.machine,
            name=self.contact or "",
            endpoint=self.endpoint or "",
        )

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
            proven=self.proven,
            name=self.contact or "",
        )


NOTHING_ARRIVED: dict[str, object] = {
    "audio_packets_received": 0,
    "video_packets_received": 0,
    "bytes_received": 0,
    "packets_sent": 0,
    "bytes_sent": 0,
    "audio_gaps": 0,
    "audio_longest_gap_ms": 0.0,
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
