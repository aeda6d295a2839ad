"""What the two sides say to each other over a call's control channel: small typed messages in MessagePack.

One message is one data channel message: a map with the key `type` and the fields below. A newer version may add
fields, which an older one skips, and types, which an older one reads as `Unknown`.
"""

from __future__ import annotations

import enum
from typing import Annotated, TypeAlias, get_args

import msgspec
from msgspec import Meta

from shared.errors import LocalProtocolError, RemoteProtocolError
from shared.not_json import NOT_JSON

MAX_MESSAGE = 16 * 1024
"Bytes: what every SCTP data channel takes in one message."

MAX_TEXT = 4000
"Characters, so that the longest text fits into MAX_MESSAGE at four bytes each."

MAX_REASON = 200

FILES_VERSION = 2
"A side whose Hello has this version or a later one reads the messages about files. Others are sent none."

MAX_FILE_NAME = 255
"Characters."

MAX_FILE_RESULT = 32

CONVERSATION_BYTES = 16

MAX_PEOPLE = 4
"In one conversation, with oneself."

MAX_JOIN_NAME = 40
"Characters."

MAX_JOIN_LINK = 256
"Characters: as long as any token is."

MLKEM_PUBLIC_BYTES = 1184
"An ML-KEM-768 encapsulation key (FIPS 203, section 8)."

PUBLIC_KEY_BYTES = MLKEM_PUBLIC_BYTES + 32
"That, and an X25519 public key (RFC 7748)."

SEAL_BYTES = 1088 + 32 + 32 + 16
"Encapsulations of ML-KEM-768 and X25519, 32 sealed bytes, and the tag."

Byte = Annotated[int, Meta(ge=0, le=2**8 - 1)]
Counter = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
Size = Annotated[int, Meta(ge=0, le=2**53 - 1)]
ConversationId = Annotated[bytes, Meta(min_length=CONVERSATION_BYTES, max_length=CONVERSATION_BYTES)]


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    """A tagged map."""


class Hello(_Message, frozen=True, tag="hello", omit_defaults=True):
    """The first message of each side."""

    version: Byte
    "The newest version of the control protocol that it speaks: 1, or FILES_VERSION if it takes files."

    media: Byte
    "The media it will send: bits as in links."

    automatic: bool = False
    "The sender's program answered the call without asking: the caller is to know that perhaps nobody is there yet."

    unpaired: bool = False
    "On a leg that was dialled again: the sender has no new pair secret of this call yet, and wants to pair."

    on_hold: bool = False
    "The sender has put the call on hold."

    shows_recording: bool = False
    "The sender's program shows its owner that the other side records. Others aren't recorded."

    recording: bool = False
    "The sender records the call, and says so again in the next message about that."

    conversations: bool = False
    "The sender reads the messages about conversations of several people. Others are sent none."


class PairKey(_Message, frozen=True, tag="pair-key"):
    """Step 1 of pairing: what to seal to, and a promise."""

    public: Annotated[bytes, Meta(min_length=PUBLIC_KEY_BYTES, max_length=PUBLIC_KEY_BYTES)]
    "Ephemeral public keys: ML-KEM-768, then X25519."

    commitment: Digest
    "Hash of the 32 random bytes that step 2 reveals."


class PairSeal(_Message, frozen=True, tag="pair-seal"):
    """Step 2 of pairing: the promised random bytes, sealed to the other side's keys."""

    sealed: Annotated[bytes, Meta(min_length=SEAL_BYTES, max_length=SEAL_BYTES)]


class PairConfirm(_Message, frozen=True, tag="pair-confirm"):
    """Step 3 of pairing: proof that the sender has the secret, and has stored it."""

    mac: Digest


class PairKept(_Message, frozen=True, tag="pair-kept"):
    """Proof that the sender has stored a secret: the one of this call, after a lost path, or one of an earlier call."""

    mac: Digest


class MediaState(_Message, frozen=True, tag="media-state"):
    """What the sender is sending now."""

    audio: bool
    video: bool
    screen: bool = False
    paused: bool = False
    "There is a picture, and `video` is false because the path carries too little for it beside the sound."


class OnHold(_Message, frozen=True, tag="on-hold"):
    """The sender puts the call on hold, or takes it off. Hello says how it stands when a leg begins."""

    on: bool


class Recording(_Message, frozen=True, tag="recording"):
    """The sender wants to record the call, or no longer does; also again on each new leg while it lasts."""

    id: Counter
    "Tells the recordings of one side apart."

    on: bool


class RecordingReply(_Message, frozen=True, tag="recording-reply"):
    """The answer to a Recording that is on."""

    id: Counter
    "Of that message."

    shown: bool
    """The sender's program shows it to its owner, so the recording may begin. False: the owner refuses, so it has to
    end; also at any later time."""


class Text(_Message, frozen=True, tag="text"):
    """A line of text beside the call."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class Bye(_Message, frozen=True, tag="bye"):
    """The sender hangs up; nothing follows."""

    reason: Annotated[str, Meta(max_length=MAX_REASON)] = ""


class Ping(_Message, frozen=True, tag="ping"):
    """To be answered with a Pong of the same id."""

    id: Counter


class Pong(_Message, frozen=True, tag="pong"):
    """The answer to a Ping."""

    id: Counter


class FileOffer(_Message, frozen=True, tag="file-offer", omit_defaults=True):
    """The sender has a file for the other side; also again on each new leg, as long as it isn't over."""

    id: Digest
    "SHA-256 of its content, which names the transfer in all messages."

    size: Size
    "Bytes."

    name: Annotated[str, Meta(min_length=1, max_length=MAX_FILE_NAME)]
    "What the sender calls it. The receiver makes it safe."

    again: bool = False
    "It was offered before, and the sender doesn't know how that ended."

    voice: bool = False
    "It is a voice message, which its sender has recorded when nobody answered."


class FileAccept(_Message, frozen=True, tag="file-accept"):
    """The receiver of an offer wants it, on the files' channel."""

    id: Digest
    offset: Size
    "The first byte that it doesn't have."


class FileCancel(_Message, frozen=True, tag="file-cancel"):
    """The sender of a file takes it back."""

    id: Digest


class FileResult(_Message, frozen=True, tag="file-result"):
    """The receiver of a file has it, or doesn't take it."""

    id: Digest
    result: Annotated[str, Meta(min_length=1, max_length=MAX_FILE_RESULT)]
    "A value of FileOutcome; a reader takes another word for `failed`."


class JoinAsk(_Message, frozen=True, tag="join-ask"):
    """The sender asks whether the other side wants to be in one conversation with others whom the sender talks to."""

    conversation: ConversationId
    names: Annotated[tuple[Annotated[str, Meta(max_length=MAX_JOIN_NAME)], ...], Meta(min_length=1, max_length=3)]
    "What the sender calls those who are new to the other side; empty for somebody who has no name there."


class JoinAnswer(_Message, frozen=True, tag="join-answer"):
    """The answer to that, of a person."""

    conversation: ConversationId
    agrees: bool


class JoinOver(_Message, frozen=True, tag="join-over"):
    """Nothing comes of what was asked: somebody doesn't want it, is gone, or took too long."""

    conversation: ConversationId


class JoinNode(_Message, frozen=True, tag="join-node"):
    """All have agreed: this is one of those who are new to the other side."""

    conversation: ConversationId
    node: Digest
    "Its key."

    calls: bool
    "Whether the reader calls it; else the reader is called."


class JoinLink(_Message, frozen=True, tag="join-link"):
    """A link between two who were introduced to each other, on its way through the one who did that."""

    conversation: ConversationId
    node: Digest
    "To the introducer: who it is for. From them: who it is of."

    link: Annotated[str, Meta(min_length=1, max_length=MAX_JOIN_LINK)]
    "A token."


class Members(_Message, frozen=True, tag="members"):
    """Whom the sender is connected with in a conversation, beside the reader; said again whenever that changes."""

    conversation: ConversationId
    nodes: Annotated[tuple[Digest, ...], Meta(max_length=MAX_PEOPLE - 2)]
    "Their keys, in the order in which they came. None: the conversation is a call of two again."


class FileOutcome(enum.StrEnum):
    """How a transfer ended at its receiver."""

    DONE = "done"
    "It is complete, and its SHA-256 is right."

    DECLINED = "declined"
    CANCELLED = "cancelled"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    "Too many are waiting or on their way."

    NO_ROOM = "no-room"
    DAMAGED = "damaged"
    "What came isn't what was offered."

    FAILED = "failed"


class Unknown(msgspec.Struct, frozen=True):
    """A message of a type that this version doesn't know: to be skipped."""


FileMessage: TypeAlias = FileOffer | FileAccept | FileCancel | FileResult

JoinMessage: TypeAlias = JoinAsk | JoinAnswer | JoinOver | JoinNode | JoinLink | Members

Message = (
    Hello
    | PairKey
    | PairSeal
    | PairConfirm
    | PairKept
    | MediaState
    | OnHold
    | Recording
    | RecordingReply
    | Text
    | Bye
    | Ping
    | Pong
    | FileOffer
    | FileAccept
    | FileCancel
    | FileResult
    | JoinAsk
    | JoinAnswer
    | JoinOver
    | JoinNode
    | JoinLink
    | Members
)


class _Envelope(msgspec.Struct, frozen=True):
    type: Annotated[str, Meta(max_length=32)]


_TAGS = frozenset(kind.__struct_config__.tag for kind in get_args(Message))
_encoder = msgspec.msgpack.Encoder()
_envelopes = msgspec.msgpack.Decoder(_Envelope)
_messages: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """Write one message, at most MAX_MESSAGE bytes. Raises LocalProtocolError if the other side would refuse it."""
    try:
        data = _encoder.encode(message)
        decode(data)
    except (UnicodeEncodeError, OverflowError, RemoteProtocolError):
        raise LocalProtocolError("That can't be sent over the control channel.") from None
    return data


def decode(data: bytes) -> Message | Unknown:
    """Read one message. Raises RemoteProtocolError for anything that isn't one, and nothing else."""
    if len(data) > MAX_MESSAGE:
        raise RemoteProtocolError("The other side sent a message that is too long.")
    try:
        if _envelopes.decode(data).type not in _TAGS:
            return Unknown()
        return _messages.decode(data)
    except NOT_JSON:
        raise RemoteProtocolError("The other side sent a message that can't be read.") from None
