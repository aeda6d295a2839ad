"""The sessions of lines: makes them with the call's media endpoint, and listens to them while they run.

What a restarted program needs to take a call up again is kept here, before anything rests on it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from peer.calls.call_socket import OpenSocket
from peer.calls.conversation import SILENCE_SECONDS
from peer.calls.files.call_files import CallFiles
from peer.calls.files.shelf import FileShelf
from peer.calls.line import Line
from peer.calls.line_records import begun, running
from peer.calls.lines import Lines, may_be_ended
from peer.calls.link_writer import LinkWriter
from peer.calls.news import CallListeners, NotKept, Paired, PhraseKnown, Recorded
from peer.calls.recording.call_recording import CallRecording, Recordings
from peer.calls.sdp_session import SdpSession
from peer.calls.session import Session
from peer.calls.session_events import (
    AttemptFailed,
    Broke,
    ByeUnheard,
    Committed,
    Connected,
    Dials,
    FirstMedia,
    HelloHeard,
    Kept,
    MediaAgreed,
    Proposed,
    RemoteAnsweredAlone,
    SessionEvent,
)
from peer.calls.session_parts import BROKEN
from peer.calls.standing import LineStanding
from peer.media import (
    ANSWERING_MACHINE,
    CallContext,
    Endpoint,
    only_for_trusted,
    opens_the_room,
    records,
    shows_the_room,
    video_codecs,
)
from peer.media.trouble import MediaTrouble
from peer.overlay import Overlay
from peer.overlay.watch import OverlayWatch
from shared.call.events import (
    ConnectFailed,
    Failed,
    HangUp,
    LegUp,
    PathLost,
    PathRestored,
    RemoteBye,
    RemoteFlooded,
    RemoteHeld,
    RemoteResumed,
    Replaced,
)
from shared.call.records import RunningCall
from shared.call.table import State
from shared.contacts import Contact, Trust
from shared.errors import CopybaraError, OnlyForTrusted, StoreError
from shared.links.paired import Operation
from shared.media import Media
from shared.messages import (
    JoinAnswer,
    JoinAsk,
    JoinLink,
    JoinNode,
    JoinOver,
    MediaState,
    Members,
    Text,
)
from shared.store import Store, StoreThread
from shared.store.secrets import NO_CHAIN

logger = logging.getLogger(__name__)

REDIAL_SECONDS = 60.0
"How long a lost path is dialled again."

LIFE_SECONDS = 10.0
"How often we store that a call is up, so that a restarted program knows whether the other side may be waiting."

AWAITED_SECONDS = LIFE_SECONDS + SILENCE_SECONDS + REDIAL_SECONDS
"How long after the last stored sign of life the other side may be waiting: it notices the silence, and then dials."


class Endpoints(Protocol):
    """Where the media of calls come from and go to."""

    def usual(self) -> str:
        """The name of the endpoint of a call for which none was chosen."""

    def make(self, name: str, context: CallContext) -> Endpoint:
        """The endpoint of that name for one call. Raises CopybaraError if there is none."""


class LineSessions:
    """Makes them, and passes on what they report."""

    def __init__(
        self,
        *,
        lines: Lines,
        standing: LineStanding,
        writer: LinkWriter,
        overlay: Overlay,
        watch: OverlayWatch,
        writes: StoreThread,
        endpoints: Endpoints,
        listeners: CallListeners,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
        open_socket: OpenSocket,
        shelf: FileShelf | None = None,
        recordings: Recordings | None = None,
    ) -> None:
        """`listeners` hear what happens in calls, `tasks` owns what carries them."""
        self._lines = lines
        self._standing = standing
        self._writer = writer
        self._overlay = overlay
        self._watch = watch
        self._writes = writes
        self._store = writes.store
        self._endpoints = endpoints
        self._listeners = listeners
        self._tasks = tasks
        self._clock = clock
        self._open_socket = open_socket
        self._shelf = shelf
        self._recordings = recordings

    async def open(self, line: Line) -> int:
        """Make the line's session and bind its UDP port, which is returned. Raises OverlayError, CallRefused."""
        await self._watch.check()
        self._watch.require()
        session = self._session(line)
        port = await session.call_socket.bind()
        await self._run(line, session)
        return port

    async def keep_begun(self, line: Line) -> None:
        """Keep a call that isn't up yet, so that it is logged also if the program is killed. Raises StoreError."""
        if line.link.reference and not line.logged:
            call = begun(line.link, line.call.role, line.chat, line.shown)
            await self._writes.write(lambda store: store.save_call(call))

    async def take_up(self, line: Line) -> None:
        """Make the session of a call that was up when the program was killed. It binds its port when it dials."""
        assert line.connection.taken_up is not None
        await self._run(line, self._session(line, line.connection.taken_up))

    def endpoint_for(self, contact: Contact | None, *, proven: bool, keyed: bool) -> str:
        """The name of the media endpoint for a call for which none was chosen.

        What was chosen for a contact is for them: a call that lacks the key that we share with them doesn't get it.
        """
        chosen = contact.endpoint if contact is not None and (proven or not keyed) else None
        return chosen or self._endpoints.usual()

    def needs_word(self, contact: Contact | None, *, proven: bool, keyed: bool) -> bool:
        """Whether what would answer such a call is only for the trusted, and others may have said that the contact is
        one.
        """
        in_clear = contact is not None and contact.in_clear
        return in_clear and only_for_trusted(self.endpoint_for(contact, proven=proven, keyed=keyed))

    def endpoint_of(self, line: Line) -> str:
        """The name of the media endpoint for a call.

        Raises CallRefused for a camera and somebody who isn't trusted, or hasn't proved who they are.
        """
        if line.shown.machine:
            return ANSWERING_MACHINE
        contact = self._store.contact_of(line.peer)
        proven = self._standing.proves(line)
        name = line.shown.endpoint or self.endpoint_for(contact, proven=proven, keyed=line.link.keyed)
        if not only_for_trusted(name):
            return name
        if contact is None or contact.trust is not Trust.AUTO:
            raise OnlyForTrusted(
                f"The camera is only for contacts whose calls are answered automatically, and {line.name} isn't one.",
                f"To let them see it at any time: /contact trust {line.name}" if contact else "Save them first.",
            )
        if contact.trusted_in_clear:
            raise OnlyForTrusted(
                "The camera is only for contacts that you trust, and others could write in your place that "
                f"{line.name} is one.",
                f"Say it at the computer: copybara contacts trust {line.name}",
            )
        if contact.confirmed_in_clear:
            raise OnlyForTrusted(
                f"The camera is only for contacts who prove who they are, and others could confirm the words of "
                f"{line.name}'s key in your place.",
                "Compare the words in your next call, at the page.",
            )
        if not proven:
            raise OnlyForTrusted(
                f"The camera is only for contacts who prove who they are, and this call of {line.name} doesn't.",
                "Share a key first: talk once, with another endpoint.",
            )
        return name

    async def hold(self, line: Line, on: bool) -> None:
        """Put a call on hold or take it off, also for a program that is started again. Raises StoreError."""
        if line.session is not None:
            line.session.hold(on)
        await self._keep(line)

    async def join(self, line: Line, conversation: bytes) -> None:
        """Make a call part of a conversation, also for a program that is started again; empty: of none. Raises
        StoreError.
        """
        line.joins(conversation)
        await self._keep(line)

    def opens(self, contact: Contact | None, *, proven: bool, keyed: bool) -> bool:
        """Whether the endpoint that would answer such a call lets the caller see or hear the room.

        A page does: it has microphone and camera as soon as the call is up, also if nobody has pressed anything.
        """
        return shows_the_room(self.endpoint_for(contact, proven=proven, keyed=keyed))

    async def keep_signs_of_life(self) -> None:
        """Store that the calls that are up still are. Raises StoreError."""
        for line in tuple(self._lines):
            if line.call.state is State.ACTIVE and not line.shown.echo:
                await self._keep(line, alive=True)

    def _session(self, line: Line, kept: RunningCall | None = None) -> Session | SdpSession:
        name = self.endpoint_of(line)
        # The owner may have left and not know that the call continues.
        waits = kept is not None and not line.shown.automatic and opens_the_room(name) and not line.on_hold
        context = CallContext(
            number=line.number,
            label=line.label,
            automatic=line.shown.automatic or (kept is not None and not line.on_hold),
            recorded=lambda path: self._listeners.told(line, Recorded(path)),
            trouble=functools.partial(self._media_trouble, line),
            finished=lambda: line.put(HangUp()),
            wait_for_owner=line.wait_for_owner if waits else None,
        )
        endpoint = self._endpoints.make(name, context)
        session: Session | SdpSession
        if line.foreign is not None:
            session = SdpSession(
                self._overlay,
                line.peer,
                line.foreign,
                endpoint,
                tell=lambda event: self._happened(line, event),
                keep=lambda event: self._kept(line, event),
                overlay_up=self._watch.until_up,
                video=video_codecs(name),
                open_socket=self._open_socket,
            )
        else:
            session = Session(
                self._overlay,
                line.peer,
                line.call.role,
                endpoint,
                tell=lambda event: self._happened(line, event),
                keep=lambda event: self._kept(line, event),
                overlay_up=self._watch.until_up,
                automatic=line.shown.automatic or line.shown.machine,
                rejoined=kept,
                held=lambda: self._store.secrets_of(line.peer),
                files=self._files(line),
                recording=self._recording(line, name, kept),
                converses=not (line.shown.machine or line.shown.echo),
                open_socket=self._open_socket,
            )
        line.carried_by(session, name)
        if line.on_hold:
            session.hold(True)
        if waits:
            session.show_media(MediaState(audio=False, video=False))
        return session

    def _files(self, line: Line) -> CallFiles | None:
        """What carries files in this call. The answering machine takes none: nobody is there to be asked."""
        if self._shelf is None or line.shown.machine or line.shown.echo:
            return None

        def always() -> bool:
            contact = self._store.contact_of(line.peer)
            return contact is not None and contact.files and contact.trust is not Trust.BLOCK

        def blocked() -> bool:
            contact = self._store.contact_of(line.peer)
            return contact is not None and contact.trust is Trust.BLOCK

        return CallFiles(
            line.peer,
            self._shelf,
            proven=lambda: self._standing.proves(line),
            keyed=lambda: line.link.keyed,
            always=always,
            is_contact=lambda: self._store.contact_of(line.peer) is not None,
            blocked=blocked,
            tell=lambda changed: self._listeners.told(line, changed),
        )

    def _recording(self, line: Line, endpoint: str, kept: RunningCall | None) -> CallRecording | None:
        """What records this call, and shows that the other side does."""
        if self._recordings is None or line.shown.echo:
            return None
        return CallRecording(
            self._recordings,
            lambda: line.label,
            endpoint,
            tell=lambda changed: self._listeners.told(line, changed),
            keep=lambda: self._keep(line),
            wanted=kept is not None and kept.recording,
            refused=kept is not None and kept.recording_refused,
            # So does the endpoint `recorder`: the other side knows it, and can end it, with the call.
            machine=(lambda: line.put(HangUp())) if records(endpoint) else None,
        )

    def _media_trouble(self, line: Line, trouble: MediaTrouble) -> None:
        """Tell the owner that something about our sound or picture has changed, and the other side what we send now."""
        if trouble.sends is not None:
            sends = MediaState(audio=Media.AUDIO in trouble.sends, video=Media.VIDEO in trouble.sends)
            self._lines.show_media(line, sends)
        self._listeners.told(line, trouble)

    async def _run(self, line: Line, session: Session | SdpSession) -> None:
        line.carried_in(self._tasks.create_task(self._run_session(line, session), name=f"session {line.number}"))
        await session.started.wait()

    async def _run_session(self, line: Line, session: Session | SdpSession) -> None:
        try:
            await session.run()
        except Exception:
            logger.exception("the session of line %d broke", line.number)
            line.put(Failed(BROKEN))
            return
        except asyncio.CancelledError:
            line.put(Failed(BROKEN))
            raise
        if line.connection.goodbye_unheard and line.call.paired:
            try:
                await self._writer.say(line, Operation.CANCEL)
            except CopybaraError as error:
                logger.warning("line %d: %s", line.number, error.sentence)

    def _happened(self, line: Line, event: SessionEvent) -> None:
        """Pass on what a session reports."""
        match event:
            case AttemptFailed():
                line.put(ConnectFailed(event.error.sentence, event.error.hint))
            case FirstMedia():
                line.media_arrived(event.kind, event.at)
                self._listeners.told(line, event)
            case RemoteBye() | RemoteFlooded() | RemoteHeld() | RemoteResumed() | PathLost():
                line.put(event)
            case Text():
                self._listeners.told(line, event)
            case HelloHeard():
                line.greeted(converses=event.conversations)
                self._listeners.told(line, event)
            case JoinAsk() | JoinAnswer() | JoinOver() | JoinNode() | JoinLink() | Members():
                self._listeners.told(line, event)
            case MediaTrouble():
                self._media_trouble(line, event)
            case MediaState():
                line.remote_sends(event)
                self._listeners.told(line, event)
            case ByeUnheard():
                # Anyone who comes back would dial for a minute; the chat tells them.
                line.goodbye_was_unheard()
            case Broke():
                line.put(Failed(event.error.sentence, event.error.hint))

    async def _kept(self, line: Line, event: Kept) -> None:
        """Store what a session needs to have stored, and pass it on. Raises StoreError."""
        try:
            await self._keep_event(line, event)
        except StoreError as error:
            match event:
                case MediaAgreed() | RemoteAnsweredAlone():
                    # Only a restarted program needs it, and it is kept with the next sign of life.
                    logger.warning("line %d: %s", line.number, error.sentence)
                    self._listeners.told(line, event)
                case Proposed() | Committed():
                    self._listeners.told(line, NotKept(error))
                    raise
                case _:
                    raise

    async def _keep_event(self, line: Line, event: Kept) -> None:
        match event:
            case Connected():
                await self._keep_connected(line, event.secret, event.first_heard)
                line.put(LegUp())
            case MediaAgreed():
                if line.media != event.media:
                    line.agree(event.media)
                    await self._keep(line)
                    self._listeners.told(line, event)
            case RemoteAnsweredAlone():
                if not line.shown.remote_automatic:
                    line.remote_answered_alone()
                    await self._keep(line)
                    self._listeners.told(line, event)
            case Proposed():
                # Before it is kept: the owner who saves the caller meanwhile saves them with this secret.
                before = line.connection.agreed
                line.agrees(event.secret)
                try:
                    free = await self._propose(line, event)
                except StoreError:
                    line.agrees(before)
                    raise
                line.pairs(event.phrase, quarantined=not free)
                self._listeners.told(line, PhraseKnown())
            case Committed():
                peer, secret = line.peer, event.secret
                await self._writes.write(lambda store: store.commit_secret(peer, secret))
                self._listeners.told(line, Paired())
            case Dials():
                line.redials(event.epoch)
                await self._keep(line)
            case PathRestored():
                line.restored()
                await self._keep(line, alive=True)
                line.put(event)

    async def _propose(self, line: Line, event: Proposed) -> bool:
        """Keep a secret and that the call has it: a program that is killed in between would agree on another one.

        Returns False if it is quarantined.
        """
        peer, secret, now = line.peer, event.secret, int(self._clock())
        chain = line.link.chain if line.proven else NO_CHAIN
        call = None if line.call.ended else running(line)

        def propose(store: Store) -> bool:
            # Asked now: what has set up the call, and what was shown in it, may have been quarantined since.
            shown = (store.chain_of(peer, each) for each in event.shown if store.proves(peer, each))
            continued = chain if store.chain_proves(peer, chain) else next(shown, NO_CHAIN)
            free = store.propose_secret(peer, secret, now, chain=continued, stranger=_is_stranger(line, store))
            if store.contact_of(peer) is None:
                store.keep_continued(peer, line.link.reference, continued)
            if call is not None:
                store.save_call(replace(call, agreed=secret, phrase=event.phrase, quarantined=not free))
            return free

        return await self._writes.write(propose)

    async def _keep_connected(self, line: Line, redial_secret: bytes, first_heard: float | None) -> None:
        line.connects(redial_secret, first_heard, int(self._clock()))
        self._lines.latest = line
        line.lives(int(self._clock()))
        peer, secret, call = line.peer, line.link.secret, None if line.call.ended else running(line)

        def keep(store: Store) -> None:
            if secret is not None:
                store.secret_used(peer, secret)
            if call is not None:
                store.save_call(call)

        await self._writes.write(keep)
        for other in self._lines:
            # Both had called each other, or the other side has lost a call and called again: the other one is over.
            under_way = not other.shown.machine and other.call.state not in (State.RINGING, State.ENDED)
            if other is not line and under_way and may_be_ended(other, line.peer, line.proven):
                other.put(Replaced())

    async def _keep(self, line: Line, *, alive: bool = False) -> None:
        """Keep what a restarted program needs to take the call up again; `alive`: the other side is there now.

        Raises StoreError.
        """
        if alive:
            line.lives(int(self._clock()))
        if not line.call.ended and (call := running(line)) is not None:
            await self._writes.write(lambda store: store.save_call(call))


def _is_stranger(line: Line, store: Store) -> bool:
    """As the book is now: the command line may have changed it since it was looked at."""
    try:
        return line.is_stranger_to(store.contact_of(line.peer))
    except StoreError:
        return True
