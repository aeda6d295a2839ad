"""The sessions of lines: made with the media endpoint that a call is for, and heard for as long as they run.

What a restarted program needs to take a call up again is kept here, before anything rests on it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from peer.calls.conversation import SILENCE_SECONDS
from peer.calls.line import Line
from peer.calls.lines import Lines
from peer.calls.link_writer import LinkWriter
from peer.calls.news import Listener, Paired, PhraseKnown, Recorded
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
    Kept,
    MediaAgreed,
    Proposed,
    RemoteAnsweredAlone,
    SessionEvent,
)
from peer.media import ANSWERING_MACHINE, Endpoint, Occasion, only_for_trusted, opens_the_room
from peer.media.trouble import MediaTrouble
from peer.overlay import Overlay
from peer.overlay.watch import OverlayWatch
from shared.call.events import (
    Failed,
    HangUp,
    LegFailed,
    LegUp,
    PathLost,
    PathRestored,
    RemoteBye,
    RemoteFlooded,
    Replaced,
)
from shared.call.records import RunningCall
from shared.call.table import State
from shared.contacts import Trust
from shared.errors import OnlyForTrusted, StoreError
from shared.links.paired import Operation
from shared.messages import MediaState, Text
from shared.store import Store

logger = logging.getLogger(__name__)

REDIAL_SECONDS = 60.0
"How long a lost path is dialled again."

LIFE_SECONDS = 10.0
"How often it is kept on the disk that a call is up, so that a restarted program knows whether it may be waited for."

AWAITED_SECONDS = LIFE_SECONDS + SILENCE_SECONDS + REDIAL_SECONDS
"How long after what was kept last the other side can be waiting: it notices the silence, and then dials."


class Endpoints(Protocol):
    """Where the media of calls come from and go to."""

    def usual(self) -> str:
        """The name of the endpoint of a call for which none was chosen."""

    def make(self, name: str, occasion: Occasion) -> Endpoint:
        """The endpoint of that name for one call. Raises CopybaraError if there is none."""


class LineSessions:
    """Makes them, and passes on what they tell."""

    def __init__(
        self,
        *,
        lines: Lines,
        writer: LinkWriter,
        overlay: Overlay,
        watch: OverlayWatch,
        store: Store,
        endpoints: Endpoints,
        listener: Listener,
        tasks: asyncio.TaskGroup,
        clock: Callable[[], float],
    ) -> None:
        """`listener` hears what happens in calls, `tasks` owns what carries them."""
        self._lines = lines
        self._writer = writer
        self._overlay = overlay
        self._watch = watch
        self._store = store
        self._endpoints = endpoints
        self._tell = listener.told
        self._tasks = tasks
        self._clock = clock

    async def open(self, line: Line) -> int:
        """Make the line's session and bind its UDP port, which is returned. Raises OverlayError, CallRefused."""
        await self._watch.check()
        self._watch.require()
        session = self._session(line)
        port = await session.open()
        await self._run(line, session)
        return port

    async def take_up(self, line: Line) -> None:
        """Make the session of a call that was up when the program was killed. It binds its port when it dials."""
        assert line.taken_up is not None
        await self._run(line, self._session(line, line.taken_up))

    def endpoint_of(self, line: Line) -> str:
        """The name of the media endpoint for a call. Raises CallRefused for a camera and somebody who isn't trusted."""
        contact = self._store.contact_of(line.peer)
        of_contact = contact.endpoint if contact else None
        name = ANSWERING_MACHINE if line.machine else line.endpoint or of_contact or self._endpoints.usual()
        if only_for_trusted(name) and (contact is None or contact.trust is not Trust.AUTO):
            raise OnlyForTrusted(
                f"The camera is only for contacts that you trust, and {line.name} isn't one.",
                f"/contact trust {line.name} lets them see it at any time." if contact else "Save them first.",
            )
        return name

    async def keep_signs_of_life(self) -> None:
        """Keep, until cancelled, that the calls which are up still are."""
        while True:
            await asyncio.sleep(LIFE_SECONDS)
            for line in self._lines:
                if line.call.state is State.ACTIVE:
                    try:
                        self._keep(line, alive=True)
                    except StoreError as error:
                        logger.warning("line %d: %s", line.number, error.sentence)

    def _session(self, line: Line, kept: RunningCall | None = None) -> Session | SdpSession:
        line.endpoint = self.endpoint_of(line)
        # Nobody may be there any more who knows that the call goes on.
        hold = kept is not None and not line.automatic and opens_the_room(line.endpoint)
        occasion = Occasion(
            number=line.number,
            label=line.name,
            automatic=line.automatic or kept is not None,
            recorded=lambda path: self._tell(line, Recorded(path)),
            trouble=lambda trouble: self._tell(line, trouble),
            finished=lambda: line.inbox.put_nowait(HangUp()),
            hold=functools.partial(self._hold, line) if hold else None,
        )
        endpoint = self._endpoints.make(line.endpoint, occasion)
        if line.foreign is not None:
            line.session = SdpSession(
                self._overlay,
                line.peer,
                line.foreign,
                endpoint,
                tell=lambda event: self._happened(line, event),
                keep=lambda event: self._kept(line, event),
                overlay_up=self._watch.until_up,
            )
            return line.session
        line.session = Session(
            self._overlay,
            line.peer,
            line.call.role,
            endpoint,
            tell=lambda event: self._happened(line, event),
            keep=lambda event: self._kept(line, event),
            overlay_up=self._watch.until_up,
            automatic=line.automatic or line.machine,
            rejoined=kept,
        )
        if hold:
            line.session.show_media(MediaState(audio=False, video=False))
        return line.session

    def _hold(self, line: Line, release: Callable[[], Awaitable[None]]) -> None:
        line.held = release

    async def _run(self, line: Line, session: Session | SdpSession) -> None:
        line.carrier = self._tasks.create_task(self._carry(line, session), name=f"session {line.number}")
        await session.started.wait()

    async def _carry(self, line: Line, session: Session | SdpSession) -> None:
        try:
            await session.run()
        except Exception:
            logger.exception("the session of line %d broke", line.number)
            line.inbox.put_nowait(Failed("Something in the program broke this call; see its log."))

    def _happened(self, line: Line, event: SessionEvent) -> None:
        """Pass on what a session tells."""
        match event:
            case AttemptFailed():
                line.inbox.put_nowait(LegFailed(event.error.sentence))
            case FirstMedia():
                line.first_media[event.kind] = event.at
                self._tell(line, event)
            case RemoteBye() | RemoteFlooded() | PathLost():
                line.inbox.put_nowait(event)
            case Text() | MediaTrouble():
                self._tell(line, event)
            case MediaState():
                line.remote_media = event
                self._tell(line, event)
            case ByeUnheard():
                if line.call.paired:
                    # Anyone who comes back would dial for a minute; the chat tells them.
                    self._writer.say(line, Operation.CANCEL)
            case Broke():
                line.inbox.put_nowait(Failed(event.error.sentence))

    async def _kept(self, line: Line, event: Kept) -> None:
        """Store what a session needs to have stored, and pass it on. Raises StoreError."""
        match event:
            case Connected():
                self._connected(line, event.secret, event.first_heard)
                line.inbox.put_nowait(LegUp())
            case MediaAgreed():
                if line.media != event.media:
                    line.media = event.media
                    self._keep(line)
                    self._tell(line, event)
            case RemoteAnsweredAlone():
                if not line.remote_automatic:
                    line.remote_automatic = True
                    self._keep(line)
                    self._tell(line, event)
            case Proposed():
                self._store.propose_secret(line.peer, event.secret, int(self._clock()))
                line.phrase = event.phrase
                self._keep(line)
                self._tell(line, PhraseKnown())
            case Committed():
                self._store.commit_secret(line.peer, event.secret)
                self._tell(line, Paired())
            case Dials():
                line.epoch = event.epoch
                self._keep(line)
            case PathRestored():
                line.taken_up = line.awaited_until = None
                self._keep(line, alive=True)
                line.inbox.put_nowait(event)

    def _connected(self, line: Line, secret: bytes, first_heard: float | None) -> None:
        line.connected = time.monotonic()
        line.dialled = line.dialled or first_heard
        line.connected_at = int(self._clock())
        self._lines.latest = line
        if line.secret is not None:
            self._store.secret_used(line.peer, line.secret)
        line.redial_secret = secret or None
        self._keep(line, alive=True)
        for other in self._lines:
            # Both had called each other, or the other side has lost a call and begun anew: the other one is over.
            if other is not line and other.peer == line.peer and (other.engaged or other.waits):
                other.inbox.put_nowait(Replaced())

    def _keep(self, line: Line, *, alive: bool = False) -> None:
        """Keep what a restarted program needs to take the call up again; `alive`: the other side is there now.

        Raises StoreError.
        """
        if line.redial_secret is None or line.call.ended or line.session is None:
            return
        if alive:
            line.alive = int(self._clock())
        self._store.save_call(line.running(line.session.ports))
