"""Carries out the states of table.py in one call, and writes our own recording."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from peer.calls.limits import OWN_RECORDINGS
from peer.calls.own_media import OwnMedia
from peer.calls.recording.changed import RecordingChanged
from peer.calls.recording.table import (
    BeginRecording,
    Effect,
    EndRecording,
    Event,
    Finish,
    Lost,
    Ours,
    RecordingState,
    RefuseRecording,
    SaidHello,
    TellTheirs,
    Theirs,
    What,
    step,
)
from peer.calls.repeats import Repeated, Repeats, Telling
from peer.media.trouble import MediaTrouble
from peer.transport.leg import Leg
from shared.errors import LegFailed, MediaError, NothingRecorded, NotRecordable, StoreError
from shared.media import Media
from shared.messages import Hello, Recording, RecordingReply
from shared.rate import Bucket

if TYPE_CHECKING:
    from peer.media.endpoints.recorder import Recorder

logger = logging.getLogger(__name__)

REPLY_SECONDS = 10.0
"How long the other side's program may take to confirm that it shows a recording, while a leg is connected."

UNSUPPORTED = "'s program can't show that a call is recorded, so it isn't recorded.", "They need a newer version."


class Recordings(Protocol):
    """Makes recorders, and plays the tone."""

    def recorder(self, label: str, recorded: Callable[[Path], None], tell: Callable[[MediaTrouble], None]) -> Recorder:
        """A recorder for one recording.

        `recorded` gets the finished file, `tell` the reason if it ends before the call.
        """

    async def sound(self, endpoint: str) -> None:
        """Play the tone at the endpoint of that name, because the other side begins to record."""


class CallRecording:
    """The recordings of both sides in one call, while its session runs."""

    def __init__(
        self,
        recordings: Recordings,
        name: Callable[[], str],
        endpoint: str,
        *,
        tell: Callable[[RecordingChanged], None],
        keep: Callable[[], Awaitable[None]],
        wanted: bool = False,
        refused: bool = False,
        machine: Callable[[], None] | None = None,
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        """`name` gives the present name of the other person. `endpoint` is the name of our media endpoint.

        `tell` is called in the event loop and must not block. `keep` stores the state for a restart of the program, and
        raises StoreError. `wanted` and `refused` are the state before a restart. `machine` is given if the answering
        machine takes the call. The machine records to its own file, and this object only announces that. `machine` is
        called if the other side refuses. Its program has `reply_seconds` to confirm that it shows a recording.
        """
        self.standing = RecordingState(theirs=Theirs.REFUSED if refused else Theirs.OFF)
        if wanted or machine is not None:
            self.standing, _ = step(self.standing, BeginRecording())
        self._recordings = recordings
        self._name = name
        self._endpoint = endpoint
        self._tell = tell
        self._keep = keep
        self._machine = machine
        self._reply_seconds = reply_seconds
        self._leg: Leg | None = None
        self._media = OwnMedia()
        self._own = Bucket(OWN_RECORDINGS)
        self._repeats = Repeats()

        self._changed = asyncio.Event()
        self._recorder: Recorder | None = None
        self._path: Path | None = None
        self._trouble: MediaTrouble | MediaError | None = None
        self._finish: list[Finish] = []
        self._sounds = False
        "Whether the tone should be played because the other side begins."

        self._sounding: asyncio.Task[None] | None = None
        self._known = wanted, refused
        "The stored state."

        self._attached: tuple[Leg, Media] | None = None
        self._asked: asyncio.TimerHandle | None = None

    # For the owner.

    async def start(self) -> None:
        """Begin to record once the other side's program shows it. Raises NotRecordable, MediaError."""
        if self.standing.recording:
            raise NotRecordable(f"You are recording the call with {self._name()} already.", "")
        if self._leg is None:
            raise NotRecordable(f"The call with {self._name()} isn't connected.", "Try again once it is.")
        if self.standing.shows is False:
            raise NotRecordable(f"{self._name()}{UNSUPPORTED[0]}", UNSUPPORTED[1])
        if not self._own.takes(time.monotonic()):
            raise NotRecordable("That is too often.", "Wait a few seconds, then try again.")
        await self._new_recorder().check()
        self._step(BeginRecording())

    def stop(self) -> None:
        """Stop recording. Raises NothingRecorded."""
        if not self.standing.recording:
            raise NothingRecorded(f"You aren't recording the call with {self._name()}.")
        if self._machine is not None:
            self._machine()  # the machine does nothing else in the call
            return
        self._step(EndRecording())

    def refuse(self) -> None:
        """Refuse to be recorded for the rest of the call. Raises NothingRecorded."""
        if not self.standing.recorded:
            raise NothingRecorded(f"{self._name()} isn't recording the call, as far as their program says.")
        self._step(RefuseRecording())

    # For the session.

    def connected(self, leg: Leg, media: OwnMedia) -> None:
        """Note that a leg is connected, and how our own media stand."""
        self._leg, self._media = leg, media

    def media_changed(self, media: OwnMedia) -> None:
        """Note how our own media stand now. While either side has the call on hold nothing is recorded."""
        self._media = media
        self._changed.set()

    def disconnected(self) -> None:
        """Note that the leg is gone."""
        self._leg = None
        self._step(Lost())

    def greeted(self, hello: Hello) -> None:
        """Note what the other side's program can do."""
        self._step(SaidHello(hello.shows_recording, hello.recording))

    def received(self, message: Recording | RecordingReply) -> None:
        """Handle a message of the other side."""
        self._step(message)

    async def run(self) -> None:
        """Write until cancelled, then finish the file. An error in here ends the recording, not the call."""
        try:
            while True:
                try:
                    async with asyncio.TaskGroup() as tasks:
                        while True:
                            await self._work(tasks)
                            await self._changed.wait()
                            self._changed.clear()
                except* Exception as broken:
                    logger.error("the recording of a call is broken", exc_info=broken)
                    self._attached = None
                    self._trouble = MediaError("A fault in the program ended it.", "See the program's log.")
                    self._step(EndRecording(What.FAILED))
        finally:
            if self._asked is not None:
                self._asked.cancel()
            if self.standing.recording and self._machine is None:
                self._finish.append(Finish(What.STOPPED))
            await self._finish_file()

    # Carrying it out.

    def _step(self, event: Event) -> None:
        before = self.standing
        self.standing, effects = step(before, event)
        for effect in effects:
            self._do(effect)
        if self.standing.ours is not before.ours:
            self._wait_for_reply()
        self._changed.set()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Recording() | RecordingReply() if self._leg is not None:
                self._leg.control.send(effect)
            case Finish() if self._machine is not None:
                if effect.what is What.REFUSED:
                    self._machine()
            case Finish():
                self._finish.append(effect)
            case TellTheirs():
                self._sounds = self._sounds or effect.what is What.STARTED
                self._tell(RecordingChanged("them", effect.what, telling=self._telling(effect.what)))

    def _telling(self, what: What) -> Telling:
        """What the owner hears of the other side's recording."""
        match what:
            case What.STARTED:
                return self._repeats.begins(Repeated.RECORDING, time.monotonic())
            case What.REFUSED:  # that was the owner
                return Telling.EACH
            case _:
                return self._repeats.ends(Repeated.RECORDING)

    def _wait_for_reply(self) -> None:
        if self._asked is not None:
            self._asked.cancel()
            self._asked = None
        if self.standing.ours is Ours.ASKED:
            loop = asyncio.get_running_loop()
            self._asked = loop.call_later(self._reply_seconds, self._step, EndRecording(What.UNANSWERED))

    async def _work(self, tasks: asyncio.TaskGroup) -> None:
        """Write what must be written now."""
        if self._sounds:
            self._sounds = False
            # Play one tone at a time. Otherwise someone who begins again and again could make it louder and louder.
            if self._sounding is None or self._sounding.done():
                self._sounding = tasks.create_task(self._recordings.sound(self._endpoint))
        if self._finish:
            await self._finish_file()
        await self._kept()
        writes = self.standing.ours is Ours.ON and not (self._media.silent or self._machine)
        wanted = (self._leg, self._media.agreed) if writes and self._leg is not None else None
        if wanted != self._attached:
            self._attached = wanted
            if wanted is None:
                if self._recorder is not None:
                    await self._recorder.pause()
            else:
                await self._write(*wanted, tasks)

    async def _write(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        recorder = self._recorder or self._new_recorder()
        first, self._recorder = self._recorder is None, recorder
        try:
            await recorder.attach(leg, media, tasks)
        except LegFailed:
            return  # it continues with the next leg
        except MediaError as error:
            self._trouble = error
            self._step(EndRecording(What.FAILED))
            return
        if first:
            self._tell(RecordingChanged("us", What.STARTED))

    def _new_recorder(self) -> Recorder:
        return self._recordings.recorder(f"call with {self._name()}", self._recorded, self._ended_early)

    def _recorded(self, path: Path) -> None:
        self._path = path

    def _ended_early(self, trouble: MediaTrouble) -> None:
        self._trouble = trouble
        self._step(EndRecording(What.FAILED))

    async def _finish_file(self) -> None:
        finish, self._finish = self._finish, []
        recorder, self._recorder, self._attached = self._recorder, None, None
        if recorder is not None:
            await recorder.detach()
        path, self._path = self._path, None
        trouble, self._trouble = self._trouble, None
        for each in finish:
            why, hint = (trouble.sentence, trouble.hint) if trouble is not None else ("", "")
            self._tell(RecordingChanged("us", each.what, path, why, hint))

    async def _kept(self) -> None:
        """Store the state if it has changed."""
        stands = self.standing.recording, self.standing.theirs is Theirs.REFUSED
        if stands != self._known:
            self._known = stands
            with contextlib.suppress(StoreError):  # it is also stored with the next sign of life
                await self._keep()
