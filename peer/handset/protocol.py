"""The messages between the handset page and this program: JSON in the text frames of one WebSocket, `/socket`.

One message is one object with a key `type` and the fields below, in snake_case. Times are in Unix seconds. The page
gets Hello first, and then all changes. It stores nothing itself, so a page that is opened late or reloaded shows the
same as one that was always there.

Connecting. The page is at `http://127.0.0.1:PORT/#key=KEY` or `/#ticket=TICKET`; browsers send the part behind `#` to
nobody. The page removes it from its address (`history.replaceState`), connects to `/socket`, and sends Prove: which key
it knows, and a nonce. The program answers with ServerProof. The page checks it, and closes the socket if it is wrong;
it acts on nothing else before. Then it sends PageProof. If that is right, the page gets HomeKey, if its key was
temporary, and Hello. The home's key stays in the browser (IndexedDB, where no script can read it). So a page that is
reloaded or opened again, also in a later run, names it: `"key": "home"`. proof.py has the bytes.

On a device, the page is at `https://[OVERLAY ADDRESS]:PORT/#pair=SECRET` the first time. It proves the secret as
`"key": "pairing"`, and gets PairingCode. Once the owner has confirmed the code, it gets its own key (HomeKey) and
Hello. From then on it names that key, and sends the cookie that it got with its first file. devices/ has the rest.

Closed with CLOSE_UNPROVEN: the key is unknown here (a used ticket, another run's key); another key of the page may
work. Closed with CLOSE_TAKEN_OVER: another page has the calls. Connect again (`"takes": true`) only when the person
asks for it. A new page takes the calls from one on the same machine. During a call it must ask first, unless it is in
the same tab: instead of Hello, it is closed with this code. After any other end, connect again after a moment.

Media. For each connected call at the handset, the page gets an Offer, and another one whenever this program needs a new
media leg. The page makes a new RTCPeerConnection without any ICE server, gives it the offer, puts its tracks on the
offer's transceivers (direction `sendrecv`; a track that isn't there yet is added later with `replaceTrack`), and
returns the SDP unchanged in MediaAnswer. It doesn't wait for candidates, because none are read. An Offer of the present
leg goes to the same RTCPeerConnection: it names streams that have begun. When the Offer of another leg comes, the old
connection is closed. When the connection fails, the page sends WantOffer. When the call ends (state `ended`), the page
closes its connection.

Files. After the Done of SendFile, the page sends the content in binary frames, in order: the request's `id` in 4 bytes
(big endian), then at most 60 KiB. FileTaken says how much is written, and the page stays at most 1 MiB ahead of that.
When all of it is there, the file is offered, and File reports its state. If it can't be offered, a Problem with that
`id` comes.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from shared.call.records import REFERENCE_BYTES
from shared.errors import HandsetError, LocalProtocolError
from shared.messages import MAX_TEXT
from shared.not_json import NOT_JSON

MAX_MESSAGE = 64 * 1024
"The longest message from the page in bytes. Chromium's SDP answer has about 3,000."

CLOSE_TAKEN_OVER = 4001
"WebSocket close code: another page on the same machine has the calls (RFC 6455, section 7.4.2: private use)."

CLOSE_STOPPING = 4002
"WebSocket close code: the program ends."

CLOSE_UNPROVEN = 4003
"WebSocket close code: the page hasn't shown that it knows a key."

MAX_PASTED = 32 * 1024
"The longest text that a page asks about, in characters: a link, or another program's description."

MAX_PROOF = 1024
"The longest message in bytes before the page has proven its key."

Kinds: TypeAlias = Literal["audio", "video"]
"What a call is for. `video` means picture and sound."

Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
ShortText = Annotated[str, Meta(min_length=1, max_length=400)]
NodeText = Annotated[str, Meta(max_length=64)]


# Values in several messages.


class Sends(msgspec.Struct, frozen=True):
    """What one side of a call sends now."""

    audio: bool
    "False: muted."

    video: bool
    "False: camera off."

    screen: bool = False
    "The picture is of a screen."

    paused: bool | msgspec.UnsetType = msgspec.UNSET
    "True: there is a picture, but it isn't sent, because the path is too narrow for it beside the sound."


class Contact(msgspec.Struct, frozen=True):
    """An entry of the contact book."""

    name: str
    node: str

    trust: Literal["block", "ring", "auto"]
    "What happens when they call: nothing, it rings, it is answered without asking."

    media: Kinds
    "The most media that they may get."

    trust_words: str
    "The same in words, such as `rings` or `answered automatically (audio), 08:00-22:00`."

    paired: bool
    "One link is enough to call them."

    endpoint: str | None = None
    "The endpoint that answers them. None: the configured one."

    files: bool = False
    "Their files are accepted without asking."

    beyond: str = ""
    "An automatic answer that only a command allows, as a sentence. Empty: none."

    waits: str = ""
    "What waits for their next proven call, such as `1 voice message waits`."


class Received(msgspec.Struct, frozen=True):
    """A file that was received in an ended call."""

    file: int
    "Its number in File."

    name: str
    path: str
    "Its path on the computer of the program."

    voice: bool = False


class Recorded(msgspec.Struct, frozen=True):
    """A recording of an ended call, by the owner or by the answering machine."""

    recording: int
    "Its number in Said."

    path: str
    "Its path on the computer of the program."


class LogEntry(msgspec.Struct, frozen=True):
    """A call that has ended."""

    name: str
    "The contact's name at that time, or the words for somebody whom the owner hasn't saved."

    node: str
    contact: str | None
    "The name of the contact that has this node now, if any."

    role: Literal["caller", "callee"]
    media: Kinds
    started: int
    seconds: int | None
    "How many seconds it was connected. None if it never was."

    reason: str
    "A value of EndReason, such as `hung-up` or `missed`."

    sentence: str
    "The same in words: `You missed a call from anna.`"

    automatic: bool
    received: list[Received] = []
    "The files received in it. Only for calls since the program's start."

    recorded: list[Recorded] = []
    "Its recordings. Only for calls since the program's start."

    reference: str = ""
    "In hexadecimal, to save the other person (AddContact). Empty if they are a contact."

    compared: bool = False
    "Whether the owner has compared its four words, and the other person isn't a contact."


class Link(msgspec.Struct, frozen=True):
    """Something for the other person, to copy or to scan."""

    token: str
    "The token alone."

    text: str
    "`copybara:TOKEN`, the text to copy."

    qr: str
    "The same as a QR code: a `data:image/svg+xml` address for an <img>."


class Overlay(msgspec.Struct, frozen=True):
    """The network of calls."""

    name: str
    "For people: `Yggdrasil`, `Staex`, `Loopback`."

    address: str | None
    "Our own address there. None while it can't be used."

    notice: str = ""
    """A sentence to show all the time: that the network can't be used or has no connection, and what to do; or that
    loopback gives no privacy."""

    kind: str = ""
    "The kind of the notice, see below."

    connected: bool | None = None
    "Whether our node is connected to another node. None: it doesn't say."


class Report(msgspec.Struct, frozen=True):
    """A call as in `copybara status --json`: packets, bytes, loss, addresses and port numbers used."""

    id: int
    state: str
    reason: str | None
    detail: str | None
    with_: str = msgspec.field(name="with")
    node: str
    role: str
    media: str
    paired: bool
    program: str
    proven: bool
    automatic: bool
    phrase: str | None
    connect_ms: int | None
    first_audio_ms: int | None
    first_video_ms: int | None
    dialled_at: float | None
    first_media_at: float | None
    seconds: float | None
    audio_packets_received: int
    video_packets_received: int
    bytes_received: int
    packets_sent: int
    bytes_sent: int
    audio_gaps: int
    lost: int
    jitter_ms: float | None
    round_trip_ms: float | None
    local: str | None
    "Such as `[200::1]:40000`. None before there is a socket."

    remote: str | None
    refused: dict[str, int]
    "Dropped datagrams, by cause."


class Device(msgspec.Struct, frozen=True):
    """One of the owner's other devices."""

    name: str
    words: str
    "Its address, and when it was last seen, in words."

    here: bool
    "Whether this page is on it."


class Adding(msgspec.Struct, frozen=True):
    """A device that can be added now."""

    name: str
    link: Link
    "The one-time address to open there. It has no token."

    authority: str
    "The SHA-256 fingerprint of the home's certificate authority, in hexadecimal with colons."

    gives_up: str
    "What others can see meanwhile, as a sentence. May be empty."

    visitor: str | None
    code: str | None
    "The address of the device that has opened it, and the code that it must show."


# How both sides prove that they know the key. Bytes are in base64 (RFC 4648, section 4).


class Prove(msgspec.Struct, frozen=True, tag_field="type", tag="prove", forbid_unknown_fields=True):
    """The page's first message: prove that you know this key."""

    key: Literal["home", "run", "ticket", "pairing"]
    nonce: Annotated[bytes, Meta(min_length=32, max_length=32)]
    name: Annotated[str, Meta(max_length=32)] = ""
    "The ticket's name, see `ticket_name`."

    tab: Annotated[str, Meta(max_length=36)] = ""
    "The same for all pages of one browser tab, also after a reload. Every other tab has another one."

    takes: bool = False
    "A person has asked for the calls in this tab. They are taken from another one, even during a call."


class ServerProof(msgspec.Struct, frozen=True, tag_field="type", tag="server-proof"):
    """The program's proof."""

    nonce: bytes
    proof: bytes


class PageProof(msgspec.Struct, frozen=True, tag_field="type", tag="page-proof", forbid_unknown_fields=True):
    """The page's proof."""

    proof: Annotated[bytes, Meta(min_length=32, max_length=32)]


# From this program to the page. A `kind` beside a `sentence` is a word for it that stays the same when its English
# changes: docs/console.md has them. The page shows the sentence, and gives the kind to scripts (`data-kind`).


class _ToPage(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """A tagged object."""


class HomeKey(_ToPage, frozen=True, tag="home-key"):
    """The key to keep, for a page that came with a temporary one. It is encrypted, see proof.py.

    On this machine it is the home's key, on a device the device's own.
    """

    key: bytes


class PairingCode(_ToPage, frozen=True, tag="pairing-code"):
    """To a page that has proven a pairing's secret: show the code, and wait until the owner confirms it at home."""

    name: str
    "The device's future name."

    code: str
    "Six digits. Home shows them too."


class InvitationNote(msgspec.Struct, frozen=True):
    """What the owner must know before sending an invitation."""

    text: str
    command: str = ""
    "A command for the terminal. The text ends with what it is for."


class InvitationWithPeers(msgspec.Struct, frozen=True):
    """An invitation that names the owner's private peers. The page shows it only after the owner has agreed."""

    agreed: str
    "What the owner agrees to: a sentence with the internet addresses that it reveals."

    text: str


class Hello(_ToPage, frozen=True, tag="hello"):
    """The first message after the proofs: everything that a new page needs."""

    version: str
    "The version of this program."

    node: str
    "Our node id."

    name: str
    "The name on the owner's contact card. May be empty."

    overlay: Overlay
    card: Link
    "The owner's own contact card."

    contacts: list[Contact]
    calls: list[Call]
    """Running calls, oldest first. Then ended calls whose page still asks something: to save the other person, to send
    a link, or to leave a voice message."""

    log: list[LogEntry]
    "The latest calls, newest first."

    texts: list[Text]
    "The texts that were written in these calls, oldest first."

    links: list[ShowLink]
    "The links of these calls that must still be sent to the other person."

    invitation: str = ""
    "A text for a friend who doesn't have the program yet."

    invitation_notes: list[InvitationNote] = []
    "What the owner must know before sending it."

    invitation_with_peers: InvitationWithPeers | None = None
    "None if there are no peers to name."

    devices: Devices | None = None
    "The owner's other devices."

    files: list[File] = []
    "The files of these calls."

    changes: list[str] = []
    "See ChangedElsewhere."

    notes: list[Said] = []
    "What the other side said last in those of these calls that wait."

    demo: bool = False
    "The program is a part of `copybara demo --handset` and ends with it."


class ChangedElsewhere(_ToPage, frozen=True, tag="changed-elsewhere"):
    """Changes to the contacts by the owner's other devices, which nobody at home has seen yet. Oldest first.

    Only for the page on this computer.
    """

    changes: list[str]
    "Sentences."


class NoOverlay(_ToPage, frozen=True, tag="no-overlay"):
    """Sent instead of Hello, and again after changes: there is no network for calls yet.

    The page shows that and waits. The program closes the socket when it goes on, and the page connects again.
    """

    kind: str
    sentence: str
    hint: str

    command: str
    "A command for the terminal. Empty if no command helps."


class CantStart(_ToPage, frozen=True, tag="cant-start"):
    """Sent instead of Hello, and again after changes: the program can't start until somebody corrects something.

    The page waits as with NoOverlay.
    """

    kind: str
    sentence: str
    hint: str


class OverlayState(_ToPage, frozen=True, tag="overlay"):
    """The overlay is gone or back, or our node has lost its last connection there or has one again."""

    overlay: Overlay


class Own(_ToPage, frozen=True, tag="own"):
    """What the owner gives to others has changed. The fields are those of Hello."""

    name: str
    card: Link
    invitation: str
    invitation_notes: list[InvitationNote] = []
    invitation_with_peers: InvitationWithPeers | None = None


class Contacts(_ToPage, frozen=True, tag="contacts"):
    """The contact book has changed. This is the whole book."""

    contacts: list[Contact]


class Log(_ToPage, frozen=True, tag="log"):
    """A call has ended. This is the whole log."""

    log: list[LogEntry]


class Devices(_ToPage, frozen=True, tag="devices"):
    """The owner's other devices have changed. This is the whole list."""

    devices: list[Device]

    can_change: bool
    "Whether this page can add and remove devices."

    lan: bool
    "Whether a device can be added over the local network."

    adding: Adding | None


class Call(_ToPage, frozen=True, tag="call"):
    """The present state of a call. Sent at each change. The last one has the state `ended`."""

    id: int
    "Identifies the call within this run."

    state: Literal["calling", "ringing", "connecting", "active", "reconnecting", "ended"]
    "`calling`: our link waits for an answer. `ringing`: the owner should answer."

    kind: str
    sentence: str
    "The meaning of the state in words: `Lost contact with anna. …`, `anna declined.`"

    name: str
    "The contact's name, or `Somebody you haven't saved`; in a conversation of several `node h8syf1xc…`."

    contact: str | None
    "The contact's name. None for a stranger, who can be saved."

    node: str
    role: Literal["caller", "callee"]

    media: Kinds
    "What the caller wants. After the answer, what both have agreed to."

    trust: Literal["trusted", "contact", "unproven", "stranger"]
    "`trusted`: their calls are answered automatically. `unproven`: the call names a contact, but lacks the shared key."

    proven: bool
    "Whether more than the node id proves that it is the contact, or the owner has said that the node id is enough."

    trust_words: str
    "How we know who it is, in words. Shown while it rings, and during the call."

    automatic: bool
    "Whether this program answered without asking."

    rings_there: bool
    "Whether the other side's program has said that it is ringing there."

    remote_automatic: bool
    "Whether the other side's program answered without asking, so that nobody may be there yet."

    handset: bool
    "Whether sound and picture are at this page. If not, they are `elsewhere` or at `endpoint`."

    endpoint: str

    phrase: str | None
    "Four words to compare by voice. None until both sides have agreed on them."

    paired: bool
    "Whether one link was enough for this call."

    echo: bool
    "Whether the call is with our own echo. Then there is nobody to save, and nothing to compare."

    connected_at: int | None
    "When it first connected."

    expires: int
    "Until when the link can be answered."

    path: str
    "The path of the packets, as a sentence. Empty before it is connected."

    remote: Sends | None
    "What the other side says it sends. None: it hasn't said anything."

    report: Report

    elsewhere: str | None = None
    """The owner's other page that has sound and picture: a device's name, or `the computer at home`. Empty: no page has
    them, though they belong to one. TakeHere brings them here. None: they are here, or at no page."""

    begins_off: bool = False
    """Whether the page begins with microphone and camera off, because others can write in the chat in which the call
    was requested instead of the owner."""

    to_confirm: bool = False
    "Whether the key that was agreed in it waits until the owner confirms the four words."

    compared: bool = False
    "Whether the owner has compared its four words."

    differed: bool = False
    "Whether the owner has compared its four words, and they differed."

    recorded: list[Recorded] = []
    "Its finished recordings."

    on_hold: bool = False
    """Whether the owner has put it on hold. The page releases microphone and camera, closes its media leg and plays
    nothing, until the call is resumed and the next Offer comes."""

    remote_on_hold: bool = False
    """Whether the other side has put it on hold. Nothing is sent or heard, and the page may play a quiet sound now and
    then."""

    recording: Literal["off", "waits", "asked", "on"] = "off"
    "The state of our recording. Nothing is recorded until it is `on`."

    remote_recording: Literal["off", "shown", "refused"] = "off"
    """The state of the other side's recording. While it is `shown`, the page shows a red mark with a way to refuse.
    When it begins, the page with the call's sound plays a tone."""

    recording_words: str = ""
    "Who records, in words. Empty: nobody."

    conversation: str | None = None
    """The same for all calls of one conversation. The page shows them together, and sends one microphone and one camera
    in all of them."""

    question: str | None = None
    "The question of the other side, if it asks the owner to join a conversation. AnswerQuestion answers it."

    asks: str | None = None
    """The owner has asked the other side and others to join a conversation, and not all have answered. A sentence about
    that is in one of these calls. AnswerQuestion without a yes withdraws the question."""

    called: str | None = None
    "The name that the introducer uses for the other side, if they came into a conversation that way."

    circle: str | None = None
    "Who in the conversation doesn't hear whom, as a sentence. None: as far as we know, everyone hears everyone."


class Ring(_ToPage, frozen=True, tag="ring"):
    """Call the owner to the page, with sound and title. It ends when the call's state isn't `ringing`."""

    call: int
    kind: str
    sentence: str
    "Who is calling, for what, and how we know them."


class AnsweredAlone(_ToPage, frozen=True, tag="answered-alone"):
    """A call was answered automatically, here or at the other side. Show the sentence while the call lasts.

    A page that connects later gets it too.
    """

    call: int
    by: Literal["us", "them"]
    kind: str
    sentence: str

    chime: bool
    "Play the notice now, because nothing else on this side does (docs/endpoints.md)."


class ShowLink(_ToPage, frozen=True, tag="link"):
    """A link of this call must be sent to the other person. The bot has put it into the chat, if there is one."""

    call: int
    link: Link
    kind: str
    sentence: str
    "What to do with the link, and until when."


class Explained(_ToPage, frozen=True, tag="explained"):
    """What a link is: the reply to Explain."""

    token: str

    kind: Literal["call", "response", "said", "card", "moved", "own", "unusable", "nothing"]
    """`call`: somebody is calling; Act makes it ring. `response`: connects our call. `said`: a contact says something
    about a call. `card`: can be saved (AddContact). `nothing`: no link is in the text."""

    sentence: str

    can_act: bool
    "Whether Act does anything with it. If so, show a button."

    button: str
    "The button's words, such as `Let it ring` or `Connect`. Empty without a button."

    card_name: str | None = None
    "For a contact card, also the owner's own: the name on it. May be empty."

    card_node: str | None = None

    id: int | None = None
    "The `id` of the request."

    node: str | None = None
    "The caller's node, if it isn't a contact's."

    rings: bool = False
    "Whether Act makes it ring and does nothing more. A person who has pasted it needs no other button."


class Done(_ToPage, frozen=True, tag="done"):
    """A request of the page was carried out. Only for requests with an `id`."""

    id: int
    kind: str = ""
    sentence: str = ""
    "What the page should say about it. Often empty."

    call: int | None = None
    "The call that Place or Act has begun."

    address: str = ""
    "The address of the file for SaveFile: a path of the page's server, valid for an hour."


class Problem(_ToPage, frozen=True, tag="problem"):
    """Something failed."""

    kind: str
    sentence: str
    hint: str
    "What to do next. May be empty."

    id: int | None = None
    "The `id` of the failed request."

    call: int | None = None


class Said(_ToPage, frozen=True, tag="said"):
    """A note about a call that changes nothing, such as that it is ringing there, or an unproven refusal."""

    call: int
    kind: str
    sentence: str

    path: str | None = None
    "The path of a finished recording on the computer of the program."

    recording: int | None = None
    "The recording's number, for SaveFile."


class Text(_ToPage, frozen=True, tag="text"):
    """A line of text beside the call. Our own lines come back too, once they are sent."""

    call: int
    ours: bool
    text: str
    at: int


class File(_ToPage, frozen=True, tag="file"):
    """The present state of a call's file. Sent at each change, and once a second during the transfer."""

    call: int
    file: int
    "Identifies the file within this run."

    ours: bool
    "Whether we send it."

    name: str
    size: int
    "In bytes."

    state: Literal["offered", "running", "paused", "done", "declined", "cancelled", "failed"]
    "`offered`: if it isn't ours, the owner should accept it (AnswerFile)."

    done: int
    "How many bytes the receiver has."

    kind: str
    sentence: str
    "What has happened to it, in words."

    detail: str = ""
    "Progress and speed, in words: `3.4 MB of 12 MB, 1.2 MB/s`."

    voice: bool = False
    "Whether it is a voice message, which the page can play."

    path: str | None = None
    "The path of a received file on the computer of the program."


class FileTaken(_ToPage, frozen=True, tag="file-taken"):
    """How much of the bytes that the page sends after SendFile is written."""

    upload: int
    "The `id` of the SendFile."

    bytes: int


class RemoteMedia(_ToPage, frozen=True, tag="remote-media"):
    """The other side now sends other media."""

    call: int
    remote: Sends


class Offer(_ToPage, frozen=True, tag="offer"):
    """A media leg to this page is ready. See the top of this file."""

    call: int
    leg: int
    "Repeated in MediaAnswer. An answer to an older leg is ignored."

    sdp: str


class Quality(_ToPage, frozen=True, tag="quality"):
    """Once a second for each active call: the last second on the overlay. The browser itself knows the resolution."""

    call: int
    seconds: float
    "The time since it first connected."

    round_trip_ms: float | None
    "The round trip between the two programs. None until it was measured."

    loss_percent: float
    "The lost share of the packets that should have arrived."

    jitter_ms: float | None
    received_kbps: float
    sent_kbps: float
    "The bit rate of RTP, RTCP and control packets together, without UDP and IP headers."

    audio_packets_received: int
    video_packets_received: int
    lost: int
    "Lost packets since the call began."


class TakenOver(_ToPage, frozen=True, tag="taken-over"):
    """Another page on the same machine has the calls: a newer page, or an older one with a call.

    This is the last message. The socket is closed with CLOSE_TAKEN_OVER.
    """


ToPage: TypeAlias = (
    HomeKey
    | PairingCode
    | Hello
    | NoOverlay
    | CantStart
    | OverlayState
    | Own
    | Contacts
    | ChangedElsewhere
    | Devices
    | Log
    | Call
    | Ring
    | AnsweredAlone
    | ShowLink
    | Explained
    | Done
    | Problem
    | Said
    | Text
    | File
    | FileTaken
    | RemoteMedia
    | Offer
    | Quality
    | TakenOver
)


# From the page to this program. `id` is the page's own number for a request. A request with an `id` gets Done or
# Problem, one without it only Problem.


class _FromPage(msgspec.Struct, frozen=True, tag_field="type", kw_only=True, forbid_unknown_fields=True):
    """A tagged object."""

    id: Number | None = None


class Audible(_FromPage, frozen=True, tag="audible"):
    """Whether the browser lets this page play sound. Before a click it may not.

    Sent after Hello, and at each change.
    """

    on: bool


class Explain(_FromPage, frozen=True, tag="explain"):
    """Ask what this is: a token, or any text with a link. Nothing happens; Explained comes."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_PASTED)]


class Act(_FromPage, frozen=True, tag="act"):
    """Use this link as if it were in the chat: let the call ring, or connect our call with the response.

    It never answers a call, because another page may have sent the browser here.
    """

    text: Annotated[str, Meta(min_length=1, max_length=MAX_PASTED)]


class Place(_FromPage, frozen=True, tag="place"):
    """Call somebody."""

    whom: Annotated[str, Meta(min_length=1, max_length=1024)]
    "A contact's name, a name to resolve, a node id or a contact card."

    media: Kinds = "video"

    node: NodeText = ""
    "The node that the page shows for that name. The name may be another contact's by now. Empty: it shows none."


class PlaceEcho(_FromPage, frozen=True, tag="place-echo"):
    """Call our own echo, to see and hear oneself."""

    media: Kinds = "video"


class Answer(_FromPage, frozen=True, tag="answer"):
    """Answer a ringing call. Its media are at this page, whatever endpoint answers otherwise."""

    call: Number
    media: Kinds = "video"
    instead: Literal["", "hold", "hang-up"] = ""
    "What happens to the owner's present call. Empty: there must be none, or it must be on hold."


class TakeHere(_FromPage, frozen=True, tag="take-here"):
    """Bring this call's sound and picture to this page, away from the page that has them."""

    call: Number


class Decline(_FromPage, frozen=True, tag="decline"):
    """Decline a ringing call."""

    call: Number


class Block(_FromPage, frozen=True, tag="block"):
    """Ignore a ringing call, and later calls of that node. The caller gets no reply.

    A stranger is silenced for a while.
    """

    call: Number


class HangUp(_FromPage, frozen=True, tag="hang-up"):
    """End a call, or cancel it."""

    call: Number
    words_differ: bool = False
    "Whether the owner has compared its four words, and they differed."


class Hold(_FromPage, frozen=True, tag="hold"):
    """Put a call on hold."""

    call: Number


class Resume(_FromPage, frozen=True, tag="resume"):
    """Take a call off hold, and put the owner's present call on hold. Its media are at this page."""

    call: Number


class Record(_FromPage, frozen=True, tag="record"):
    """Record a call, stop recording it, or refuse to be recorded."""

    call: Number
    what: Literal["start", "stop", "refuse"]


class Merge(_FromPage, frozen=True, tag="merge"):
    """Ask everybody with whom the owner is in a call to join one conversation. Calls on hold are resumed."""


class AnswerQuestion(_FromPage, frozen=True, tag="answer-question"):
    """Answer the question of a call's other side.

    It has the question's words, because there may be another one by now.
    """

    call: Number
    agrees: bool
    question: Annotated[str, Meta(max_length=1_000)]


class Write(_FromPage, frozen=True, tag="write"):
    """Send a line of text to the other side. It comes back as Text."""

    call: Number
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class SetMedia(_FromPage, frozen=True, tag="set-media"):
    """What this page sends now.

    It comes once the media leg is up, and after each mute, camera off, screen, or pause.
    """

    call: Number
    audio: bool
    video: bool
    screen: bool = False
    paused: bool = False
    "See Sends."


class MediaAnswer(_FromPage, frozen=True, tag="media-answer"):
    """The answer to an Offer."""

    call: Number
    leg: Number
    sdp: Annotated[str, Meta(min_length=1, max_length=32 * 1024)]


class WantOffer(_FromPage, frozen=True, tag="want-offer"):
    """The media leg to this page failed. Send a new Offer."""

    call: Number


class SendFile(_FromPage, frozen=True, tag="send-file"):
    """Offer a file to the other side. After Done its bytes can come, in binary frames. See the top of this file."""

    call: Number
    name: ShortText
    size: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class LeaveVoice(_FromPage, frozen=True, tag="leave-voice"):
    """Keep a voice message for a contact until the next call with them. Its bytes are sent as for SendFile.

    Once it is kept, a Said with the kind `message.kept` comes.
    """

    call: Number
    "The call that nobody answered, for the Said."

    node: NodeText
    "The contact's node in that call. By now their name may be another contact's."

    size: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    form: Literal["webm", "ogg", "mp4"]
    "The browser's recording format."


class CancelUpload(_FromPage, frozen=True, tag="cancel-upload"):
    """Stop sending a file that isn't offered yet."""

    upload: Number
    "The `id` of the SendFile."


class AnswerFile(_FromPage, frozen=True, tag="answer-file"):
    """Accept or decline an offered file."""

    file: Number
    accept: bool


class CancelFile(_FromPage, frozen=True, tag="cancel-file"):
    """End the transfer of a file, ours or theirs."""

    file: Number


class SaveFile(_FromPage, frozen=True, tag="save-file"):
    """The browser wants a received file of a running or ended call. Done has its address."""

    file: Number

    recording: bool = False
    "Whether `file` is the number of a recording."


class ConfirmWords(_FromPage, frozen=True, tag="confirm-words"):
    """The four words were the same on both sides.

    The key of an unproven call replaces the contact's key; that of a call with a stranger counts once they are saved.

    The words are those that were compared, because the page may show another call when the button is pressed.
    """

    call: Number
    words: Annotated[str, Meta(max_length=200)]


class SetName(_FromPage, frozen=True, tag="set-name"):
    """Put that name on the owner's contact card and into the configuration. Empty: no name."""

    name: Annotated[str, Meta(max_length=400)]


class SaveContact(_FromPage, frozen=True, tag="save-contact"):
    """Save the other side of a call under a name."""

    call: Number
    name: ShortText

    node: Annotated[str, Meta(max_length=64)] = ""
    "The other node of an ended call. Empty while the call is running."


class AddContact(_FromPage, frozen=True, tag="add-contact"):
    """Save a node id or a contact card under a name. Without a name, use the name on the card."""

    name: Annotated[str, Meta(max_length=400)]
    whom: Annotated[str, Meta(min_length=1, max_length=1024)]

    reference: Annotated[str, Meta(max_length=2 * REFERENCE_BYTES)] = ""
    "The log's call from which they are saved, see LogEntry. Its key counts if its words were compared."


class SetTrust(_FromPage, frozen=True, tag="set-trust"):
    """Choose what happens when a contact calls. Values that are None don't change."""

    name: ShortText
    node: NodeText
    "The node that the page shows. A contact with that name at another node is another contact."

    trust: Literal["block", "ring", "auto"] | None = None
    media: Kinds | None = None
    "The most media that they may get."

    files: bool | None = None
    "Whether their files are accepted without asking."


class RenameContact(_FromPage, frozen=True, tag="rename-contact"):
    """Rename a contact."""

    name: ShortText
    node: NodeText
    new_name: ShortText


class RemoveContact(_FromPage, frozen=True, tag="remove-contact"):
    """Delete a contact and all keys shared with it."""

    name: ShortText
    node: NodeText


class AddDevice(_FromPage, frozen=True, tag="add-device"):
    """Let a device be added, instead of one that was being added."""

    name: ShortText
    where: Annotated[str, Meta(max_length=100)] = ""
    "Its address. `lan`: over the local network. Empty: over the overlay."


class ConfirmDevice(_FromPage, frozen=True, tag="confirm-device"):
    """The device shows this code."""

    code: Annotated[str, Meta(min_length=1, max_length=20)]


class CancelDevice(_FromPage, frozen=True, tag="cancel-device"):
    """Add no device after all."""


class SeenChanges(_FromPage, frozen=True, tag="seen-changes"):
    """The owner has seen the changes in ChangedElsewhere."""

    changes: Annotated[list[Annotated[str, Meta(max_length=2_000)]], Meta(max_length=64)] | None = None
    "Those that the page has shown: another one may have come meanwhile. None: all."


class SeenEnd(_FromPage, frozen=True, tag="seen-end"):
    """The owner has closed the page of an ended call, with everything that it asked."""

    call: Number


class RemoveDevice(_FromPage, frozen=True, tag="remove-device"):
    """Lock a device out at once."""

    name: ShortText


FromPage: TypeAlias = (
    Audible
    | Explain
    | Act
    | Place
    | PlaceEcho
    | Answer
    | TakeHere
    | Decline
    | Block
    | HangUp
    | Hold
    | Resume
    | Record
    | Merge
    | AnswerQuestion
    | Write
    | SetMedia
    | MediaAnswer
    | WantOffer
    | SendFile
    | LeaveVoice
    | CancelUpload
    | AnswerFile
    | CancelFile
    | SaveFile
    | ConfirmWords
    | SetName
    | SaveContact
    | AddContact
    | SetTrust
    | RenameContact
    | RemoveContact
    | AddDevice
    | ConfirmDevice
    | CancelDevice
    | RemoveDevice
    | SeenChanges
    | SeenEnd
)

_encoder = msgspec.json.Encoder()
_requests: msgspec.json.Decoder[FromPage] = msgspec.json.Decoder(FromPage)


Known = TypeVar("Known", Prove, PageProof)


def decode_proof(data: str, kind: type[Known]) -> Known:
    """Decode a message from before the page is known, at most MAX_PROOF bytes.

    Raises HandsetError for anything else.
    """
    if len(data) > MAX_PROOF:
        raise HandsetError
    try:
        return msgspec.json.decode(data, type=kind)
    except NOT_JSON:
        raise HandsetError from None


def encode(message: ToPage | ServerProof) -> str:
    """Encode a message to the page. Raises LocalProtocolError for text that isn't valid Unicode."""
    try:
        return _encoder.encode(message).decode()
    except UnicodeEncodeError:
        raise LocalProtocolError("That can't be shown on the handset page.") from None


def decode(data: str | bytes) -> FromPage:
    """Decode a message of the page, at most MAX_MESSAGE bytes. Raises HandsetError for anything else."""
    try:
        if len(data) > MAX_MESSAGE:
            raise HandsetError("The handset page sent a message that is too long.")
        return _requests.decode(data)
    except NOT_JSON:
        raise HandsetError from None
