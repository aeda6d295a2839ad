"""Every call of this node: owner's wishes and links in, effects out.

shared/call.py says what has to happen to a call, shared/policy.py what a link may do; here it is carried out. Each
line has an inbox, and one task that steps its call: whatever happens to a call happens in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from peer import session as happened
from peer.line import Line
from peer.link_reader import CallLink, LinkReader, OwnLink, SaidLink
from peer.media import ANSWERING_MACHINE, Endpoint, Occasion, only_for_trusted
from peer.news import (
    AnsweredAlone,
    Changed,
    MediaAgreed,
    MediaArrived,
    News,
    Paired,
    PhraseKnown,
    Posted,
    Recorded,
    RemoteAnsweredAlone,
    RemoteMediaChanged,
    Rings,
    Said,
    TakesMessage,
    Wrote,
)
from peer.overlay import Overlay
from peer.overlay.watch import OverlayWatch
from peer.session import Attempt, Session, SessionEvent
from shared import paired
from shared.call import RUNS_OUT, EndReason, State, glare, incoming, outgoing, step
from shared.call_records import CallRecord, RunningCall
from shared.config import Answering, Calls
from shared.contacts import Contact, Trust
from shared.effects import (
    AnnounceAnswer,
    AnswerTheirs,
    CloseLeg,
    Effect,
    Listen,
    Noted,
    OpenLeg,
    PostAnswer,
    PostBusy,
    PostCancel,
    PostDecline,
    PostRequest,
    Redial,
    Ring,
    SayBye,
    StartTimer,
    StopRinging,
    StopTimer,
    TakeMessage,
    Timer,
    TryResponse,
)
from shared.errors import CallRefused, CopybaraError, LocalProtocolError
from shared.events import (
    Answer,
    Busy,
    Decline,
    Event,
    Failed,
    Glare,
    HangUp,
    Ignore,
    LegFailed,
    LegUp,
    Offered,
    PathLost,
    PathRestored,
    RemoteAccepted,
    RemoteBusy,
    RemoteBye,
    RemoteCancelled,
    RemoteDeclined,
    RemoteRinging,
    Replaced,
    Stop,
)
from shared.handshake import Handshake, Role, first_contact, one_link
from shared.identity import DtlsIdentity
from shared.links import MAX_CLOCK_AHEAD, BadLink, Card, PairedToken, Request, Response, Status
from shared.media import Media
from shared.node_id import NodeId
from shared.paired import Operation, reference_of
from shared.pairing import transcript
from shared.policy import Action, decide
from shared.reasons import Reason
from shared.sealed import seal_request
from shared.store import Store

logger = logging.getLogger(__name__)

MAX_RINGING = 8
"Calls that may ring at once; a chat full of requests must not become a hundred questions."

CONNECT_SECONDS = 20.0
"How long a paired call may take from the answer to the leg: its caller is listening already."

REDIAL_SECONDS = 60.0

MISSED_SECONDS = 24 * 3600
"How long after its end a link counts as a missed call: messengers keep messages for a day (Bot API, getUpdates)."

STOP_SECONDS = 1.5
"How long ending everything may take; a program that is asked to stop stops within two seconds."


@dataclass(frozen=True, slots=True)
class MissedCall:
    """Somebody called while this program didn't run, or couldn't be reached by its messenger."""

    peer: NodeId
    contact: str | None
    created: int
    "When the link was written, Unix seconds."


@dataclass(frozen=True, slots=True)
class Reading:
    """What became of a link."""

    reason: Reason | None = None
    "Why it was taken or refused; None for a link that belongs to a call of ours, or a card."

    line: Line | None = None
    "The call that it began or belongs to."

    card: Card | None = None

    missed: MissedCall | None = None
    "With a link that has expired: whom the owner may want to call back. Each link is told once."


class Switchboard:
    """All lines of one node. `run` owns their tasks."""

    def __init__(
        self,
        *,
        own: NodeId,
        overlay: Overlay,
        watch: OverlayWatch,
        store: Store,
        reader: LinkReader,
        settings: Calls,
        answering: Answering,
        endpoint: Callable[[str, Occasion], Endpoint],
        usual: Callable[[], str],
        tell: Callable[[Line, News], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`endpoint` makes the media endpoint of that name for a call, `usual` names the one of most calls."""
        self.lines: list[Line] = []
        "Those that aren't over, oldest first."
        self.latest: Line | None = None
        "The line that was connected last, over or not."
        self._own = own
        self._overlay = overlay
        self._watch = watch
        self._store = store
        self._reader = reader
        self._settings = settings
        self._answering = answering
        self._endpoint = endpoint
        self._usual = usual
        self._tell = tell
        self._clock = clock
        self._group: asyncio.TaskGroup | None = None
        self._numbers = 0

        self.interrupted: list[RunningCall] = []
        "Calls that were up when the last run was killed."

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry calls for the length of the block; then end them all politely, within STOP_SECONDS."""
        self._forget_what_crashed()
        async with asyncio.TaskGroup() as self._group:
            try:
                yield
            finally:
                await self._stop()

    # What the owner wants.

    async def place(
        self,
        node: NodeId,
        media: Media,
        *,
        sealing_key: bytes | None = None,
        chat: str = "chat",
        provisional: bool = False,
        endpoint: str | None = None,
    ) -> Line:
        """Call a node; the link goes into `chat`. The line tells whether it worked: it may have ended as FAILED.

        `sealing_key` is from the callee's card, 32 bytes, if it isn't a contact; `provisional` see Line; `endpoint`
        is the media endpoint, None: the contact's, or the configured one. Raises CallRefused for a call to ourselves
        or beside another call.
        """
        if node == self._own:
            raise CallRefused("That is your own node.", "Call somebody else; `copybara demo` calls itself.")
        for line in self.lines:
            same = line.peer == node and (line.engaged or line.machine)
            if same or (line.engaged and len(self._engaged()) >= self._settings.at_once):
                raise CallRefused(f"There is a call with {line.name} already.", "End it with /hangup first.")
        contact = self._store.contact_of(node)
        secret = self._store.writable_secret(node) if contact is not None else None
        now = int(self._clock())
        call, effects = outgoing(paired=secret is not None)
        line = Line(
            number=self._next_number(),
            call=call,
            peer=node,
            media=media,
            created=now,
            expires=now + self._settings.lifetime,
            chat=chat,
            contact=contact.name if contact else None,
            secret=secret,
            sealing_key=contact.sealing_key if contact and contact.sealing_key else sealing_key,
            provisional=provisional,
            endpoint=endpoint,
        )
        self._endpoint_of(line)
        await self._start(line, effects)
        return line

    async def answer(self, line: Line, media: Media | None = None, *, endpoint: str | None = None) -> None:
        """Take the call that rings, with at most `media`, and with this endpoint in the place of the usual one.

        Raises CallRefused if it doesn't ring any more.
        """
        if line.call.state is not State.RINGING:
            raise CallRefused(f"The call with {line.name} doesn't ring.")
        busy = self._engaged(beside=line.peer)
        if len(busy) >= self._settings.at_once:
            raise CallRefused(f"There is a call with {busy[0].name} already.", "End it with /hangup first.")
        line.endpoint = endpoint or line.endpoint
        self._endpoint_of(line)
        if media is not None:
            line.media = line.media & media or line.media
        line.inbox.put_nowait(Answer())

    def decline(self, line: Line) -> None:
        """Refuse the call that rings. Raises CallRefused if it doesn't ring any more."""
        if line.call.state is not State.RINGING:
            raise CallRefused(f"The call with {line.name} doesn't ring.")
        line.inbox.put_nowait(Decline())

    def ignore(self, line: Line) -> None:
        """Let the call ring no more, and tell its caller nothing. Raises CallRefused if it doesn't ring any more."""
        if line.call.state is not State.RINGING:
            raise CallRefused(f"The call with {line.name} doesn't ring.")
        line.inbox.put_nowait(Ignore())

    def hang_up(self, line: Line) -> None:
        """End a call, wherever it stands."""
        line.inbox.put_nowait(HangUp())

    # What the chat brings.

    async def read(self, token: str, *, chat: str = "chat", again: bool = False) -> Reading:
        """Read one link and act on it. Never raises for a bad link: the Reading has the reason.

        `again` is for a link that this program may have begun to act on when it was killed: one that was used and
        came to no call is then used once more.
        """
        try:
            opened = self._reader.open(token)
        except BadLink as bad:
            return Reading(bad.reason)
        match opened:
            case OwnLink():
                return Reading(Reason.OWN_LINK)
            case Card():
                return Reading(card=opened)
            case CallLink():
                return await self._called(opened, chat, again=again)
            case SaidLink():
                return self._said(opened)
            case Response():
                return self._responded(opened)

    async def _called(self, link: CallLink, chat: str, *, again: bool) -> Reading:
        now = int(self._clock())
        seen = self._store.link_seen(link.raw)
        again = again and seen == "used" and not self._came_to_a_call(link.reference)
        contact = self._store.contact_of(link.source)
        ours = next(
            (line for line in self.lines if line.peer == link.source and _waits(line) and not line.provisional), None
        )
        decision = decide(
            contact=contact,
            media=link.media,
            created=link.created,
            now=now,
            local_time=datetime.datetime.fromtimestamp(self._clock()).time(),
            mine=True,
            seen=None if again else seen,
            busy=ours is None and len(self._engaged(beside=link.source)) >= self._settings.at_once,
            unknown=self._settings.unknown,
            lifetime=self._settings.lifetime,
            machine_after=self._answering.machine_after,
        )
        if decision.action is Action.IGNORE:
            return Reading(decision.reason, missed=self._missed(link, contact, decision.reason, now, again))
        if sum(line.call.state is State.RINGING or line.machine for line in self.lines) >= MAX_RINGING:
            return Reading(Reason.BUSY)
        expires = link.created + self._settings.lifetime
        if not (self._store.use_link(link.raw, ours=False, expires=expires + MAX_CLOCK_AHEAD) or again):
            return Reading(Reason.ALREADY_USED)
        if link.secret is not None:
            self._store.secret_used(link.source, link.secret)
        if (crossed := self._crossed(link)) is not None:
            return Reading(decision.reason, crossed)
        line = Line(
            number=self._next_number(),
            call=incoming(Offered(), paired=link.paired)[0],
            peer=link.source,
            media=decision.media or link.media,
            created=link.created,
            expires=expires,
            chat=chat,
            contact=contact.name if contact else None,
            sealed=link.sealed,
            raw=link.raw,
            reference=link.reference,
            request=link.request,
            token=link.token,
            secret=link.secret,
            remote_port=link.port,
            dialled=time.monotonic(),
        )
        if ours is not None:
            line.media &= ours.media or line.media
            ours.twin = line
            ours.inbox.put_nowait(Glare(ours_wins=glare(ours.raw, link.raw)))
            return Reading(decision.reason, ours)
        beginning: Offered | Answer | Busy
        match decision.action:
            case Action.AUTO:
                line.automatic = True
                beginning = Answer(automatic=True)
            case Action.BUSY:
                beginning = Busy()
            case _:
                beginning = Offered(machine=decision.machine)
        await self._begin(line, beginning, decision.reason)
        return Reading(decision.reason, line)

    def _crossed(self, link: CallLink) -> Line | None:
        """The call that is up with the link's writer, if the link is older: both had called, and this one comes late.

        A newer one, also to be told by the new secret, is from somebody who has lost that call, say in a crash, while
        nothing of it shows here yet.
        """
        for line in self.lines:
            if line.peer == link.source and line.call.state is State.ACTIVE and link.secret in (None, line.secret):
                return line if link.created <= (line.connected_at or 0) else None
        return None

    def _came_to_a_call(self, reference: bytes) -> bool:
        """Whether a call of that name is there, or was."""
        return any(line.reference == reference for line in self.lines) or any(
            record.reference == reference for record in self._store.call_log(MAX_RINGING + 1)
        )

    def _missed(
        self, link: CallLink, contact: Contact | None, reason: Reason, now: int, again: bool
    ) -> MissedCall | None:
        """What the owner is told of an expired link, if its call would have rung."""
        told_until = link.created + self._settings.lifetime + MISSED_SECONDS
        if reason is not Reason.EXPIRED or now >= told_until:
            return None
        if contact.trust is Trust.BLOCK if contact else self._settings.unknown == "ignore":
            return None
        if not (self._store.use_link(link.raw, ours=False, expires=told_until) or again):
            return None
        return MissedCall(link.source, contact.name if contact else None, link.created)

    async def _begin(self, line: Line, beginning: Offered | Answer | Busy, reason: Reason) -> None:
        line.call, effects = incoming(beginning, paired=line.call.paired)
        line.reason = reason
        await self._start(line, effects)

    def _said(self, link: SaidLink) -> Reading:
        line = next((line for line in self.lines if line.reference == link.said.reference), None)
        if line is None or line.peer != link.source:
            return Reading(Reason.EXPIRED)
        if not self._store.use_link(link.raw, ours=False, expires=line.expires + MAX_CLOCK_AHEAD):
            return Reading(Reason.ALREADY_USED)
        self._store.secret_used(link.source, link.secret)
        match link.said.operation:
            case Operation.RINGING | Operation.ACCEPT:
                line.inbox.put_nowait(RemoteRinging())
            case Operation.DECLINE:
                line.inbox.put_nowait(RemoteDeclined(authenticated=True))
            case Operation.BUSY:
                line.inbox.put_nowait(RemoteBusy(authenticated=True))
            case Operation.CANCEL:
                line.inbox.put_nowait(RemoteCancelled())
            case Operation.CALL:
                raise LocalProtocolError()
        return Reading(line=line)

    def _responded(self, response: Response) -> Reading:
        line = next(
            (line for line in self.lines if _waits(line) and line.request and response.answers(line.request)), None
        )
        if line is None or line.request is None:
            return Reading(Reason.NOT_FOR_THIS_NODE)
        if not self._store.use_link(response.encode(), ours=False, expires=line.expires + MAX_CLOCK_AHEAD):
            return Reading(Reason.ALREADY_USED)
        # A refusal is proven only if nobody but the callee could read the request that it quotes.
        proven = line.sealed and response.proves(line.request)
        match response.status:
            case Status.ACCEPT:
                line.responses.append(response)
                line.inbox.put_nowait(RemoteAccepted())
            case Status.DECLINE:
                line.inbox.put_nowait(RemoteDeclined(authenticated=proven))
            case Status.BUSY:
                line.inbox.put_nowait(RemoteBusy(authenticated=proven))
        return Reading(line=line)

    # How a line lives.

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _engaged(self, *, beside: NodeId | None = None) -> list[Line]:
        """The lines that take the owner's time, but for those with a node that calls anew."""
        return [line for line in self.lines if line.engaged and line.peer != beside]

    async def _start(self, line: Line, effects: tuple[Effect, ...]) -> None:
        assert self._group is not None
        self.lines.append(line)
        await self._carry_out(line, effects)
        line.life = self._group.create_task(self._live(line), name=f"line {line.number}")

    async def _live(self, line: Line) -> None:
        """Step the call by everything that happens to it, until it is over."""
        while not line.call.ended:
            event = await line.inbox.get()
            try:
                await self._step(line, event)
            except LocalProtocolError as error:
                # Two things happened at once, say an answer and a cancellation, and the first one won.
                logger.info("line %d: %s", line.number, error.sentence)
        if line.carrier is not None:
            await line.carrier
        now = int(self._clock())
        self._store.log_call(line.record(now))
        if line.connected is not None:
            self._store.remove_call(line.reference)
        self.lines.remove(line)
        self._tell(line, Changed())
        line.over.set()

    async def _step(self, line: Line, event: Event) -> None:
        before = line.call.state
        line.call, effects = step(line.call, event)
        await self._carry_out(line, effects, silent=line.call.state is before)

    async def _carry_out(self, line: Line, effects: tuple[Effect, ...], *, silent: bool = False) -> None:
        for effect in effects:
            try:
                await self._do(line, effect)
            except LocalProtocolError:
                raise
            except CopybaraError as error:
                if not line.call.ended:
                    await self._step(line, Failed(error.sentence))
                return
        if not silent and not line.call.ended:
            self._tell(line, Changed())

    async def _do(self, line: Line, effect: Effect) -> None:
        match effect:
            case Listen():
                await self._open(line)
            case PostRequest():
                self._post_request(line)
            case TryResponse():
                self._try_response(line, line.responses.popleft())
            case AnswerTheirs():
                await self._answer_theirs(line)
            case OpenLeg():
                await self._dial(line)
            case PostAnswer():
                assert line.answer is not None
                self._post(line, line.answer.token, line.answer.encode())
            case PostDecline():
                self._refuse(line, Status.DECLINE, Operation.DECLINE)
            case PostBusy():
                if line.contact is not None or line.session is not None:
                    # A stranger learns nothing, not even that somebody is here, unless it was answered before.
                    self._refuse(line, Status.BUSY, Operation.BUSY)
            case PostCancel():
                self._say(line, Operation.CANCEL)
            case Ring():
                self._tell(line, Rings(line.reason))
            case AnnounceAnswer():
                self._tell(line, AnsweredAlone())
            case TakeMessage():
                line.machine = line.automatic = True
                self._tell(line, TakesMessage())
            case Noted():
                self._tell(line, Said(effect))
            case Redial():
                assert line.session is not None
                line.session.redial()
            case SayBye():
                line.goodbye = "hung up"
            case CloseLeg():
                if line.session is not None:
                    line.session.end(line.goodbye)
            case StartTimer():
                self._start_timer(line, effect.timer)
            case StopTimer():
                self._stop_timer(line)
            case StopRinging():
                pass  # whoever shows the ringing sees the new state

    def _start_timer(self, line: Line, timer: Timer) -> None:
        self._stop_timer(line)
        expires = max(0.0, line.expires - self._clock())
        match timer:
            case Timer.RING:
                seconds = expires
            case Timer.MACHINE:
                seconds = self._answering.machine_after
            case Timer.CONNECT:
                # The caller of a first contact is there once it has read the response, which may take a person.
                seconds = CONNECT_SECONDS if line.call.paired else max(expires, CONNECT_SECONDS)
            case Timer.REDIAL:
                seconds = REDIAL_SECONDS
        loop = asyncio.get_running_loop()
        line.timer = loop.call_later(seconds, line.inbox.put_nowait, RUNS_OUT[timer])

    def _stop_timer(self, line: Line) -> None:
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None

    # Legs.

    async def _open(self, line: Line) -> int:
        """Make the line's session and bind its port."""
        assert self._group is not None
        await self._watch.check()
        self._watch.require()
        line.endpoint = self._endpoint_of(line)
        occasion = Occasion(
            number=line.number,
            label=line.name,
            automatic=line.automatic,
            recorded=lambda path: self._tell(line, Recorded(path)),
            finished=lambda: self.hang_up(line),
        )
        endpoint = self._endpoint(line.endpoint, occasion)
        line.session = Session(
            self._overlay,
            line.peer,
            line.call.role,
            endpoint,
            lambda event: self._happened(line, event),
            automatic=line.automatic or line.machine,
        )
        port = await line.session.open()
        line.carrier = self._group.create_task(self._carry(line, line.session), name=f"session {line.number}")
        await line.session.started.wait()
        return port

    def _endpoint_of(self, line: Line) -> str:
        """The name of the media endpoint for a call. Raises CallRefused for a camera and somebody who isn't trusted."""
        contact = self._store.contact_of(line.peer)
        of_contact = contact.endpoint if contact else None
        name = ANSWERING_MACHINE if line.machine else line.endpoint or of_contact or self._usual()
        if only_for_trusted(name) and (contact is None or contact.trust is not Trust.AUTO):
            raise CallRefused(
                f"The camera is only for contacts that you trust, and {line.name} isn't one.",
                f"/contact trust {line.name} lets them see it at any time." if contact else "Save them first.",
            )
        return name

    async def _carry(self, line: Line, session: Session) -> None:
        try:
            await session.run()
        except Exception:
            logger.exception("the session of line %d broke", line.number)
            line.inbox.put_nowait(Failed("Something in the program broke this call; see its log."))

    def _post_request(self, line: Line) -> None:
        assert line.session is not None
        assert line.session.port is not None
        port = line.session.port.port
        if line.secret is not None:
            said = paired.Paired(Operation.CALL, line.media, line.created, port)
            line.token = paired.seal(
                said, secret=line.secret, source=self._own, destination=line.peer, nonce=secrets.token_bytes(12)
            )
            line.raw = line.token.raw
            line.reference = reference_of(line.token)
            self._try_one_link(line, line.token, line.secret)
            self._post(line, line.token.token, line.raw)
            return
        line.identity = DtlsIdentity.generate()
        line.request = Request.to(
            line.peer,
            media=line.media,
            created=line.created,
            seed=secrets.token_bytes(16),
            source=self._own,
            fingerprint=line.identity.fingerprint,
            port=port,
        )
        line.reference = reference_of(line.request)
        line.sealed = line.sealing_key is not None
        link = seal_request(line.request, line.sealing_key, line.peer) if line.sealing_key else line.request
        line.raw = link.encode()
        self._post(line, link.token, line.raw)

    async def _dial(self, line: Line) -> None:
        """Answer: bind the port, make the response of a first contact, and dial the caller."""
        line.dialled = line.dialled if line.automatic and not line.machine else time.monotonic()
        port = await self._open(line)
        if line.token is not None:
            assert line.secret is not None
            self._try_one_link(line, line.token, line.secret)
            return
        assert line.request is not None
        line.identity = DtlsIdentity.generate()
        line.answer = Response.accepting(
            line.request,
            media=line.media,
            seed=secrets.token_bytes(8),
            fingerprint=line.identity.fingerprint,
            port=port,
        )
        self._try_first_contact(line, line.answer, line.remote_port)

    def _try_response(self, line: Line, response: Response) -> None:
        line.dialled = time.monotonic()
        self._try_first_contact(line, response, response.port)

    def _try_one_link(self, line: Line, token: PairedToken, secret: bytes) -> None:
        source, destination = self._ends(line)
        handshake = one_link(line.call.role, token, secret=secret, source=source, destination=destination)
        self._attempt(line, handshake, line.remote_port, token.raw, b"", line.media)

    def _try_first_contact(self, line: Line, response: Response, remote_port: int | None) -> None:
        assert line.request is not None
        assert line.identity is not None
        _, destination = self._ends(line)
        handshake = first_contact(line.call.role, line.request, response, line.identity, destination)
        media = line.media & response.media or line.media
        self._attempt(line, handshake, remote_port, line.request.encode(), response.encode(), media)

    def _attempt(
        self, line: Line, handshake: Handshake, remote_port: int | None, request: bytes, response: bytes, media: Media
    ) -> None:
        assert line.session is not None
        bound_to = transcript(*self._ends(line), *handshake.pins, request, response)
        line.session.attempt(Attempt(handshake, remote_port, bound_to), media)

    def _ends(self, line: Line) -> tuple[NodeId, NodeId]:
        """Caller and callee."""
        return (self._own, line.peer) if line.call.role is Role.CALLER else (line.peer, self._own)

    async def _answer_theirs(self, ours: Line) -> None:
        theirs, reason = ours.twin, Reason.ASK
        if theirs is not None and theirs not in self.lines:
            await self._begin(theirs, Answer(), reason)

    def _happened(self, line: Line, event: SessionEvent) -> None:
        """Pass on what a session tells. Secrets are stored before this returns."""
        match event:
            case happened.LegUp():
                self._connected(line, event.secret, event.first_heard)
                line.inbox.put_nowait(LegUp())
            case happened.LegFailed():
                line.inbox.put_nowait(LegFailed(event.error.sentence))
            case happened.FirstMedia():
                line.first_media[event.kind] = event.at
                self._tell(line, MediaArrived(event.kind))
            case happened.Proposed():
                self._store.propose_secret(line.peer, event.secret, int(self._clock()))
                line.phrase = event.phrase
                self._tell(line, PhraseKnown())
            case happened.Committed():
                self._store.commit_secret(line.peer, event.secret)
                self._tell(line, Paired())
            case happened.SaidBye():
                line.inbox.put_nowait(RemoteBye())
            case happened.Wrote():
                self._tell(line, Wrote(event.text))
            case happened.RemoteMedia():
                line.remote_media = event.state
                self._tell(line, RemoteMediaChanged())
            case happened.MediaAgreed():
                if line.media != event.media:
                    line.media = event.media
                    self._tell(line, MediaAgreed())
            case happened.RemoteAnsweredAlone():
                if not line.remote_automatic:
                    line.remote_automatic = True
                    self._tell(line, RemoteAnsweredAlone())
            case happened.PathLost():
                line.inbox.put_nowait(PathLost())
            case happened.PathRestored():
                line.inbox.put_nowait(PathRestored())
            case happened.Broke():
                line.inbox.put_nowait(Failed(event.error.sentence))

    def _connected(self, line: Line, secret: bytes, first_heard: float | None) -> None:
        line.connected = time.monotonic()
        line.dialled = line.dialled or first_heard
        line.connected_at = int(self._clock())
        self.latest = line
        if line.secret is not None:
            self._store.secret_used(line.peer, line.secret)
        self._store.save_call(
            RunningCall(
                reference=line.reference,
                peer=line.peer,
                role=str(line.call.role),
                media=line.media,
                started=line.connected_at,
                secret=secret,
                paired=line.call.paired,
                automatic=line.automatic,
                name=line.contact or "",
                endpoint=line.endpoint or "",
            )
        )
        for other in self.lines:
            # Both had called each other, or the other side has lost a call and begun anew: the other one is over.
            if other is not line and other.peer == line.peer and (other.engaged or _waits(other)):
                other.inbox.put_nowait(Replaced())

    # Links.

    def _post(self, line: Line, token: str, raw: bytes) -> None:
        self._store.use_link(raw, ours=True, expires=line.expires + MAX_CLOCK_AHEAD)
        self._tell(line, Posted(token))

    def _refuse(self, line: Line, status: Status, operation: Operation) -> None:
        if line.request is None:
            self._say(line, operation)
        else:
            refusal = Response.refusing(line.request, status)
            self._post(line, refusal.token, refusal.encode())

    def _say(self, line: Line, operation: Operation) -> None:
        """Post what a paired link says about a call."""
        secret = self._store.writable_secret(line.peer) or line.secret
        assert secret is not None
        said = paired.Paired(operation, Media.NONE, int(self._clock()), reference=line.reference)
        token = paired.seal(said, secret=secret, source=self._own, destination=line.peer, nonce=secrets.token_bytes(12))
        self._post(line, token.token, token.raw)

    # Beginnings and ends of the program.

    def _forget_what_crashed(self) -> None:
        """Log the calls that were up when the process was killed."""
        now = int(self._clock())
        for call in self._store.running_calls():
            self._store.log_call(
                CallRecord(
                    reference=call.reference,
                    peer=call.peer,
                    role=call.role,
                    media=call.media,
                    started=call.started,
                    connected=call.started,
                    ended=now,
                    reason=str(EndReason.STOPPED),
                    automatic=call.automatic,
                    name=call.name,
                )
            )
            self._store.remove_call(call.reference)
            self.interrupted.append(call)
        self._store.forget_links(now)

    async def _stop(self) -> None:
        for line in self.lines:
            line.inbox.put_nowait(Stop())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                for line in tuple(self.lines):
                    await line.over.wait()
        # An overlay that doesn't answer, or a device that doesn't let go, must not hold up the end.
        for line in self.lines:
            for task in (line.life, line.carrier):
                if task is not None:
                    task.cancel()


def _waits(line: Line) -> bool:
    """Whether it is a call of ours that waits for the other side."""
    return line.call.role is Role.CALLER and line.call.state is State.CALLING
