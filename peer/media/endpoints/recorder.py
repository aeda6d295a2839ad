"""Records the encoded frames that arrive into a WebM file."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import errno
import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from peer.media.ending import end
from peer.media.recording_limits import MEGABYTE, Rate, RecordingLimits
from peer.media.rtp import opus
from peer.media.rtp.both_sides import BothSides
from peer.media.rtp.depacketizer import EncodedFrame
from peer.media.rtp.incoming import Incoming
from peer.media.rtp.timeline import Timeline
from peer.media.rtp.webm import AUDIO_TRACK, OWN_AUDIO_TRACK, OWN_VIDEO_TRACK, VIDEO_TRACK, MatroskaWriter
from peer.media.trouble import MediaTrouble
from peer.transport.profile import CLOCK_RATES, Kind
from shared.config.schema import Config
from shared.errors import MediaError
from shared.in_thread import in_thread_to_its_end
from shared.media import Media
from shared.store.files import file_without_name, give_name

if TYPE_CHECKING:
    from peer.media import CallContext
    from peer.transport.leg import Leg

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.25
"If nothing arrives for this long, the frames so far are written."

MAX_LABEL = 40
"How many characters of a label become part of a file's name, which may have 255 bytes."

TRACKS: dict[tuple[bool, Kind], int] = {
    (False, "audio"): AUDIO_TRACK,
    (False, "video"): VIDEO_TRACK,
    (True, "audio"): OWN_AUDIO_TRACK,
    (True, "video"): OWN_VIDEO_TRACK,
}
"The track for each frame: by whether our side sends it, and its kind."

MAX_NAMES = 1_000
"How many names to try for recordings that begin in the same second with the same label."


class Recorder:
    """Stores Opus and VP8 without decoding, and sends nothing.

    A new leg of the same call continues the same file. Video begins with a key frame, and after a lost frame it
    continues with a key frame, so that every picture in the file can be shown. With `both`, the recorder also stores
    what our side sends, and doesn't ask for lost packets: the endpoint that receives them does.
    """

    name = "recorder"

    def __init__(
        self,
        folder: Path,
        label: str = "",
        recorded: Callable[[Path], None] = lambda path: None,
        *,
        limits: RecordingLimits | None = None,
        tell: Callable[[MediaTrouble], None] = lambda trouble: None,
        both: bool = False,
    ) -> None:
        """`folder` is where the file is made. `label`, usually the caller, becomes part of its name.

        `recorded` is called with the finished file if it isn't empty. `tell` is called when the recording ends before
        the call.
        """
        self.ended = asyncio.Event()
        "Set when the recording has reached a limit or can't write to the disk. The call goes on."

        self.path: Path | None = None
        "The file of this call, once it isn't empty."
        self._folder = folder
        self._label = label
        self._recorded = recorded
        self._limits = limits or RecordingLimits()
        self._tell = tell
        self._both = both
        self._recording: RecordingFile | None = None
        self._began = datetime.datetime.now()
        self._task: asyncio.Task[None] | None = None

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        """Start to record this leg. Raises MediaError when no file can be made."""
        await self._stop()
        if self._recording is not None and self._recording.empty and self._recording.media != media:
            # The recording began with the media that were asked for. Now the agreed media are known.
            await self.detach()
        if self.ended.is_set():
            return
        if self._recording is None:
            self.path, self._began = None, datetime.datetime.now()
            await in_thread_to_its_end(lambda: self._create(media))
        recording = self._recording
        assert recording is not None
        kinds = media & recording.media
        incoming = BothSides(leg, kinds) if self._both else Incoming(leg, kinds)
        self._task = tasks.create_task(self._record(incoming, recording))

    async def check(self) -> None:
        """Check that a recording may begin. Raises MediaError if not."""
        await in_thread_to_its_end(self._check)

    async def pause(self) -> None:
        """Record nothing until the next `attach`, which continues the same file. The pause isn't in the file."""
        await self._stop()
        if (recording := self._recording) is not None:
            recording.pause()
            try:
                if recording.pending:
                    await in_thread_to_its_end(lambda: self._write(recording))
            except (OSError, MediaError) as error:
                await self._ends_early(error)

    async def detach(self) -> None:
        """Finish the file. An empty file is removed."""
        await self._stop()
        await self._finish()

    async def _finish(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        try:
            await in_thread_to_its_end(lambda: self._close(recording))
        except OSError as error:
            logger.warning("the recording could not be finished: %s", error.strerror)
            where = self.path or self._folder
            self._tell(
                MediaTrouble(f"The end of the recording is missing. {where}: {error.strerror}.", "Check the disk.")
            )
        finally:
            if self.path is not None and not recording.empty:
                self._recorded(self.path)

    def _close(self, recording: RecordingFile) -> None:
        """Write the remaining frames and close the file. Raises OSError."""
        try:
            if not recording.empty and self.path is None:
                recording.flush()
                self._appear(recording)
        finally:
            recording.close(self.path)
        if recording.empty and self.path is not None:
            self.path.unlink()

    async def _record(self, incoming: Incoming | BothSides, recording: RecordingFile) -> None:
        incoming.open()
        try:
            while True:
                frames = await incoming.next(FLUSH_SECONDS)
                for frame in frames or ():
                    if not recording.add(frame):
                        incoming.want_key_frame()
                if recording.due or (recording.pending and frames is None):
                    await in_thread_to_its_end(lambda: self._write(recording))
        except (OSError, MediaError) as error:
            await self._ends_early(error)
        finally:
            incoming.close()

    async def _ends_early(self, error: OSError | MediaError) -> None:
        """End the recording because writing failed, and tell the owner."""
        why = error.sentence if isinstance(error, MediaError) else f"{self._folder}: {error.strerror}."
        hint = error.hint if isinstance(error, MediaError) else "Check the disk."
        logger.warning("the recording has ended: %s", why)
        self.ended.set()
        await self._finish()
        self._tell(MediaTrouble(f"The recording has ended before the call. {why}", hint))

    def _write(self, recording: RecordingFile) -> None:
        """Write the frames so far. Raises OSError, or MediaError if the recording has reached a limit."""
        recording.flush()
        if self.path is None:
            self._appear(recording)
        if recording.size >= self._limits.recording:
            raise MediaError(
                f"It has reached {recording.size // MEGABYTE} MB, the most for one recording.",
                "Raise `recording_mb` under [media] of copybara.toml for longer ones.",
            )
        self._limits.check_disk(self._folder)

    async def _stop(self) -> None:
        task, self._task = self._task, None
        await end(task)

    def _create(self, media: Media) -> None:
        """Make a file that only its owner can read.

        If the system allows it, the file gets its name only when it isn't empty, so that a kill before that leaves
        nothing. The recording is stored in the object at once, so that `detach` finds it if the attaching task is
        cancelled.
        """
        self._check()
        try:
            descriptor = file_without_name(self._folder)
            if descriptor is None:
                for path in self._names():
                    with contextlib.suppress(FileExistsError):
                        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                        self.path = path
                        break
            if descriptor is not None:
                self._recording = RecordingFile(os.fdopen(descriptor, "wb"), media, both=self._both)
                return
        except OSError as error:
            raise self._not_there(error) from error
        raise MediaError(f"There are too many recordings in {self._folder}.", "Move some of them elsewhere.")

    def _check(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._limits.check_folder(self._folder)
        except OSError as error:
            raise self._not_there(error) from error

    def _not_there(self, error: OSError) -> MediaError:
        return MediaError(f"No recording can be made in {self._folder}: {error.strerror}.")

    def _appear(self, recording: RecordingFile) -> None:
        """Give the file its name. Raises OSError."""
        for path in self._names():
            with contextlib.suppress(FileExistsError):
                give_name(recording.descriptor, path)
                self.path = path
                return
        raise OSError(errno.EEXIST, "There are too many recordings of one second", str(self._folder))

    def _names(self) -> Iterator[Path]:
        """Possible names of the file, made of the time and the label."""
        label = " ".join(re.sub(r"[^\w-]+", " ", self._label).split()).strip("-_ ")[:MAX_LABEL].rstrip()
        stem = "_".join(filter(None, (f"{self._began:%Y-%m-%d_%H%M%S}", label)))
        for number in range(1, MAX_NAMES):
            yield self._folder / f"{stem}{f'_{number}' if number > 1 else ''}.webm"


class RecordingFile:
    """Writes the frames of one call to one file."""

    def __init__(self, file: BinaryIO, media: Media, *, both: bool = False) -> None:
        """`file` is new, and is closed with the recording. `both`: it also gets what our side sends. Raises OSError."""
        self.media = media
        "The kinds of media that the file has tracks for."

        self.empty = True
        "Whether no frame has come yet."
        self._file = file
        try:
            self._writer = MatroskaWriter(file, audio=Media.AUDIO in media, video=Media.VIDEO in media, both=both)
        except OSError:
            file.close()
            raise
        self._rate = Rate()
        self._failed = False
        "Whether writing has failed."

        self._broken: set[int] = set()
        "The tracks where a picture was left out. Pictures after it are left out too, until the next key frame."

        self._timelines: dict[int, Timeline] = {}
        "The timeline of each track."

        self._start = self._latest = 0.0
        self._paused = False
        self._picture: dict[int, int] = {}
        "The time of each track's last picture, in milliseconds."

    @property
    def descriptor(self) -> int:
        """The number of the open file."""
        return self._file.fileno()

    @property
    def due(self) -> bool:
        """Whether enough frames have come to be written."""
        return self._writer.due

    @property
    def pending(self) -> bool:
        """Whether some frames aren't written yet."""
        return self._writer.pending

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._writer.position

    def add(self, frame: EncodedFrame) -> bool:
        """Take a frame. The first frame is the start of the file. Returns False if a key frame is needed to go on.

        Frames that come faster than a recording may grow are left out.
        """
        track = TRACKS[frame.own, frame.kind]
        if frame.kind == "video" and frame.key:
            self._broken.discard(track)
        if track in self._broken:
            return True
        if not self._rate.take(len(frame.data), frame.arrived):
            if frame.kind == "video":
                self._broken.add(track)
            return frame.kind == "audio"
        self._add(frame, track)
        return True

    def pause(self) -> None:
        """Leave out the time between the last frame and the next one."""
        self._paused = not self.empty

    def _add(self, frame: EncodedFrame, track: int) -> None:
        if self.empty:
            self.empty, self._start = False, frame.arrived
        if self._paused:
            self._paused = False
            self._start += (left_out := max(0.0, frame.arrived - self._latest))
            for timeline in self._timelines.values():
                timeline.leave_out(left_out)
        self._latest = frame.arrived
        timeline = self._timelines.setdefault(track, Timeline(frame.kind, self._start))
        at = round(timeline.place(frame) * 1000 / CLOCK_RATES[frame.kind])
        if frame.kind == "audio":
            self._writer.add(track, at, opus.milliseconds(frame.data), frame.data, key=True)
            return
        if frame.size is not None:
            self._writer.set_picture_size(*frame.size, track)
        # A picture's length is known when the next one comes. Until then, the length of the picture before it is used.
        length = min(at - self._picture.get(track, at), 1000)
        self._picture[track] = at
        self._writer.add(track, at, length, frame.data, key=frame.key)

    def flush(self) -> None:
        """Write the frames so far. Raises OSError."""
        try:
            self._writer.flush()
        except OSError:
            self._failed = True
            raise

    def close(self, path: Path | None) -> None:
        """Write the remaining frames and close the file. `path` is the file's path if it has a name.

        Raises OSError. The file can be played even then, up to the last frame that was written.
        """
        try:
            with self._file:
                if not self._failed:
                    self._writer.close()
        except OSError:
            self._failed = True
        if self._failed and path is not None:
            # A player would take a half-written cluster at the end for damage.
            os.truncate(path, self._writer.position)


def make(config: Config, recordings: Path, context: CallContext) -> Recorder:
    """Make the endpoint for one call, as configured."""
    folder = Path(config.media.record_to) if config.media.record_to else recordings
    limits = RecordingLimits.of(config.media)
    return Recorder(folder, context.label, context.recorded, limits=limits, tell=context.trouble)
