"""What is kept on disk about calls: those that run, to rejoin them, and those that ended, to list them."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.media import Media
from shared.messages import CONVERSATION_BYTES
from shared.node_id import NodeId

REFERENCE_BYTES = 8
CALL_SECRET_BYTES = 32
ROLES = ("caller", "callee")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCall:
    """A call that is up: enough for a restarted process to dial the other side again without a link."""

    reference: bytes
    "8 bytes that name the call on both sides."

    peer: NodeId
    "The other node."

    role: str
    "`caller` or `callee`: which of the two we are."

    media: Media
    "What the call carries."

    started: int
    "When it connected first, Unix seconds; 0 if it hasn't: it rings, waits for an answer, or is being connected."

    secret: bytes = field(repr=False)
    """32 bytes: the redial secret, from which each later connection's credentials are derived. Empty for a call with
    another program, and for one that isn't connected yet: it is over when this program is killed."""

    epoch: int = 0
    "The last epoch whose credentials may have been used. It is kept before they are, so that none is used twice."

    created: int = 0
    "When its first link was written, Unix seconds."

    alive: int = 0
    "When we last knew that the other side was there, Unix seconds."

    port: int = 0
    "Our UDP port; 0 if it isn't known."

    remote_port: int = 0
    "The other side's UDP port; 0 if it isn't known."

    chat: str = "chat"
    "The conversation that its links belong to."

    phrase: str = ""
    "The four words of its first connection, once both sides had agreed."

    agreed: bytes | None = field(default=None, repr=False)
    "32 bytes: the pair secret that was proposed in it. The other side may not know yet that we have stored it."

    paired: bool = False
    "Whether it was set up by a paired link."

    proven: bool = False
    "Whether that link proved who the other side is."

    chain: int = 0
    "Which chain the pair secret belongs to that it was set up with; 0 without one, or of an earlier version."

    keyed: bool = True
    """Whether we shared a key that it would have been proven with. True for a call that an earlier version kept: the
    warning is better given once too often."""

    stranger: bool = False
    "Whether it began with somebody who wasn't a contact, and the owner hasn't saved them in it."

    sealed: bool = False
    "Whether its request was sealed."

    quarantined: bool = False
    "Whether the key that was agreed in it waits until the owner confirms the words."

    automatic: bool = False
    "Whether it was answered without asking the owner."

    remote_automatic: bool = False
    "Whether the other side answered without asking anybody."

    machine: bool = False
    "Whether the answering machine has taken it."

    name: str = ""
    "The contact's name when the call began; empty if it isn't a contact."

    entry: bytes = b""
    "Which entry of the contact book that was, see Contact."

    endpoint: str = ""
    "Which media endpoint is attached."

    on_hold: bool = False
    "Whether we had put it on hold: it is taken up with microphone and camera off."

    recording: bool = False
    "Whether we recorded it: another recording begins when it is taken up."

    recording_refused: bool = False
    "Whether the owner has refused to be recorded in it."

    together: bytes = b""
    "16 bytes: the conversation of several people that it was part of. Empty: none."

    introduced: bool = False
    "Whether its links went through another call, and not through the chat."

    begins_off: bool = False
    "Whether the page begins with microphone and camera off in it, see Presented."

    def __post_init__(self) -> None:
        if len(self.reference) != REFERENCE_BYTES or len(self.secret) not in (0, CALL_SECRET_BYTES):
            raise ValueError("a running call has a reference of 8 bytes and a secret of 32 or none")
        if self.role not in ROLES or not (0 <= self.port < 2**16 and 0 <= self.remote_port < 2**16):
            raise ValueError("a running call is the caller's or the callee's, at ports that there are")
        if len(self.together) not in (0, CONVERSATION_BYTES):
            raise ValueError("a conversation is named by 16 bytes or none")
        if len(self.agreed or bytes(CALL_SECRET_BYTES)) != CALL_SECRET_BYTES or not 0 <= self.epoch < 2**32:
            raise ValueError("a running call has a pair secret of 32 bytes or none, and epochs of 32 bits")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call that has ended, as the owner reads it in the list. Holds no secret."""

    reference: bytes
    "8 bytes."

    peer: NodeId
    "The other node."

    role: str
    "`caller` or `callee`."

    media: Media
    "What the call carried or was to carry."

    started: int
    "When its first link was written or read, Unix seconds."

    connected: int | None
    "When media could flow, Unix seconds; None if it never did."

    ended: int
    "Unix seconds."

    reason: str
    "Why it ended: a value of EndReason."

    automatic: bool = False
    "Whether it was answered without asking the owner."

    proven: bool = False
    "Whether a pair secret proved who the other side was."

    name: str = ""
    "The contact's name at that time; empty if it wasn't a contact."
