"""What the handset page and this program say to each other: JSON in the text frames of one WebSocket, `/socket`.

One message is one object with a key `type` and the fields below, in snake_case. Times are Unix seconds. The page is
sent Hello first and whatever has changed afterwards; it keeps nothing of its own, so that a page that is opened late or
reloaded shows the same as one that was there all the time.

Connecting. The page is at `http://127.0.0.1:PORT/#key=KEY` or `/#ticket=TICKET`; browsers send nothing behind `#` to
anybody. The page takes it out of its address (`history.replaceState`), connects to `/socket`, and sends Prove: which
key it knows, and a nonce. The program answers with ServerProof. The page checks it and closes the socket if it is
wrong; before, it acts on nothing else. Then it sends PageProof. If that is right it gets HomeKey, when it came with a
key that passes, and Hello. The home's key stays in the browser (IndexedDB, where no script can read it), so a page that
is reloaded or opened again, also in a later run, names it: `"key": "home"`. proof.py has the bytes.

On a device the page is at `https://[OVERLAY ADDRESS]:PORT/#pair=SECRET` the first time: it proves the secret as
`"key": "pairing"`, and is sent PairingCode. Once the owner has confirmed the code it gets a key of its own (HomeKey)
and Hello. From then on it names that key, and the cookie that it got with its first file goes along; devices/ has the
rest.

Closed with CLOSE_UNPROVEN: the key is unknown here (a used ticket, another run's key); another one that the page has
may do. Closed with CLOSE_TAKEN_OVER: another page has the calls, connect again (`"takes": true`) only when the person
asks for it. A page that comes takes the calls from one on the same machine; while a call is made there it has to ask
first, unless it is in the same tab: it is closed so instead of getting Hello. Any other end: connect again after a
moment.

Media. For each call that is up and comes to the handset the page is sent an Offer, and again whenever this program
needs a new media leg. The page makes a new RTCPeerConnection without any ICE server, gives it the offer, puts its
tracks on the transceivers that the offer made (direction `sendrecv`; a track that isn't there yet is added later with
`replaceTrack`), and returns the SDP as it is in MediaAnswer. It doesn't wait for candidates: none are read. An Offer of
the leg that there is goes to the same RTCPeerConnection: it names streams that have begun. When one of another leg
comes, the connection of the one before is closed. When the connection fails, the page
sends WantOffer. When the call ends (state `ended`), the page closes its connection.

Files. After SendFile is Done the page sends the content in binary frames, in order: the request's `id` in 4 bytes (big
endian), then at most 60 KiB. FileTaken says how much is written; the page keeps at most 1 MiB ahead of that. When all
of it is there the file is offered, and File tells how it goes on; if it can't be, a Problem with that `id` comes.
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
"Bytes of one message from the page; Chromium's SDP answer has about 3,000."

CLOSE_TAKEN_OVER = 4001
"WebSocket close code: another page on the same machine has the calls (RFC 6455, section 7.4.2: private use)."

CLOSE_STOPPING = 4002
"WebSocket close code: the program ends."

CLOSE_UNPROVEN = 4003
"WebSocket close code: the page hasn't shown that it knows a key."

MAX_PASTED = 32 * 1024
"Characters of what a page asks about: a link, or what another program has written."

MAX_PROOF = 1024
"Bytes of a message before the page is known."

Kinds: TypeAlias = Literal["audio", "video"]
"What a call is for: `video` is picture and sound."

Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
ShortText = Annotated[str, Meta(min_length=1, max_length=400)]
NodeText = Annotated[str, Meta(max_length=64)]


# Values that several messages contain.


class Sends(msgspec.Struct, frozen=True):
    """What one side of a call sends now."""

    audio: bool
    "False: muted."

    video: bool
    "False: camera off."

    screen: bool = False
    "The picture is of a screen."

    paused: bool | msgspec.UnsetType = msgspec.UNSET
    "True: there is a picture, and it isn't sent, for the path carries too little for it beside the sound."


class Contact(msgspec.Struct, frozen=True):
    """An entry of the contact book."""

    name: str
    node: str

    trust: Literal["block", "ring", "auto"]
    "What happens when they call: nothing, it rings, it is answered without asking."

    media: Kinds
    "The most that they may get."

    trust_words: str
    "The same for people, such as `rings` or `answered automatically (audio), 08:00-22:00`."

    paired: bool
    "One link is enough to call them."

    endpoint: str | None = None
    "What answers them; None: as configured."

    files: bool = False
    "Their files are accepted without asking."

    beyond: str = ""
    "What is answered automatically that only a command allows, as a sentence; empty: nothing."

    waits: str = ""
    "What waits for the next call that proves it is them, such as `1 voice message waits`."


class Received(msgspec.Struct, frozen=True):
    """A file that came in a call that has ended."""

    file: int
    "Its number in File."

    name: str
    path: str
    "Where it was put, on the computer that the program runs on."

    voice: bool = False


class Recorded(msgspec.Struct, frozen=True):
    """A recording of a call that is over: one that the owner has made, or what the answering machine has taken."""

    recording: int
    "Its number in Said."

    path: str
    "Where it is, on the computer that the program runs on."


class LogEntry(msgspec.Struct, frozen=True):
    """A call that has ended."""

    name: str
    "The contact's name at that time, or that it was somebody whom the owner hasn't saved."

    node: str
    contact: str | None
    "The name of the contact that this node is now, if it is one."

    role: Literal["caller", "callee"]
    media: Kinds
    started: int
    seconds: int | None
    "How long it was connected; None if it never was."

    reason: str
    "A value of EndReason, such as `hung-up` or `missed`."

    sentence: str
    "The same for people: `You missed a call from anna.`"

    automatic: bool
    received: list[Received] = []
    "What came in it. Only of calls since the program was started."

    recorded: list[Recorded] = []
    "The recordings of it, likewise."

    reference: str = ""
    "In hexadecimal, to save who was in it (AddContact). Empty for a contact's."

    compared: bool = False
    "Whether the owner has compared its four words, and who was in it isn't a contact."


class Link(msgspec.Struct, frozen=True):
    """Something to send to the other person, to copy or to scan."""

    token: str
    "The bare token."

    text: str
    "`copybara:TOKEN`: what is to be copied."

    qr: str
    "The same as a QR code: a `data:image/svg+xml` address for an <img>."


class Overlay(msgspec.Struct, frozen=True):
    """The network that calls go through."""

    name: str
    "For people: `Yggdrasil`, `Staex`, `Loopback`."

    address: str | None
    "Our own address there; None while it can't be used."

    notice: str = ""
    """A sentence to show all the time: that it can't be used or is connected to nobody, and what to do; or that
    loopback gives no privacy.
    """

    kind: str = ""
    "What the notice says, see below."

    connected: bool | None = None
    "Whether our node is connected to any other; None: it doesn't say."


class Report(msgspec.Struct, frozen=True):
    """A call as `copybara status --json` has it: packets, bytes, loss, addresses and port numbers used."""

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
    "Such as `[200::1]:40000`; None before there is a socket."

    remote: str | None
    refused: dict[str, int]
    "Datagrams that were dropped, by cause."


class Device(msgspec.Struct, frozen=True):
    """One of the owner's other devices."""

    name: str
    words: str
    "Its address, and when it was seen last, for people."

    here: bool
    "This page is on it."


class Adding(msgspec.Struct, frozen=True):
    """A device that can be added now."""

    name: str
    link: Link
    "The one-time address to open there; no token."

    authority: str
    "The SHA-256 fingerprint of the home's certificate authority, in hexadecimal with colons."

    gives_up: str
    "What others can see, a sentence; may be empty."

    visitor: str | None
    code: str | None
    "The address of a device that has opened it, and the code that it must show."


# How both prove that they know the key. Bytes are base64 (RFC 4648, section 4).


class Prove(msgspec.Struct, frozen=True, tag_field="type", tag="prove", forbid_unknown_fields=True):
    """The page's first message: show that you know this key."""

    key: Literal["home", "run", "ticket", "pairing"]
    nonce: Annotated[bytes, Meta(min_length=32, max_length=32)]
    name: Annotated[str, Meta(max_length=32)] = ""
    "Which ticket: see `ticket_name`."

    tab: Annotated[str, Meta(max_length=36)] = ""
    "The same for all pages of one browser tab, also after a reload; any other tab has another."

    takes: bool = False
    "A person has asked for the calls in this tab: they are taken from another one, also in a call."


class ServerProof(msgspec.Struct, frozen=True, tag_field="type", tag="server-proof"):
    """The program does."""

    nonce: bytes
    proof: bytes


class PageProof(msgspec.Struct, frozen=True, tag_field="type", tag="page-proof", forbid_unknown_fields=True):
    """So does the page."""

    proof: Annotated[bytes, Meta(min_length=32, max_length=32)]


# From this program to the page. A `kind` beside a `sentence` is what it says, as a word that stays when its English
# changes: docs/console.md has them. The page shows the sentence, and the kind to scripts (`data-kind`).


class _ToPage(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """A tagged object."""


class HomeKey(_ToPage, frozen=True, tag="home-key"):
    """The key to keep, for a page that came with another: encrypted for it, see proof.py.

    It is the home's on this machine, and the device's own on a device.
    """

    key: bytes


class PairingCode(_ToPage, frozen=True, tag="pairing-code"):
    """To a page that has proven a pairing's secret: show the code, and wait until its owner confirms it at home."""

    name: str
    "What the device will be called."

    code: str
    "Six digits, which are shown at home too."


class InvitationNote(msgspec.Struct, frozen=True):
    """What the owner has to know before they send an invitation."""

    text: str
    command: str = ""
    "What they may run in a terminal; the text ends in what for."


class InvitationWithPeers(msgspec.Struct, frozen=True):
    """An invitation that names the owner's private peers. The page gives it out only once the owner has agreed."""

    agreed: str
    "What they agree to: a sentence with the internet addresses that it shows."

    text: str


class Hello(_ToPage, frozen=True, tag="hello"):
    """The first message after the proofs: everything that there is."""

    version: str
    "Of this program."

    node: str
    "Our node id."

    name: str
    "What the owner's contact card calls them; may be empty."

    overlay: Overlay
    card: Link
    "The owner's own contact card."

    contacts: list[Contact]
    calls: list[Call]
    """Those that aren't over, oldest first; then those that are and whose page asks something still: to save who was in
    it, to send a link, to leave a voice message."""

    log: list[LogEntry]
    "The latest calls, newest first."

    texts: list[Text]
    "What was written in the calls above, oldest first."

    links: list[ShowLink]
    "Those of the calls above that are to be sent to the other person still."

    invitation: str = ""
    "A text for a friend who doesn't have the program yet."

    invitation_notes: list[InvitationNote] = []
    "What the owner has to know before they send it."

    invitation_with_peers: InvitationWithPeers | None = None
    "None if there are no peers to be named."

    devices: Devices | None = None
    "The owner's other devices."

    files: list[File] = []
    "Those of the calls above."

    changes: list[str] = []
    "See ChangedElsewhere."

    notes: list[Said] = []
    "What the other side has said last of those of the calls above that wait."


class ChangedElsewhere(_ToPage, frozen=True, tag="changed-elsewhere"):
    """What the owner's other devices have changed in the contacts and nobody has seen at home yet, oldest first.

    For the page on this computer.
    """

    changes: list[str]
    "Sentences."


class NoOverlay(_ToPage, frozen=True, tag="no-overlay"):
    """In place of Hello, and again when it changes: there is no network yet to call through.

    The page shows that and waits: the program closes the socket as soon as it goes on, and the page connects again.
    """

    kind: str
    sentence: str
    hint: str

    command: str
    "What to run in a terminal; empty if no command helps."


class CantStart(_ToPage, frozen=True, tag="cant-start"):
    """In place of Hello, and again when it changes: the program can't start before somebody has mended what is wrong.

    The page waits as with NoOverlay.
    """

    kind: str
    sentence: str
    hint: str


class OverlayState(_ToPage, frozen=True, tag="overlay"):
    """The overlay is gone or back, or our node has lost its last connection there, or has one again."""

    overlay: Overlay


class Own(_ToPage, frozen=True, tag="own"):
    """What the owner gives to others has changed. The fields are those of Hello."""

    name: str
    card: Link
    invitation: str
    invitation_notes: list[InvitationNote] = []
    invitation_with_peers: InvitationWithPeers | None = None


class Contacts(_ToPage, frozen=True, tag="contacts"):
    """The contact book has changed; this is all of it."""

    contacts: list[Contact]


class Log(_ToPage, frozen=True, tag="log"):
    """A call has ended; this is the whole list."""

    log: list[LogEntry]


class Devices(_ToPage, frozen=True, tag="devices"):
    """The owner's other devices have changed; this is all of them."""

    devices: list[Device]

    can_change: bool
    "Whether they can be added and removed at this page."

    lan: bool
    "Whether one can be added over the home's network."

    adding: Adding | None


class Call(_ToPage, frozen=True, tag="call"):
    """A call as it stands now. Sent at each change; the last one has the state `ended`."""

    id: int
    "Tells the calls of one run apart."

    state: Literal["calling", "ringing", "connecting", "active", "reconnecting", "ended"]
    "`calling`: our link waits for an answer. `ringing`: the owner is to answer."

    kind: str
    sentence: str
    "What the state means, for people: `Lost contact with anna. …`, `anna declined.`"

    name: str
    "The contact's name; else `Somebody you haven't saved`, and in a conversation of several `node h8syf1xc…`."

    contact: str | None
    "The contact's name; None for a stranger, who can be saved."

    node: str
    role: Literal["caller", "callee"]

    media: Kinds
    "What the caller wants; once answered, what both agreed to."

    trust: Literal["trusted", "contact", "unproven", "stranger"]
    """`trusted`: their calls are answered automatically. `unproven`: it names a contact, but lacks the key that we
    share with them."""

    proven: bool
    "More than the node id says that it is the contact, or the owner has said that the node id is enough."

    trust_words: str
    "How we know who it is, for people. To be shown while it rings, and in the call."

    automatic: bool
    "This program answered without asking."

    rings_there: bool
    "The other side's program has said that it is ringing there."

    remote_automatic: bool
    "The other side's program did, so they may not be there yet."

    handset: bool
    "Sound and picture come to this page. If not, they are `elsewhere`, or go to `endpoint`."

    endpoint: str

    phrase: str | None
    "Four words to compare by voice; None until both sides have agreed on them."

    paired: bool
    "One link was enough for this call."

    echo: bool
    "With our own echo: there is nobody to save, and nothing to compare."

    connected_at: int | None
    "When it connected first."

    expires: int
    "How long the link can be answered."

    path: str
    "Where the packets go, as a whole sentence for people; empty before it is connected."

    remote: Sends | None
    "What the other side has told us that it sends; None until then."

    report: Report

    elsewhere: str | None = None
    """Which other page of the owner's has sound and picture: the name of a device, or `the computer at home`; empty:
    none, though they come to a page. TakeHere brings them here. None: they are here, or come to no page."""

    begins_off: bool = False
    """Whether the page begins with microphone and camera off: what has begun the call was written in a chat in which
    others can write in the owner's place."""

    to_confirm: bool = False
    "Whether the key that was agreed in it waits until the owner confirms the four words."

    compared: bool = False
    "Whether the owner has compared its four words."

    differed: bool = False
    "The owner has, and they weren't the same."

    recorded: list[Recorded] = []
    "The recordings of it that are over."

    on_hold: bool = False
    """The owner has put it on hold: the page lets go of microphone and camera, closes its media leg and plays nothing,
    until it is resumed and the next Offer comes."""

    remote_on_hold: bool = False
    "The other side has: nothing is sent or heard, and the page may sound quietly now and then."

    recording: Literal["off", "waits", "asked", "on"] = "off"
    "Whether we record it; nothing is recorded before it is `on`."

    remote_recording: Literal["off", "shown", "refused"] = "off"
    """Whether the other side does. While it is `shown` the page shows a red mark with a way to refuse; when it begins,
    the page that has the call's sound plays a tone."""

    recording_words: str = ""
    "Who records, for people; empty: nobody does."

    conversation: str | None = None
    """The same for all calls that are one conversation: the page shows them together, and sends one microphone and one
    camera in all of them."""

    question: str | None = None
    "The other side asks the owner to join one: what exactly. AnswerQuestion answers it."

    asks: str | None = None
    """The owner has asked the other side and others into one, and not all have answered: a sentence about it, in one of
    these calls. AnswerQuestion without a yes takes it back."""

    called: str | None = None
    "What the one who introduced them calls the other side, for somebody who came into a conversation that way."

    circle: str | None = None
    "Who in the conversation doesn't hear whom, as a sentence; None: everyone hears everyone, as far as we know."


class Ring(_ToPage, frozen=True, tag="ring"):
    """Call the owner to the page, by sound and title. It is over when the call's state isn't `ringing`."""

    call: int
    kind: str
    sentence: str
    "Who is calling, for what, and how we know them."


class AnsweredAlone(_ToPage, frozen=True, tag="answered-alone"):
    """A call was answered automatically, here or at the other side: show the sentence for as long as the call lasts.

    A page that connects later gets it too.
    """

    call: int
    by: Literal["us", "them"]
    kind: str
    sentence: str

    chime: bool
    "Play the notice now, because nothing else on this side does: docs/endpoints.md."


class ShowLink(_ToPage, frozen=True, tag="link"):
    """A link of this call is to be sent to the other person; the bot has put it into the chat, if there is one."""

    call: int
    link: Link
    kind: str
    sentence: str
    "What to do with it, and until when."


class Explained(_ToPage, frozen=True, tag="explained"):
    """What a link is: the answer to Explain."""

    token: str

    kind: Literal["call", "response", "said", "card", "moved", "own", "unusable"]
    """`call`: somebody is calling; Act lets it ring. `response`: connects our call. `said`: a contact says something
    about a call. `card`: can be saved (AddContact)."""

    sentence: str

    can_act: bool
    "Whether Act does anything with it: show a button."

    button: str
    "What the button says, such as `Let it ring` or `Connect`; empty without one."

    card_name: str | None = None
    "For a contact card, also the owner's own: the name on it, perhaps empty."

    card_node: str | None = None

    id: int | None = None
    "Of the request."

    node: str | None = None
    "Whose call it is, where that isn't a contact's."

    rings: bool = False
    "Whether Act lets it ring, and does nothing more: who has pasted it needs no other button."


class Done(_ToPage, frozen=True, tag="done"):
    """A request of the page was carried out. Only for those that had an `id`."""

    id: int
    kind: str = ""
    sentence: str = ""
    "What there is to say about it; often nothing."

    call: int | None = None
    "The call that it began, for Place and Act."

    address: str = ""
    "Where the browser gets the file, for SaveFile: a path of the page's server. Good for an hour."


class Problem(_ToPage, frozen=True, tag="problem"):
    """Something didn't work."""

    kind: str
    sentence: str
    hint: str
    "What to do next; may be empty."

    id: int | None = None
    "The request that it is about."

    call: int | None = None


class Said(_ToPage, frozen=True, tag="said"):
    """A note about a call that changes nothing: it is ringing there; a refusal that anybody could have written."""

    call: int
    kind: str
    sentence: str

    path: str | None = None
    "The file of a recording that is over, on the computer that the program runs on."

    recording: int | None = None
    "Its number, for SaveFile."


class Text(_ToPage, frozen=True, tag="text"):
    """A line of text beside the call; ours come back too, once they are on their way."""

    call: int
    ours: bool
    text: str
    at: int


class File(_ToPage, frozen=True, tag="file"):
    """A file of a call as it stands now. Sent at each change, and once a second while it is on its way."""

    call: int
    file: int
    "Tells the files of one run apart."

    ours: bool
    "We send it."

    name: str
    size: int
    "Bytes."

    state: Literal["offered", "running", "paused", "done", "declined", "cancelled", "failed"]
    "`offered`: if it isn't ours, the owner is to accept it (AnswerFile)."

    done: int
    "Bytes that the receiver has."

    kind: str
    sentence: str
    "What has happened to it, for people."

    detail: str = ""
    "How far and how fast, for people: `3.4 MB of 12 MB, 1.2 MB/s`."

    voice: bool = False
    "It is a voice message: the page can play it."

    path: str | None = None
    "Where a file that has arrived is, on the computer that the program runs on."


class FileTaken(_ToPage, frozen=True, tag="file-taken"):
    """How much of what the page sends after SendFile is written."""

    upload: int
    "The `id` of the SendFile."

    bytes: int


class RemoteMedia(_ToPage, frozen=True, tag="remote-media"):
    """What the other side sends has changed."""

    call: int
    remote: Sends


class Offer(_ToPage, frozen=True, tag="offer"):
    """A media leg to this page is ready; see the top of this file."""

    call: int
    leg: int
    "To be repeated in MediaAnswer; an answer to an older leg is ignored."

    sdp: str


class Quality(_ToPage, frozen=True, tag="quality"):
    """Once a second for each active call: the last second on the overlay. Resolution is known to the browser."""

    call: int
    seconds: float
    "Since it connected first."

    round_trip_ms: float | None
    "Between the two programs; None until it was measured."

    loss_percent: float
    "Of the packets that should have arrived."

    jitter_ms: float | None
    received_kbps: float
    sent_kbps: float
    "On the wire, RTP, RTCP and control together, without UDP and IP headers."

    audio_packets_received: int
    video_packets_received: int
    lost: int
    "Since it began."


class TakenOver(_ToPage, frozen=True, tag="taken-over"):
    """Another page on the same machine has the calls: a newer one, or this one came while that one had a call.

    The last message; the socket is closed with CLOSE_TAKEN_OVER.
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


# From the page to this program. `id` is the page's own number for a request; with one it is answered by Done or
# Problem, without one only by Problem.


class _FromPage(msgspec.Struct, frozen=True, tag_field="type", kw_only=True, forbid_unknown_fields=True):
    """A tagged object."""

    id: Number | None = None


class Audible(_FromPage, frozen=True, tag="audible"):
    """Whether the browser lets this page be heard, which it may not before a click. After Hello, and at each change."""

    on: bool


class Explain(_FromPage, frozen=True, tag="explain"):
    """What is this? A token, or any text that holds a link. Nothing happens; Explained comes."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_PASTED)]


class Act(_FromPage, frozen=True, tag="act"):
    """Read this link as if it stood in the chat: let the call ring, or connect ours by the response.

    It answers nothing: another page may have led the browser here.
    """

    text: Annotated[str, Meta(min_length=1, max_length=MAX_PASTED)]


class Place(_FromPage, frozen=True, tag="place"):
    """Call somebody."""

    whom: Annotated[str, Meta(min_length=1, max_length=1024)]
    "A contact's name, a name to resolve, a node id or a contact card."

    media: Kinds = "video"

    node: NodeText = ""
    "The node that the page shows for that name, which may be another contact's by now; empty: it shows none."


class PlaceEcho(_FromPage, frozen=True, tag="place-echo"):
    """Call our own echo, to see and hear ourselves."""

    media: Kinds = "video"


class Answer(_FromPage, frozen=True, tag="answer"):
    """Answer a call that rings; its media come to this page, whatever answers otherwise."""

    call: Number
    media: Kinds = "video"
    instead: Literal["", "hold", "hang-up"] = ""
    "What becomes of the call that the owner is in; empty: it has to be over, or on hold."


class TakeHere(_FromPage, frozen=True, tag="take-here"):
    """Have sound and picture of this call come to this page, and leave the page that has them."""

    call: Number


class Decline(_FromPage, frozen=True, tag="decline"):
    """Refuse a call that rings."""

    call: Number


class Block(_FromPage, frozen=True, tag="block"):
    """Ignore a call that rings and every later one of that node; its caller gets no reply. Strangers are saved."""

    call: Number


class HangUp(_FromPage, frozen=True, tag="hang-up"):
    """End a call, or take it back."""

    call: Number
    words_differ: bool = False
    "The owner has compared its four words, and they aren't the same."


class Hold(_FromPage, frozen=True, tag="hold"):
    """Put a call on hold."""

    call: Number


class Resume(_FromPage, frozen=True, tag="resume"):
    """Take a call off hold, and put the one on hold that the owner is in. Its media come to this page."""

    call: Number


class Record(_FromPage, frozen=True, tag="record"):
    """Record a call, end that, or refuse to be recorded in it."""

    call: Number
    what: Literal["start", "stop", "refuse"]


class Merge(_FromPage, frozen=True, tag="merge"):
    """Ask all with whom the owner is in a call to be in one conversation. Those on hold come off it."""


class AnswerQuestion(_FromPage, frozen=True, tag="answer-question"):
    """Answer the question that the other side of a call has asked, as it was shown: it may be another one by now."""

    call: Number
    agrees: bool
    question: Annotated[str, Meta(max_length=1_000)]


class Write(_FromPage, frozen=True, tag="write"):
    """Write a line of text to the other side. It comes back as Text."""

    call: Number
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class SetMedia(_FromPage, frozen=True, tag="set-media"):
    """What this page sends now: once its media leg is up, then after each mute, camera off, screen, or pause."""

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
    """The media leg to this page broke, or was never made: send a new Offer."""

    call: Number


class SendFile(_FromPage, frozen=True, tag="send-file"):
    """Offer a file to the other side. Done says that its bytes can come: in binary frames, see the top of this file."""

    call: Number
    name: ShortText
    size: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class LeaveVoice(_FromPage, frozen=True, tag="leave-voice"):
    """Keep a voice message for a contact, until the next call with them. Its bytes come as those of SendFile do.

    A Said with the kind `message.kept` follows once it is kept.
    """

    call: Number
    "The call that nobody answered, for the Said."

    node: NodeText
    "The contact's, as it was in that call: by now their name may be another's."

    size: Annotated[int, Meta(ge=0, le=2**53 - 1)]
    form: Literal["webm", "ogg", "mp4"]
    "What the browser has recorded."


class CancelUpload(_FromPage, frozen=True, tag="cancel-upload"):
    """Send no more of a file that isn't offered yet."""

    upload: Number
    "The `id` of the SendFile."


class AnswerFile(_FromPage, frozen=True, tag="answer-file"):
    """Take a file that is offered, or don't."""

    file: Number
    accept: bool


class CancelFile(_FromPage, frozen=True, tag="cancel-file"):
    """End a file, ours or theirs."""

    file: Number


class SaveFile(_FromPage, frozen=True, tag="save-file"):
    """The browser wants a file that has arrived, in a call that goes on or has ended. Done says where it gets it."""

    file: Number

    recording: bool = False
    "It is the number of a recording."


class ConfirmWords(_FromPage, frozen=True, tag="confirm-words"):
    """The four words were the same on both sides. The key of an unproven call takes the place of the contact's; that of
    a call with somebody who isn't a contact counts once they are saved.

    The words are those that were compared: another call may be shown by the time of the press.
    """

    call: Number
    words: Annotated[str, Meta(max_length=200)]


class SetName(_FromPage, frozen=True, tag="set-name"):
    """Put that name on the owner's contact card, and into the configuration; empty: none."""

    name: Annotated[str, Meta(max_length=400)]


class SaveContact(_FromPage, frozen=True, tag="save-contact"):
    """Save the other side of a call under a name."""

    call: Number
    name: ShortText

    node: Annotated[str, Meta(max_length=64)] = ""
    "Whose call it was, if it is over. Empty while it is up."


class AddContact(_FromPage, frozen=True, tag="add-contact"):
    """Save a node id or a contact card under a name; without one, under the name on the card."""

    name: Annotated[str, Meta(max_length=400)]
    whom: Annotated[str, Meta(min_length=1, max_length=1024)]

    reference: Annotated[str, Meta(max_length=2 * REFERENCE_BYTES)] = ""
    "From which call of the log they are saved, see LogEntry: its key counts if its words were compared."


class SetTrust(_FromPage, frozen=True, tag="set-trust"):
    """Choose what happens when a contact calls. What is None stays as it is."""

    name: ShortText
    node: NodeText
    "The contact that the page shows: one of that name at another node is another one."

    trust: Literal["block", "ring", "auto"] | None = None
    media: Kinds | None = None
    "The most that they may get."

    files: bool | None = None
    "Whether their files are accepted without asking."


class RenameContact(_FromPage, frozen=True, tag="rename-contact"):
    """Give a contact another name."""

    name: ShortText
    node: NodeText
    new_name: ShortText


class RemoveContact(_FromPage, frozen=True, tag="remove-contact"):
    """Forget a contact and all keys shared with it."""

    name: ShortText
    node: NodeText


class AddDevice(_FromPage, frozen=True, tag="add-device"):
    """Let a device be added, in place of one that was about to be."""

    name: ShortText
    where: Annotated[str, Meta(max_length=100)] = ""
    "Its address; `lan`: over the home's network; empty: over the overlay."


class ConfirmDevice(_FromPage, frozen=True, tag="confirm-device"):
    """The device shows this code."""

    code: Annotated[str, Meta(min_length=1, max_length=20)]


class CancelDevice(_FromPage, frozen=True, tag="cancel-device"):
    """Add none after all."""


class SeenChanges(_FromPage, frozen=True, tag="seen-changes"):
    """The owner has seen what ChangedElsewhere said."""


class SeenEnd(_FromPage, frozen=True, tag="seen-end"):
    """The owner has put away the page of a call that is over, with all that it asked."""

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
    """Read what a page says before it is known, at most MAX_PROOF bytes. Raises HandsetError for anything else."""
    if len(data) > MAX_PROOF:
        raise HandsetError
    try:
        return msgspec.json.decode(data, type=kind)
    except NOT_JSON:
        raise HandsetError from None


def encode(message: ToPage | ServerProof) -> str:
    """Write one message to the page. Raises LocalProtocolError for text that is no Unicode."""
    try:
        return _encoder.encode(message).decode()
    except UnicodeEncodeError:
        raise LocalProtocolError("That can't be shown on the handset page.") from None


def decode(data: str | bytes) -> FromPage:
    """Read one message of the page, at most MAX_MESSAGE bytes. Raises HandsetError for anything else."""
    try:
        if len(data) > MAX_MESSAGE:
            raise HandsetError("The handset page sent a message that is too long.")
        return _requests.decode(data)
    except NOT_JSON:
        raise HandsetError from None
