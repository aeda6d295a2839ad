"""A line: one call of this node, from its link to its last packet.

It is made of three values: what the link said (call_link.py), how the connection stands, and what people see of it
(both in line_parts.py). Only the methods here replace these values, and only `peer.calls` calls those methods; all
others read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from peer.calls.call_link import CallLink
from peer.calls.first_contact import FirstContact
from peer.calls.line_parts import ConnectionState, Presented
from peer.calls.recording.table import RecordingState
from peer.calls.repeats import Repeats
from shared.call.effects import Effect
from shared.call.events import Answer, Busy, Event, Glare, Offered
from shared.call.table import CONNECTED, CONNECTS, Call, State, ends, incoming, step
from shared.contacts import STRANGER, Contact
from shared.media import Media
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.secrets.handshake import Role

if TYPE_CHECKING:
    # With a session come the media libraries. What only reads of a call, such as the command line, needs none.
    from peer.calls.files.call_files import CallFiles
    from peer.calls.foreign import ForeignCall
    from peer.calls.recording.call_recording import CallRecording
    from peer.calls.sdp_session import SdpSession
    from peer.calls.session import Session


class Line:
    """One call of this node."""

    def __init__(
        self,
        number: int,
        call: Call,
        link: CallLink,
        *,
        chat: str,
        expires: int,
        connection: ConnectionState | None = None,
        shown: Presented = Presented(),  # noqa: B008 -- a value
        foreign: ForeignCall | None = None,
        sealing_key: bytes | None = None,
        stranger: bool | None = None,
    ) -> None:
        """`number` tells the lines of one run apart. `chat` is the conversation that its links belong to.

        `expires` is when its link does, Unix seconds. `foreign` is for a call with a program that speaks SDP. Our
        request is sealed to `sealing_key` (32 bytes) if there is one. `stranger` see the property; None: unless the
        other side is a contact.
        """
        self._number = number
        self._call = call
        self._link = link
        self._chat = chat
        self._expires = expires
        self._connection = connection or ConnectionState(link.media)
        self._shown = shown
        self._foreign = foreign
        self._first_contact = FirstContact(sealing_key)
        self._stranger = shown.contact is None if stranger is None else stranger
        self.repeats = Repeats()
        "Counts what the other side may do again and again."

        self._met = False
        "Whether the owner has saved the other side in this call, or is about to."

        self._twin: Line | None = None
        self._logged = False
        self._life: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self.ending = asyncio.Event()
        "Set once something in the inbox ends the call, as far as its state tells by then."

        self._over = asyncio.Event()
        self._stepped = asyncio.Event()
        "Set when the call is stepped next; `until` waits for it."

    # What everybody may read.

    @property
    def number(self) -> int:
        """Tells the lines of one run apart; for buttons and lists."""
        return self._number

    @property
    def call(self) -> Call:
        """The state of the call in its table."""
        return self._call

    @property
    def link(self) -> CallLink:
        """What the link that begins the call says, as far as it is known yet."""
        return self._link

    @property
    def connection(self) -> ConnectionState:
        """How the connection stands."""
        return self._connection

    @property
    def shown(self) -> Presented:
        """What people see of it, or have chosen for it."""
        return self._shown

    @property
    def foreign(self) -> ForeignCall | None:
        """What there is of a call with a program that speaks SDP; None with our own program."""
        return self._foreign

    @property
    def first_contact(self) -> FirstContact:
        """What is needed in addition if the two sides share no secret yet."""
        return self._first_contact

    @property
    def chat(self) -> str:
        """The conversation that its links belong to."""
        return self._chat

    @property
    def expires(self) -> int:
        """When its link expires, Unix seconds."""
        return self._expires

    @property
    def over(self) -> asyncio.Event:
        """Set when the call has ended and everything of it is closed."""
        return self._over

    @property
    def twin(self) -> Line | None:
        """The line of the other side's call, when both called each other."""
        return self._twin

    @property
    def logged(self) -> bool:
        """Whether its end is in the log, or will be."""
        return self._logged

    @property
    def life(self) -> asyncio.Task[None] | None:
        """The task that steps the call until it is over."""
        return self._life

    @property
    def peer(self) -> NodeId:
        """The other side's node."""
        return self._link.peer

    @property
    def proven(self) -> bool:
        """Whether the call was set up with a pair secret, which still proves who the other side is."""
        return self._link.proven

    @property
    def stranger(self) -> bool:
        """Whether the call began with somebody who wasn't a contact, and the owner hasn't saved them in it.

        Their node may be a contact's by now; nobody has said that it is the same person.
        """
        return self._stranger and not self._met

    @property
    def met(self) -> bool:
        """Whether the owner has saved the other side in it, or is about to."""
        return self._met

    @property
    def media(self) -> Media:
        """What the caller wants; once answered, what the callee agreed to."""
        return self._connection.media

    @property
    def session(self) -> Session | SdpSession | None:
        """What carries the call, once it has a socket."""
        return self._connection.session

    @property
    def name(self) -> str:
        """The name in sentences: the contact's, else that they aren't a contact.

        In a conversation several may not be, so there it is the beginning of the node id.
        """
        return self._shown.contact or (self.label if self._shown.together else STRANGER)

    @property
    def label(self) -> str:
        """The name for scripts and lists: the contact's, else the beginning of the node id."""
        return self._shown.contact or f"node {self.peer.short}…"

    @property
    def together(self) -> bytes:
        """The conversation of several people that it is part of, 16 bytes; empty: none."""
        return self._shown.together

    @property
    def engaged(self) -> bool:
        """Whether the owner is in this call now: it is connected, and the answering machine hasn't taken it."""
        return not self._shown.machine and self.call.state in CONNECTED

    @property
    def on_hold(self) -> bool:
        """Whether the owner has put it on hold: then there is room for one other call beside it."""
        return self.call.on_hold

    @property
    def holdable(self) -> bool:
        """Whether it can be put on hold: it is connected, or joins a conversation."""
        states = (*CONNECTED, *CONNECTS) if self._shown.introduced else CONNECTED
        return self.call.state in states and not self._shown.machine and self.session is not None

    @property
    def remote_on_hold(self) -> bool:
        """Whether the other side has put it on hold."""
        return self.call.remote_on_hold

    @property
    def files(self) -> CallFiles | None:
        """What carries files in it; None: there is no session, or it can't."""
        return self.session.extensions.files if self.session is not None else None

    @property
    def recording(self) -> CallRecording | None:
        """What records it; None: there is no session, or it can't be recorded."""
        return self.session.extensions.recording if self.session is not None else None

    @property
    def recordings(self) -> RecordingState:
        """Which of the two sides record it."""
        return RecordingState() if self.recording is None else self.recording.standing

    @property
    def occupies(self) -> bool:
        """Whether it takes the owner's time, or will as soon as it connects, so that other calls have to ask the owner.

        A call that was only placed in advance doesn't; nor does one that was answered automatically and proves nothing,
        until it connects.
        """
        if self._shown.machine or self.call.state in (State.RINGING, State.ENDED):
            return False
        if self.call.state is State.CALLING:
            return not self._shown.provisional
        return self.engaged or self.proven or not self._shown.automatic

    @property
    def uninvited(self) -> bool:
        """Whether it was answered automatically, proves nothing, and hasn't connected yet.

        Such a call gives way when others take all the room that there is.
        """
        return (
            self.call.state is State.CONNECTING and self._shown.automatic and not (self.proven or self._shown.machine)
        )

    @property
    def awaits_answer(self) -> bool:
        """Whether it is our own call, and the other side hasn't answered."""
        return self.call.role is Role.CALLER and self.call.state is State.CALLING

    @property
    def id(self) -> str:
        """The name of the call on both sides, which a restart doesn't change: 16 hexadecimal digits.

        Empty until its link exists.
        """
        return self._link.reference.hex()

    @property
    def remote_port(self) -> int | None:
        """The caller's UDP port from its link, if we are the callee; None: unknown.

        Checks may come from another port.
        """
        return self._link.port or None if self.call.role is Role.CALLEE else None

    # What happens to it.

    def put(self, event: Event) -> None:
        """Put an event into the inbox: it happens to the call after all that are there already."""
        self._inbox.put_nowait(event)
        if ends(self._call, event):
            self.ending.set()

    async def next_event(self) -> Event:
        """Take the next event from the inbox; wait for one if there is none."""
        return await self._inbox.get()

    def crossed_unnoticed(self) -> bool:
        """Whether it has ended before it could come to the call that crossed it: that waits in the inbox."""
        events = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        return self.call.ended and any(isinstance(event, Glare) for event in events)

    def begin(self, beginning: Offered | Answer | Busy, reason: Reason) -> tuple[Effect, ...]:
        """Begin an incoming call as the policy has decided, for that reason; returns the effects to be carried out."""
        call, effects = incoming(beginning, paired=self.call.paired)
        self._call = replace(call, on_hold=self.call.on_hold)
        alone = isinstance(beginning, Answer) and beginning.automatic
        self._shown = replace(self._shown, reason=reason, automatic=alone)
        return effects

    def step(self, event: Event) -> tuple[Effect, ...]:
        """Step the call table with an event; returns the effects to be carried out. Raises LocalProtocolError."""
        self._call, effects = step(self.call, event)
        self._stepped.set()
        self._stepped = asyncio.Event()
        return effects

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until `wanted` returns True, or the call has ended. It is asked now and after each step."""
        while not (wanted() or self.call.ended):
            await self._stepped.wait()

    def lives_in(self, task: asyncio.Task[None]) -> None:
        """The task that steps the call from now on."""
        self._life = task

    def start_timer(self, seconds: float, event: Event) -> None:
        """Let an event happen after a number of seconds. A call has one timer: this replaces what it waited for."""
        self.stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.put, event)

    def stop_timer(self) -> None:
        """Stop the call's timer, if it runs."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def crosses(self, twin: Line) -> None:
        """The other side has called us too, in the line `twin`. Both calls are for what both sides asked for."""
        twin.agree_media(twin.media & (self.media or twin.media))
        self._twin = twin

    def log(self) -> None:
        """Its end is in the log, or is being written there: a restarted program must not take it up again."""
        self._logged = True
        self._connection = replace(self._connection, redial_secret=None)

    # The link.

    def written(self, link: CallLink) -> None:
        """Our own link exists now."""
        self._link = link

    # The connection.

    def carried_by(self, session: Session | SdpSession, endpoint: str) -> None:
        """It has a session now, with the media endpoint of that name."""
        self._connection = replace(self._connection, session=session)
        self._shown = replace(self._shown, endpoint=endpoint)

    def carried_in(self, carrier: asyncio.Task[None]) -> None:
        """The task that runs its session."""
        self._connection = replace(self._connection, carrier=carrier)

    def dials(self) -> None:
        """Its last link was read, or it was answered: from now on it is being connected."""
        self._connection = replace(self._connection, dialled=time.monotonic())

    def connects(self, redial_secret: bytes, first_heard: float | None, now: int) -> None:
        """The first leg is up, at `now` in Unix seconds.

        `redial_secret` (32 bytes) is for dialling again; empty: that isn't possible. `first_heard` is when the other
        side's first check came, monotonic seconds.
        """
        self._connection = replace(
            self._connection,
            connected=time.monotonic(),
            connected_at=now,
            dialled=self._connection.dialled or first_heard,
            redial_secret=redial_secret or None,
        )

    def restored(self) -> None:
        """A leg is up again, after the path was lost."""
        self._connection = replace(self._connection, taken_up=None, awaited_until=None)

    def heard(self, now: int) -> None:
        """The other side was heard at `now`, Unix seconds."""
        self._connection = replace(self._connection, alive=now)

    def redials(self, epoch: int) -> None:
        """That epoch is dialled now, and is never used again."""
        self._connection = replace(self._connection, epoch=epoch)

    def agree_media(self, media: Media) -> None:
        """Both sides have agreed on these media."""
        self._connection = replace(self._connection, media=media)

    def remote_sends(self, state: MediaState) -> None:
        """The other side has said what it sends now."""
        self._connection = replace(self._connection, remote_media=state)

    def media_arrived(self, kind: str, at: float) -> None:
        """The first packet of a kind (`audio` or `video`) came at that time, monotonic seconds."""
        self._connection = replace(self._connection, first_media={**self._connection.first_media, kind: at})

    def wait_for_owner(self, release: Callable[[], Awaitable[None]]) -> None:
        """Microphone and camera stay off until the owner wants the call, which calls `release`."""
        self._connection = replace(self._connection, release=release)

    def take_release(self) -> Callable[[], Awaitable[None]] | None:
        """What turns microphone and camera on, if the call waits for its owner; afterwards it doesn't."""
        release = self._connection.release
        self._connection = replace(self._connection, release=None)
        return release

    def say_goodbye(self, goodbye: str) -> None:
        """The words that the other side gets when the leg is closed."""
        self._connection = replace(self._connection, goodbye=goodbye)

    def goodbye_was_unheard(self) -> None:
        """The other side hasn't acknowledged our goodbye."""
        self._connection = replace(self._connection, goodbye_unheard=True)

    # What people see.

    def is_with(self, contact: Contact | None) -> None:
        """The contact book has this contact for the other side's node now; None: it has none, or has none any more.

        A contact that was removed and added again isn't the one that the call began with.
        """
        self._met = self._met and not self._was_another(contact)
        self._stranger = self._stranger or not self._began_with(contact)
        self._shown = self._shown.of(contact)

    def is_stranger_to(self, contact: Contact | None) -> bool:
        """What `stranger` would be if the contact book had this contact for the other side's node."""
        if self._met and not self._was_another(contact):
            return False
        return self._stranger or not self._began_with(contact)

    def _began_with(self, contact: Contact | None) -> bool:
        return contact is not None and self._shown.contact is not None and contact.entry == self._shown.entry

    def _was_another(self, contact: Contact | None) -> bool:
        return self._shown.contact is not None and not self._began_with(contact)

    def saves(self, met: bool = True) -> None:
        """The owner saves the other side in this call, so the contact is the person in it.

        With `met` False that is undone: it couldn't be written.
        """
        self._met = met

    def loses_proof(self, *, keyed: bool) -> None:
        """The secret that the call was set up with proves nothing any more; `keyed`: we share another one that does."""
        self._link = replace(self._link, proven=False, keyed=keyed)

    def gains_proof(self, chain: int) -> None:
        """The owner has compared the words of this call: the secret that was agreed in it proves who the other side is.

        `chain` is the chain of pair secrets that it belongs to, see shared/store/secrets.py.
        """
        self._link = replace(self._link, proven=True, chain=chain)
        self._shown = replace(self._shown, quarantined=False)

    def confirm(self) -> None:
        """The link of a call that was placed in advance was posted."""
        self._shown = replace(self._shown, provisional=False)

    def choose(self, endpoint: str | None, media: Media | None, *, begins_off: bool) -> None:
        """The owner answers, with that endpoint and at most those media.

        None: the endpoint that was chosen before, and all media that were asked for. `begins_off` see Presented.
        """
        self._shown = replace(self._shown, endpoint=endpoint or self._shown.endpoint, begins_off=begins_off)
        if media is not None:
            self.agree_media(self.media & media or self.media)

    def begins_off(self) -> None:
        """It goes on without microphone and camera of the page, see Presented."""
        self._shown = replace(self._shown, begins_off=True)

    def turned_on(self) -> None:
        """The owner has switched on microphone or camera at the page."""
        self._shown = replace(self._shown, begins_off=False)

    def joins(self, conversation: bytes) -> None:
        """It is part of that conversation (16 bytes) from now on; empty: of none."""
        if conversation != self._shown.together:
            self._shown = replace(
                self._shown, together=conversation, together_since=time.time() if conversation else 0.0
            )

    def greeted(self, *, converses: bool) -> None:
        """The other side has said hello; `converses`: its program can be in a conversation of several people."""
        self._connection = replace(self._connection, converses=converses)

    def take_message(self) -> None:
        """The answering machine takes the call."""
        self._shown = replace(self._shown, machine=True, automatic=True)

    def remote_answered_automatically(self) -> None:
        """The other side's program answered, and no person did."""
        self._shown = replace(self._shown, remote_automatic=True)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """The pair secrets of this call: the one that it was made with, and the one that was agreed in it."""
        return tuple(filter(None, (self.link.secret, self.connection.agreed_secret)))

    def agree_secret(self, secret: bytes | None) -> None:
        """Both sides have agreed on a pair secret (32 bytes), which is written next; None: it couldn't be written."""
        self._connection = replace(self._connection, agreed_secret=secret)

    def pairs(self, phrase: str, *, quarantined: bool) -> None:
        """The secret is written, and people can compare it by these four words.

        `quarantined`: it proves nothing until the owner has confirmed them.
        """
        self._shown = replace(self._shown, phrase=phrase, quarantined=quarantined)

    def differs(self) -> None:
        """The owner has compared the words, and they weren't the same."""
        self._shown = replace(self._shown, differed=True)

    def quarantines(self) -> None:
        """The secret that both sides have agreed on proves nothing until the owner has confirmed its words."""
        self._shown = replace(self._shown, quarantined=True)
