"""Every call of this node. What the owner wants goes in here; what the chat brings goes into its `admission`.

Each call is a line. makers.py makes what carries lines, from what a switchboard is given (surroundings.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Literal

from peer.calls.admission import Admission
from peer.calls.files.call_files import CallFiles
from peer.calls.files.shelf import FileShelf
from peer.calls.foreign import ForeignCall
from peer.calls.foreign_admission import ForeignAdmission
from peer.calls.foreign_reader import ForeignReader
from peer.calls.last_run import LastRun
from peer.calls.line import Line
from peer.calls.line_keeping import LIFE_SECONDS
from peer.calls.line_parts import Presented
from peer.calls.lines import one_each
from peer.calls.link_writer import unwritten
from peer.calls.makers import CommonParts, make_call_log, make_incoming, make_runner
from peer.calls.news import CallListeners, Changed
from peer.calls.posting import Posting
from peer.calls.programs.bare_sdp import BareSdp
from peer.calls.programs.classic import Classic
from peer.calls.programs.envelope import Envelope
from peer.calls.recording.call_recording import CallRecording
from peer.calls.surroundings import Surroundings
from peer.calls.together.inbox import TogetherInbox
from peer.calls.together.together import Together
from shared.call.events import Answer, Decline, Event, HangUp, Hold, Ignore, Resume, Stop
from shared.call.table import State, outgoing
from shared.contacts import Contact
from shared.errors import (
    CopybaraError,
    FileRefused,
    InCall,
    InputError,
    LocalProtocolError,
    NothingRings,
    NothingToHold,
    NotOnHold,
    NotRecordable,
    OwnNode,
    StoreError,
    TwoCalls,
)
from shared.kept_running import Part, kept_running
from shared.media import Media
from shared.messages import MediaState
from shared.node_id import NodeId
from shared.store import Store

logger = logging.getLogger(__name__)

EXTRA_ON_HOLD = 1
"How many calls the owner may have beyond `at_once`, because others are on hold."

Instead = Literal["", "hold", "hang-up"]
"What becomes of the owner's call when they answer another one. Empty: they can't answer the other one."

STOP_SECONDS = 1.5
"How long ending all calls may take. A program that is asked to stop has to stop within two seconds."


class Switchboard:
    """All calls of one node. `running` owns their tasks."""

    def __init__(self, around: Surroundings) -> None:
        self.lines = around.lines
        self._around = around
        self._tasks = asyncio.TaskGroup()
        inbox = TogetherInbox(around.call_later)
        self._common = common = CommonParts.of(around, CallListeners([*around.listeners, inbox]))
        self._log = make_call_log(around, common, self._tasks)
        self._posting = Posting()
        self._runner = make_runner(around, common, self._posting, self._log, self._tasks)
        incoming = make_incoming(around, common, self._runner)
        self.admission = Admission(incoming, around.reader, common.writer)
        "Reads links that the chat brings."

        self.together = Together(
            around.own, incoming, around.reader, self.admission, common.keeping, common.choice, common.listeners, inbox
        )
        "Conversations of several people."

        self.foreign_admission = ForeignAdmission(incoming)
        "Lets in calls of programs that speak SDP."

        self.foreign = ForeignReader(
            around.own, overlay=around.overlay, store=around.store, admission=self.foreign_admission
        )
        "Reads what people paste of such programs."

        self.programs: dict[str, Callable[[NodeId], Envelope]] = {
            "classic": lambda node: Classic(around.settings.classic_page, around.own, node),
            "sdp": lambda node: BareSdp(),
        }
        "By the name of a program that speaks SDP: makes what a call to a node is written with. Messengers add theirs."

        self.last_run = LastRun(
            around.lines,
            self._runner,
            around.writes,
            rings_again=around.rings_again,
            lifetime=around.settings.lifetime,
            clock=around.clock,
        )
        "The calls that this program had when it was killed, if it was."

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Carry calls for the length of the block.

        Then end them all within STOP_SECONDS, with a goodbye to each other side.
        """
        await self.last_run.find()
        try:
            async with self._tasks:
                try:
                    several = Part("Conversations of several people", self.together.run)
                    async with kept_running(Part("The upkeep of calls", self._keep_up), several):
                        yield
                finally:
                    await self._stop()
        finally:
            try:
                await self._log.again()
            except StoreError as error:
                # They are kept as calls that run, so the next start logs them.
                logger.error("calls: %s", error.sentence)

    async def _keep_up(self) -> None:
        logged = ""
        while True:
            await asyncio.sleep(LIFE_SECONDS)
            try:
                await self.upkeep()
                logged = ""
            except CopybaraError as error:
                if error.sentence != logged:
                    logger.warning("calls: %s", error.sentence)
                logged = error.sentence

    async def upkeep(self) -> None:
        """Do what is done every LIFE_SECONDS. Raises StoreError; what couldn't be written is written the next time."""
        self.look_at_book()
        await self._common.keeping.keep_signs_of_life()
        await self._log.again()
        await self.last_run.settle()

    def overlay_changed(self) -> None:
        """The overlay's network device or address has appeared, gone or changed."""
        for line in self.lines:
            if line.session is not None:
                line.session.call_socket.overlay_changed()

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
        program: str | None = None,
        echo: bool = False,
        begins_off: bool = False,
        begins: Callable[[], None] = lambda: None,
    ) -> Line:
        """Call a node; the link goes into `chat`.

        The line tells whether that worked: it may have ended as FAILED already.

        `sealing_key` is from the callee's card, 32 bytes, if the callee isn't a contact. `endpoint` names the media
        endpoint; None: the contact's, or the configured one. `program` names what the callee uses, one of `programs`;
        empty: Copybara, None: what the contact is marked with. `provisional`, `echo` and `begins_off` see Presented.
        `begins` is called when nothing can refuse the call any more, just before it begins.

        Raises OwnNode; InCall beside another call; TwoCalls beside one that is on hold and another one; InputError if
        that program isn't running here; OnlyForTrusted, see EndpointChoice.of; and StoreError.
        """
        self._require_no_call_with(node)
        self._require_room([line for line in self.lines if line.occupies])
        contact = self.store.contact_of(node)
        foreign = self._foreign_call(node, contact, program)
        now = int(self._around.clock())
        link = unwritten(self.store, node, media, now, with_secret=foreign is None)
        call, effects = outgoing(paired=link.proven)
        line = Line(
            self.lines.next_number(),
            call,
            link,
            chat=chat,
            expires=now + self._around.settings.lifetime,
            shown=Presented(endpoint=endpoint, provisional=provisional, echo=echo, begins_off=begins_off).of(contact),
            foreign=foreign,
            sealing_key=contact.sealing_key if contact and contact.sealing_key else sealing_key,
        )
        self._common.choice.of(line)
        begins()
        self._common.silenced.forget(node)
        await self._runner.start(line, effects)
        return line

    def _foreign_call(self, node: NodeId, contact: Contact | None, program: str | None) -> ForeignCall | None:
        """What there is of a call to a node that uses a program that speaks SDP; None if it uses ours.

        `program` see `place`. Raises InputError if that program isn't running here.
        """
        used = contact.program if contact is not None and program is None else program or ""
        envelope = self.programs.get(used)
        if used and envelope is None:
            raise InputError(
                f"Calls to {contact.name if contact else node.short} are for {used}, which isn't running here.",
                "Set it up, or choose another program: /contact program NAME copybara",
            )
        return ForeignCall(envelope(node)) if envelope is not None else None

    def _require_no_call_with(self, node: NodeId) -> None:
        """Raises InCall if there is one that takes the owner's time or is recorded, and OwnNode for our own node."""
        if node == self._around.own:
            raise OwnNode()
        for line in self.lines:
            if line.peer == node and (line.occupies or line.shown.machine):
                raise InCall(f"There is a call with {line.name} already.")

    def _require_room(self, occupying: list[Line]) -> None:
        """Raises InCall if these calls leave no room for another one, and TwoCalls if holding one wouldn't help."""
        self._require_total(occupying)
        attended = one_each(line for line in occupying if not line.on_hold)
        if len(attended) >= self._around.settings.at_once:
            raise InCall(f"There is a call with {attended[0].name} already.")

    def _require_total(self, occupying: list[Line]) -> None:
        calls = one_each(occupying)
        if len(calls) >= self._around.settings.at_once + EXTRA_ON_HOLD:
            raise TwoCalls(f"You have calls with {calls[0].name} and {calls[1].name} already.")

    async def answer(
        self,
        line: Line,
        media: Media | None = None,
        *,
        endpoint: str | None = None,
        instead: Instead = "",
        begins_off: bool = False,
    ) -> None:
        """Answer a call that rings.

        `media` is what the caller gets at most; None: all that was asked for. `endpoint` names the media endpoint;
        None: the usual one. `instead` says what becomes of other calls that leave no room for it: those that aren't on
        hold are put on hold, or ended first. `begins_off` see Presented.

        A call that was taken up after a restart waits for its owner, with microphone and camera off. It gets them back,
        and so do all calls of the same conversation. If a device can't be opened, the owner reads that as MediaTrouble.

        Raises CallRefused if it doesn't ring any more, InCall and TwoCalls if there is no room for it, NothingToHold if
        a call that should make room isn't connected.
        """
        if line.connection.waits_for_owner:
            for each in self.lines.of_conversation(line):
                await self._release(each)
            return
        if line.call.state is not State.RINGING:
            raise NothingRings(f"The call with {line.name} doesn't ring.")
        occupying = self.lines.occupying(beside=line.peer, proven=line.proven)
        attended = [each for each in occupying if not each.on_hold]
        giving_way = attended if instead and len(one_each(attended)) >= self._around.settings.at_once else []
        if instead == "hold":
            self._require_total(occupying)
            for each in giving_way:
                self._require_holdable(each)
        self._require_room([each for each in occupying if each not in giving_way])
        line.choose(endpoint, media, begins_off=begins_off)
        self._common.choice.of(line)
        if instead == "hold":
            await self._hold(giving_way)
        else:
            await self._end(giving_way)
        if line.call.state is not State.RINGING:
            raise NothingRings(f"The call with {line.name} doesn't ring any more.")
        line.put(Answer())

    async def _release(self, line: Line) -> None:
        """Give a call that waits for its owner after a restart its microphone and camera back."""
        if (release := line.take_release()) is not None:
            await release()
            self.lines.show_media(line, MediaState(audio=Media.AUDIO in line.media, video=Media.VIDEO in line.media))

    async def _end(self, lines: Sequence[Line]) -> None:
        for line in lines:
            line.put(HangUp())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                for line in lines:
                    await line.over.wait()

    async def hold(self, line: Line) -> None:
        """Put a call on hold, and all calls of the same conversation.

        Until `resume` nothing is sent and nothing is played. Raises NothingToHold if it isn't connected or is on hold
        already, LocalProtocolError if this is done too often.
        """
        self._require_holdable(line)
        await self._hold([each for each in self.lines.of_conversation(line) if each.holdable and not each.on_hold])

    async def _hold(self, lines: Sequence[Line]) -> None:
        """Put all of them on hold, or none: somebody left out would go on hearing the owner."""
        for line in lines:
            self._require_holdable(line)
        for line in lines:
            assert line.session is not None
            line.session.own_limits.hold()
        for line in lines:
            line.put(Hold())
        for line in lines:
            await line.until(lambda line=line: line.on_hold)  # type: ignore[misc]

    def _require_holdable(self, line: Line) -> None:
        if not line.holdable:
            raise NothingToHold(f"The call with {line.name} isn't connected.")
        if line.on_hold:
            raise NothingToHold(f"The call with {line.name} is on hold already.", "/resume takes it off hold")

    async def resume(
        self, line: Line, *, swap: bool = False, begins_off: bool = False, begins: Callable[[], None] = lambda: None
    ) -> None:
        """Take a call off hold, and all calls of the same conversation.

        With `swap`, calls that leave no room for it are put on hold first. `begins` is called when nothing can refuse
        this any more; `begins_off` see Presented. Raises NotOnHold; InCall beside another call; NothingToHold if that
        one isn't connected; LocalProtocolError if this is done too often.
        """
        if not line.on_hold or line.session is None:
            raise NotOnHold(f"The call with {line.name} isn't on hold.")
        ours = self.lines.of_conversation(line)
        held = [(each, session) for each in ours if each.on_hold and (session := each.session) is not None]
        others = [each for each in self.lines if each.occupies and not each.on_hold and each not in ours]
        gives_way = others if len(one_each(others)) >= self._around.settings.at_once else []
        if gives_way and not swap:
            raise InCall(f"You are in a call with {gives_way[0].name}.", "/swap puts it on hold and takes this one.")
        for other in gives_way:
            self._require_holdable(other)
        # Before the others are put on hold for them.
        for _, session in held:
            session.own_limits.hold()
        await self._hold(gives_way)
        begins()
        for each, _ in held:
            if each.on_hold:
                if begins_off:
                    each.begins_off()
                each.put(Resume())
                await each.until(lambda each=each: not each.on_hold)  # type: ignore[misc]

    def decline(self, line: Line) -> None:
        """Decline a call that rings. Raises CallRefused if it doesn't ring any more."""
        if line.call.state is not State.RINGING:
            raise NothingRings(f"The call with {line.name} doesn't ring.")
        line.put(Decline())

    def ignore(self, line: Line) -> None:
        """Stop a call from ringing; its caller hears nothing. Raises CallRefused if it doesn't ring any more."""
        if line.call.state is not State.RINGING:
            raise NothingRings(f"The call with {line.name} doesn't ring.")
        line.put(Ignore())

    def silence(self, node: NodeId) -> None:
        """Let no call of that node ring for a day (silenced.py), unless it becomes a contact or the owner calls it."""
        self._common.silenced.add(node)

    def hang_up(self, line: Line) -> None:
        """End a call, whatever its state; if it is part of a conversation, end all calls of that."""
        for each in self.lines.of_conversation(line):
            each.put(HangUp())

    def words_differ(self, line: Line) -> None:
        """The owner has compared the four words of a call, and they aren't the same: end it, if it isn't over yet."""
        line.differs()
        if not line.call.ended:
            self.hang_up(line)

    def look_at_book(self) -> None:
        """Give every call the name and the proof that the contact book has for it by now.

        Costs nearly nothing if the book hasn't changed.
        """
        unproven = [line for line in self.lines if not line.proven]
        self._common.standing.look()
        for line in unproven:
            if line.proven and line.files is not None:
                line.files.gained_proof()

    def left_for(self, node: NodeId) -> None:
        """A voice message was kept for the contact with that node: if there is a call with them, send it there."""
        for line in self.lines:
            if line.peer == node and line.files is not None:
                line.files.take_up()

    @contextlib.contextmanager
    def saving_in(self, met: Line | None) -> Iterator[None]:
        """While the owner saves the other side of a call as a contact, let the call count as that contact's.

        A pair secret that is agreed on meanwhile is theirs. If the block raises, the call is as it was before.
        """
        before = met is not None and met.met
        if met is not None:
            met.saves()
        try:
            yield
        except CopybaraError:
            if met is not None:
                met.saves(before)
            raise

    def confirm(self, line: Line) -> None:
        """The link of a call that was placed in advance was posted, so it is a call like any other from now on."""
        line.confirm()
        self._common.listeners.told(line, Changed())
        self._tasks.create_task(self._keep_begun(line), name=f"keeping line {line.number}")

    def happened(self, line: Line, event: Event) -> None:
        """Another program did something with a call: an event of shared/call/events.py."""
        line.put(event)

    def write(self, line: Line, text: str, *, alone: bool = False) -> list[Line]:
        """Send a line of text to all of a call's conversation, or with `alone` only in that call.

        Returns the calls that carry it. Raises LocalProtocolError when it isn't connected.
        """
        if line.session is None:
            raise LocalProtocolError("There is no call to write in.", "Call somebody first.")
        reached = []
        for each in [line] if alone else self.lines.of_conversation(line):
            if each.session is not None and (each is line or each.call.state is State.ACTIVE):
                each.session.write(text)
                reached.append(each)
        return reached

    @property
    def usual_endpoint(self) -> str:
        """The name of the media endpoint of a call for which none was chosen."""
        return self._common.choice.usual_for(None, proven=False, keyed=False)

    def files(self, line: Line) -> CallFiles:
        """What carries files in a call. Raises FileRefused if it can't carry any."""
        if line.files is None:
            raise FileRefused(f"No files can be sent in this call with {line.name}.", "")
        return line.files

    @property
    def shelf(self) -> FileShelf:
        """Where files are kept. Raises FileRefused if there is no such place."""
        if self._around.shelf is None:
            raise FileRefused("No files are kept here.", "")
        return self._around.shelf

    @property
    def store(self) -> Store:
        """Contacts and calls on the disk, to be read."""
        return self._around.store

    def recording(self, line: Line) -> CallRecording:
        """What records a call. Raises NotRecordable if it can't be recorded."""
        if line.recording is None:
            raise NotRecordable(f"The call with {line.name} can't be recorded: their program couldn't show it.", "")
        return line.recording

    async def _keep_begun(self, line: Line) -> None:
        try:
            await self._common.keeping.keep_begun(line)
        except StoreError as error:
            logger.warning("line %d: %s", line.number, error.sentence)

    async def _stop(self) -> None:
        for line in self.lines:
            line.put(Stop())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                for line in tuple(self.lines):
                    await line.over.wait()
        # An overlay that doesn't answer, or a device that can't be closed, must not delay the end.
        for line in self.lines:
            for task in (line.life, line.connection.carrier):
                if task is not None:
                    task.cancel()
        await self._posting.leave()
        self._log.leave()
