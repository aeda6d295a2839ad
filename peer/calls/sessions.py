"""Makes the session of a line, with the endpoint, files and recording of that call, and runs it.

What a session reports goes on from here: to the line's inbox, to the listeners, or to the disk (line_keeping.py).
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable

from peer.calls.call_socket import CallSockets
from peer.calls.endpoint_choice import EndpointChoice, Endpoints
from peer.calls.foreign import ForeignCall
from peer.calls.line import Line
from peer.calls.line_extensions import LineExtensions
from peer.calls.line_keeping import LineKeeping
from peer.calls.lines import Lines
from peer.calls.link_writer import LinkWriter
from peer.calls.news import CallListeners, Recorded
from peer.calls.posting import Posting
from peer.calls.sdp_session import SdpSession
from peer.calls.session import OurSide, Session
from peer.calls.session_events import AttemptFailed, Broke, ByeUnheard, FirstMedia, HelloHeard, SessionEvent
from peer.calls.session_parts import BROKEN
from peer.calls.standing import LineStanding
from peer.media import CallContext, Endpoint
from peer.media.endpoint_kinds import RoomShown, room_shown, video_codecs
from peer.media.trouble import MediaTrouble
from peer.overlay.watch import OverlayWatch
from shared.call.events import (
    ConnectFailed,
    Failed,
    HangUp,
    PathLost,
    RemoteBye,
    RemoteFlooded,
    RemoteHeld,
    RemoteResumed,
)
from shared.call.records import RunningCall
from shared.errors import StoreError
from shared.links.paired import Operation
from shared.media import Media
from shared.messages import JoinAnswer, JoinAsk, JoinLink, JoinNode, JoinOver, MediaState, Members, Text
from shared.store import Store

logger = logging.getLogger(__name__)


class LineSessions:
    """Makes the sessions of one node's lines, and passes on what they report."""

    def __init__(
        self,
        *,
        lines: Lines,
        standing: LineStanding,
        writer: LinkWriter,
        posting: Posting,
        sockets: CallSockets,
        watch: OverlayWatch,
        store: Store,
        keeping: LineKeeping,
        choice: EndpointChoice,
        endpoints: Endpoints,
        listeners: CallListeners,
        tasks: asyncio.TaskGroup,
        extensions: LineExtensions,
    ) -> None:
        """`listeners` hear what happens in calls, `tasks` owns the tasks that run sessions."""
        self._lines = lines
        self._standing = standing
        self._writer = writer
        self._posting = posting
        self._sockets = sockets
        self._watch = watch
        self._store = store
        self._keeping = keeping
        self._choice = choice
        self._endpoints = endpoints
        self._listeners = listeners
        self._tasks = tasks
        self._extensions = extensions

    async def open(self, line: Line) -> None:
        """Make the line's session, bind its UDP port, and run it. Raises OverlayError, CallRefused."""
        await self._watch.check()
        self._watch.require()
        session = self._session(line)
        await session.call_socket.bind()
        await self._run(line, session)

    async def take_up(self, line: Line) -> None:
        """Make the session of a call that was up when the program was killed. It binds its port when it dials."""
        assert line.connection.taken_up is not None
        await self._run(line, self._session(line, line.connection.taken_up))

    def hold(self, line: Line, on: bool) -> None:
        """Put a call on hold or take it off hold, and keep that for a restart.

        Nothing waits for the disk: the owner may press something else at once.
        """
        if line.session is not None:
            line.session.hold(on)
        if (writing := self._keeping.begin_to_keep(line)) is not None:
            self._tasks.create_task(_kept(line, writing), name=f"keeping line {line.number}")

    def _session(self, line: Line, kept: RunningCall | None = None) -> Session | SdpSession:
        """Make the session; `kept` is what is known of a call that is taken up. Raises CallRefused, StoreError."""
        name = self._choice.of(line)
        # The owner may have left and not know that the call continues.
        automatic = line.shown.automatic and line.proven and self._standing.may_be_answered(line)
        asks = kept is not None and not (automatic or line.shown.machine)
        waits_for_owner = asks and RoomShown.AT_ONCE in room_shown(name) and not line.on_hold
        if asks and line.shown.automatic:
            line.begins_off()
        context = CallContext(
            number=line.number,
            label=line.label,
            automatic=line.shown.automatic or (kept is not None and not line.on_hold),
            recorded=lambda path: self._listeners.told(line, Recorded(path)),
            trouble=functools.partial(self._media_trouble, line),
            finished=lambda: line.put(HangUp()),
            wait_for_owner=line.wait_for_owner if waits_for_owner else None,
        )
        endpoint = self._endpoints.make(name, context)
        session: Session | SdpSession
        if line.foreign is not None:
            session = self._sdp_session(line, line.foreign, name, endpoint)
        else:
            session = self._own_session(line, name, endpoint, kept)
        line.carried_by(session, name)
        if line.on_hold:
            session.hold(True)
        if waits_for_owner:
            session.show_media(MediaState(audio=False, video=False))
        return session

    def _sdp_session(self, line: Line, foreign: ForeignCall, name: str, endpoint: Endpoint) -> SdpSession:
        return SdpSession(
            self._sockets,
            line.peer,
            foreign,
            endpoint,
            tell=functools.partial(self._tell, line),
            keep=functools.partial(self._keeping.keep_step, line),
            video=video_codecs(name),
        )

    def _own_session(self, line: Line, name: str, endpoint: Endpoint, kept: RunningCall | None) -> Session:
        """With our own program on the other side."""
        return Session(
            self._sockets,
            line.peer,
            OurSide(
                line.call.role,
                automatic=line.shown.automatic or line.shown.machine,
                converses=not (line.shown.machine or line.shown.echo),
                held=lambda: self._store.secrets_of(line.peer),
            ),
            endpoint,
            tell=functools.partial(self._tell, line),
            keep=functools.partial(self._keeping.keep_step, line),
            rejoined=kept,
            extensions=self._extensions.of(line, name, kept),
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
        if line.connection.goodbye_unheard:
            await self._posting.last(line, self._writer.say(line, Operation.CANCEL))

    def _tell(self, line: Line, event: SessionEvent) -> None:
        """Pass on what a session reports: to the call table, to the listeners, or both."""
        match event:
            case AttemptFailed():
                line.put(ConnectFailed(event.error.sentence, event.error.hint))
            case FirstMedia():
                line.media_arrived(event.kind, event.at)
                self._listeners.told(line, event)
            case RemoteBye() | RemoteFlooded() | RemoteHeld() | RemoteResumed() | PathLost():
                line.put(event)
            case HelloHeard():
                line.greeted(converses=event.conversations)
                self._listeners.told(line, event)
            case Text() | JoinAsk() | JoinAnswer() | JoinOver() | JoinNode() | JoinLink() | Members():
                self._listeners.told(line, event)
            case MediaTrouble():
                self._media_trouble(line, event)
            case MediaState():
                line.remote_sends(event)
                self._listeners.told(line, event)
            case ByeUnheard():
                # If the other side comes back it dials for a minute, unless a link tells it that the call is over.
                line.goodbye_was_unheard()
            case Broke():
                line.put(Failed(event.error.sentence, event.error.hint))


async def _kept(line: Line, writing: Awaitable[None]) -> None:
    """Wait for it. If it fails, a program that is killed takes the call up as it was before: not worth the call."""
    try:
        await writing
    except StoreError as error:
        logger.warning("line %d: %s", line.number, error.sentence)
