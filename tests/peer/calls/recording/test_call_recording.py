"""Recordings of calls between whole nodes in memory: the news about them, and the content of the file."""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import av
import msgspec
import pytest

from peer.calls.limits import OWN_RECORDINGS
from peer.calls.line import Line
from peer.calls.own_media import OwnMedia
from peer.calls.recording.call_recording import CallRecording
from peer.calls.recording.changed import RecordingChanged
from peer.calls.recording.table import Ours, Theirs, What
from peer.media.call_recordings import CallRecordings
from peer.media.endpoints.none import NoMedia
from peer.media.endpoints.pattern import Pattern
from peer.media.endpoints.recorder import Recorder
from peer.media.recording_limits import RecordingLimits
from peer.transport.leg import Leg
from shared.call.table import EndReason, State
from shared.config.schema import Config
from shared.errors import MediaError, NothingRecorded, NotRecordable
from shared.media import Media
from shared.messages import Hello, Recording, RecordingReply, Text
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import PATIENCE, Node, active, node, over
from tests.peer.pair import connected
from tests.written_files import until_quiet, until_written

KEY = b"k" * 32

QUIET_SECONDS = 2.0
"For so long nothing is written of a call on hold."


class Talking(NoMedia):
    """Sends the test pattern."""

    def __init__(self) -> None:
        self._pattern = Pattern(160, 120)

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        await self._pattern.attach(leg, media, tasks)

    async def detach(self) -> None:
        await self._pattern.detach()


class Pair:
    """Anna's active call with Ben, and the folder of Anna's recordings."""

    def __init__(self, folder: Path, anna: Node, ben: Node, ours: Line, theirs: Line) -> None:
        self.folder = folder
        self.anna, self.ben, self.ours, self.theirs = anna, ben, ours, theirs

    async def record(self) -> None:
        """Let Anna record, and wait until the recording runs."""
        await self.anna.switchboard.recording(self.ours).start()
        await hears(self.anna, "us", What.STARTED)

    async def grows(self) -> None:
        """Wait until the file has grown."""
        before = sum(path.stat().st_size for path in self.files)
        await until_written(self.folder, lambda: sum(path.stat().st_size for path in self.files) > before + 20_000)

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.exists() else []


@contextlib.asynccontextmanager
async def call(
    folder: Path,
    *,
    media: Media = Media.BOTH,
    limits: RecordingLimits | None = None,
    old: bool = False,
    usual: str = "none",
) -> AsyncIterator[Pair]:
    """With `old`, Ben's program is of an earlier version. `usual` is Anna's endpoint."""
    network = MemoryNetwork()
    places = {"anna": folder / "annas", "ben": None if old else folder / "bens"}
    async with contextlib.AsyncExitStack() as stack:
        anna, ben = [
            await stack.enter_async_context(
                node(
                    folder,
                    name,
                    network,
                    recordings=place,
                    recording_limits=limits,
                    usual=usual if name == "anna" else "none",
                )
            )
            for name, place in places.items()
        ]
        anna.knows(ben, key=KEY)
        ben.knows(anna, key=KEY)
        anna.endpoint = ben.endpoint = Talking
        ours = await anna.switchboard.place(ben.id, media)
        (reading,) = await ben.reads_all(anna)
        assert reading.line is not None
        await ben.switchboard.answer(reading.line)
        await active((anna, ours), (ben, reading.line))
        yield Pair(folder / "annas", anna, ben, ours, reading.line)


def changes(who: Node, by: str) -> list[What]:
    return [news.what for _, news in who.heard if isinstance(news, RecordingChanged) and news.by == by]


async def hears(who: Node, by: str, what: What) -> RecordingChanged:
    """Wait for news about a recording, and return it."""

    def found() -> list[RecordingChanged]:
        heard = [news for _, news in who.heard if isinstance(news, RecordingChanged)]
        return [news for news in heard if news.by == by and news.what is what]

    await who.until(lambda: bool(found()))
    return found()[-1]


def say(line: Line, message: Recording | RecordingReply) -> None:
    """Make a side's program send a message, whatever its owner does."""
    assert line.session is not None
    assert isinstance(line.session.leg, Leg)
    line.session.leg.control.send(message)


def seconds_of_tracks(path: Path) -> list[tuple[str, float]]:
    """The kind of each track in a file and the length of its packets. Checks that all of it can be decoded."""
    with av.open(str(path), "r") as file:
        ends = {stream.index: 0.0 for stream in file.streams}
        for packet in file.demux():
            if packet.pts is not None and packet.time_base is not None:
                ends[packet.stream.index] = max(ends[packet.stream.index], float(packet.pts * packet.time_base))
                assert packet.decode() or packet.stream.type == "audio"
        return [(stream.type, ends[stream.index]) for stream in file.streams]


async def test_a_recording_has_both_sides_sound_and_picture_and_both_sides_know_of_it(tmp_path: Path) -> None:
    async with call(tmp_path) as pair:
        await pair.record()
        assert changes(pair.ben, "them") == [What.STARTED]
        assert (pair.ours.recordings.recording, pair.theirs.recordings.recorded) == (True, True)
        await pair.grows()
        await pair.grows()
        pair.anna.switchboard.recording(pair.ours).stop()
        told = await hears(pair.anna, "us", What.STOPPED)
        await hears(pair.ben, "them", What.STOPPED)
        assert (pair.ours.recordings.recording, pair.theirs.recordings.recorded) == (False, False)
    (path,) = pair.files
    assert told.path == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tracks = seconds_of_tracks(path)
    assert [kind for kind, _ in tracks] == ["audio", "video", "audio", "video"]
    assert min(seconds for _, seconds in tracks) > 0
    with av.open(str(path), "r") as file:
        assert file.duration is not None
        assert file.duration / av.time_base >= max(seconds for _, seconds in tracks)
        assert [(stream.width, stream.height) for stream in file.streams.video] == [(160, 120), (160, 120)]


async def test_a_recording_has_the_name_that_the_other_side_was_given_in_the_call(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO) as pair:
        known = pair.anna.store.contact_of(pair.ben.id)
        assert known is not None
        pair.ours.is_with(msgspec.structs.replace(known, name="benno"))
        await pair.record()
        await pair.grows()
        pair.anna.switchboard.recording(pair.ours).stop()
        told = await hears(pair.anna, "us", What.STOPPED)
    assert told.path is not None
    assert told.path.name.endswith("_call with benno.webm")


async def test_a_refusal_ends_it_on_both_sides_and_holds_for_the_call(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO) as pair:
        await pair.record()
        await pair.grows()
        pair.ben.switchboard.recording(pair.theirs).refuse()
        told = await hears(pair.anna, "us", What.REFUSED)
        assert told.path is not None
        assert pair.theirs.recordings.theirs is Theirs.REFUSED
        size = told.path.stat().st_size
        await pair.anna.switchboard.recording(pair.ours).start()
        await pair.anna.until(lambda: changes(pair.anna, "us").count(What.REFUSED) == 2)
        assert told.path.stat().st_size == size
        assert changes(pair.anna, "us").count(What.STARTED) == 1
        assert changes(pair.ben, "them") == [What.STARTED, What.REFUSED]
        assert pair.files == [told.path]


async def test_an_endpoint_that_records_is_shown_to_the_other_side_and_a_refusal_ends_the_call(tmp_path: Path) -> None:
    async with call(tmp_path, usual="pattern+recorder") as pair:
        await hears(pair.ben, "them", What.STARTED)
        pair.ben.switchboard.recording(pair.theirs).refuse()
        await over(pair.ours, pair.theirs)


async def test_a_program_of_an_earlier_version_is_not_recorded(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO, old=True) as pair:
        recording = pair.anna.switchboard.recording(pair.ours)
        # What ben says comes after his program has said what it can.
        pair.ben.switchboard.write(pair.theirs, "hello")
        await pair.anna.hears(Text, pair.ours)
        assert pair.ours.recordings.shows is False
        with pytest.raises(NotRecordable, match="can't show"):
            await recording.start()
        with pytest.raises(NotRecordable):
            pair.ben.switchboard.recording(pair.theirs)
        assert pair.ours.recordings.ours is Ours.OFF
    assert not pair.files


async def keep_nothing() -> None:
    """For a call that isn't continued after a restart."""


async def test_without_a_reply_nothing_is_recorded(tmp_path: Path) -> None:
    told: asyncio.Queue[RecordingChanged] = asyncio.Queue()
    recording = CallRecording(
        CallRecordings(Config(), tmp_path / "annas"),
        lambda: "ben",
        "none",
        tell=told.put_nowait,
        keep=keep_nothing,
        reply_seconds=0.3,
    )
    async with connected() as legs:
        running = legs.tasks.create_task(recording.run())
        recording.connected(legs.caller, OwnMedia())
        recording.greeted(Hello(1, 1, shows_recording=True))
        await recording.start()
        assert recording.standing.ours is Ours.ASKED
        async with asyncio.timeout(PATIENCE):
            # Ben's program gets the question, and nothing of his answers it.
            asked = await anext(legs.callee.control)
            assert isinstance(asked, Recording)
            changed = await told.get()
        assert (changed.by, changed.what, changed.path) == ("us", What.UNANSWERED, None)
        running.cancel()
    assert not (tmp_path / "annas").exists() or not list((tmp_path / "annas").iterdir())


async def test_a_lost_path_goes_on_in_the_same_file_once_the_other_side_shows_it_again(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO) as pair:
        await pair.record()
        await pair.grows()
        assert pair.ours.session is not None
        assert isinstance(pair.ours.session.leg, Leg)
        await pair.ours.session.leg.close()
        for who, line in ((pair.anna, pair.ours), (pair.ben, pair.theirs)):
            await who.until(lambda line=line: line.call.state is State.RECONNECTING)  # type: ignore[misc]
        assert pair.ours.recordings.ours is Ours.WAITS
        await active((pair.anna, pair.ours), (pair.ben, pair.theirs))
        await pair.grows()
        assert pair.ours.recordings.ours is Ours.ON
        assert changes(pair.anna, "us") == [What.STARTED]
        assert changes(pair.ben, "them") == [What.STARTED]
        pair.anna.switchboard.hang_up(pair.ours)
        await over(pair.ours, pair.theirs)
        await hears(pair.anna, "us", What.STOPPED)
    assert len(pair.files) == 1
    assert len(seconds_of_tracks(pair.files[0])) == 2


async def test_a_call_on_hold_is_not_recorded_and_the_time_of_it_is_not_in_the_file(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO) as pair:
        loop = asyncio.get_running_loop()
        began, held = loop.time(), 0.0
        await pair.record()
        for who, line in ((pair.anna, pair.ours), (pair.ben, pair.theirs)):
            await pair.grows()
            await who.switchboard.hold(line)
            await pair.anna.until(lambda: pair.ours.on_hold or pair.ours.remote_on_hold)
            await until_quiet(pair.files[0], QUIET_SECONDS)
            held += QUIET_SECONDS
            await who.switchboard.resume(line)
        await pair.grows()
        pair.anna.switchboard.hang_up(pair.ours)
        await hears(pair.anna, "us", What.STOPPED)
        lasted = loop.time() - began
    with av.open(str(pair.files[0]), "r") as file:
        assert file.duration is not None
        seconds = file.duration / av.time_base
    assert seconds < lasted - held + 1.5


async def test_a_full_disk_is_said_before_the_other_side_is_asked(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO, limits=RecordingLimits(free=2**60)) as pair:
        with pytest.raises(MediaError, match="nearly full"):
            await pair.anna.switchboard.recording(pair.ours).start()
        assert not changes(pair.ben, "them")
    assert not pair.files


async def test_one_that_has_grown_too_large_ends_on_both_sides_and_the_call_goes_on(tmp_path: Path) -> None:
    async with call(tmp_path, limits=RecordingLimits(recording=50_000)) as pair:
        await pair.record()
        told = await hears(pair.anna, "us", What.FAILED)
        await hears(pair.ben, "them", What.STOPPED)
        assert "the most for one recording" in told.why
        assert told.path is not None
        assert pair.ours.call.state is State.ACTIVE
    assert len(seconds_of_tracks(pair.files[0])) == 4


class Bells:
    """Takes the place of the code that plays the tone. Each tone lasts until the test ends it."""

    def __init__(self) -> None:
        self.heard = 0
        self.rings = asyncio.Event()
        self.ends = asyncio.Event()

    def recorder(self, label: str, recorded: object, tell: object) -> Recorder:
        raise AssertionError("only the other side records")

    async def sound(self, endpoint: str) -> None:
        self.heard += 1
        self.rings.set()
        await self.ends.wait()


async def test_who_begins_and_ends_again_and_again_makes_one_tone_at_a_time() -> None:
    bells, told = Bells(), asyncio.Queue[RecordingChanged]()
    recording = CallRecording(bells, lambda: "anna", "devices", tell=told.put_nowait, keep=keep_nothing)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(recording.run())
        recording.received(Recording(1, on=True))
        await bells.rings.wait()
        for number in range(2, 12):
            recording.received(Recording(number, on=False))
            recording.received(Recording(number, on=True))
            await asyncio.sleep(0)  # the recording's task runs
        assert bells.heard == 1
        bells.rings.clear()
        bells.ends.set()
        await asyncio.sleep(0)  # the tone's task runs
        recording.received(Recording(12, on=False))
        recording.received(Recording(12, on=True))
        await bells.rings.wait()
        assert bells.heard == 2, "that it begins once more is heard"
        running.cancel()


async def test_hostile_words_about_recordings_make_nothing_and_a_flood_ends_the_call(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO) as pair:
        for number in (0, 1, 2**32 - 1):
            say(pair.theirs, RecordingReply(number, shown=True))
            say(pair.theirs, RecordingReply(number, shown=False))
        say(pair.theirs, Recording(7, on=False))
        say(pair.theirs, Recording(7, on=True))
        await hears(pair.anna, "them", What.STARTED)
        assert not changes(pair.anna, "us")
        assert pair.ours.recordings.ours is Ours.OFF
        for number in range(1000):
            say(pair.theirs, Recording(number, on=number % 2 == 0))
        await over(pair.ours)
        assert pair.ours.call.reason is EndReason.FLOODED
        assert len(changes(pair.anna, "them")) <= 50
    assert not pair.files


async def test_what_cannot_be_recorded_stopped_or_refused_is_said(tmp_path: Path) -> None:
    async with call(tmp_path, media=Media.AUDIO) as pair:
        recording = pair.anna.switchboard.recording(pair.ours)
        for act in (recording.stop, recording.refuse):
            with pytest.raises(NothingRecorded):
                act()
        await pair.record()
        with pytest.raises(NotRecordable, match="already"):
            await recording.start()
        recording.stop()
        with pytest.raises(NotRecordable, match="too often"):
            await toggle(recording, OWN_RECORDINGS.at_once)
        assert pair.ours.call.state is State.ACTIVE


async def toggle(recording: CallRecording, times: int) -> None:
    """Start and end recording again and again."""
    for _ in range(times):
        await recording.start()
        recording.stop()
