"""An endpoint's tasks have an owner: the failure of any task is noticed, reported once, and leaves the call alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from av.container import InputContainer

from peer.media import Endpoint
from peer.media.endpoint_host import Host
from peer.media.endpoints.answer_chime import Announced
from peer.media.endpoints.answering_machine import AnsweringMachine
from peer.media.endpoints.devices import LocalDevices
from peer.media.endpoints.echo import Echo
from peer.media.endpoints.file import FilePlayer
from peer.media.endpoints.ip_camera import IpCamera
from peer.media.endpoints.none import NoMedia
from peer.media.endpoints.pattern import Pattern
from peer.media.endpoints.recorder import Recorder
from peer.media.endpoints.send_and_receive import SendAndReceive
from peer.media.endpoints.wait_for_owner import WaitForOwner
from peer.media.trouble import MediaTrouble
from peer.transport.leg import Leg
from shared.config.schema import Devices
from shared.errors import LegFailed, MediaError
from shared.media import Media
from tests.peer.media.pulse_server import PulseServer, need_pulseaudio
from tests.peer.media.test_file import make_wave
from tests.peer.media.tone import SAMPLE_RATE, SineTrack, sine
from tests.peer.pair import connected

PATIENCE = 30.0


class Broken(Exception):
    """An error that no endpoint expects."""


class Hosted:
    """An endpoint on a call, and its host's reports."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.said: asyncio.Queue[MediaTrouble] = asyncio.Queue()
        self.refused: asyncio.Queue[MediaError] = asyncio.Queue()
        self.host = Host(endpoint, refused=self.refused.put_nowait, tell=self.said.put_nowait)

    async def trouble(self) -> MediaTrouble:
        async with asyncio.timeout(PATIENCE):
            return await self.said.get()


@asynccontextmanager
async def hosted(endpoint: Endpoint) -> AsyncIterator[Hosted]:
    """Run an endpoint as a session does."""
    made = Hosted(endpoint)
    running = asyncio.create_task(made.host.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled() or running.exception() is None


def file_player(folder: Path) -> Endpoint:
    return FilePlayer(make_wave(folder / "tone.wav", sine(600, SAMPLE_RATE * 5)))


def answering_machine(folder: Path) -> Endpoint:
    return AnsweringMachine(Recorder(folder), None, (64, 64, 15), 60.0, lambda: None)


@pytest.mark.parametrize(
    ("made", "coroutine"),
    [
        (lambda _: Pattern(64, 64, 15), "_notice_end"),
        (lambda _: Pattern(64, 64, 15), "RTCRtpSender._run_rtp"),
        (lambda _: Echo(), "_reflect"),
        (lambda _: Echo(), "RTCRtpSender._run_rtp"),
        (file_player, "FilePlayer._play"),
        (file_player, "RTCRtpSender._run_rtp"),
        (Recorder, "Recorder._record"),
        (answering_machine, "AnsweringMachine._take"),
        (answering_machine, "Recorder._record"),
        (lambda _: WaitForOwner(Pattern(64, 64, 15)), "WaitForOwner._begin"),
        (lambda _: Announced(Echo(), Devices(), lambda: True), "_reflect"),
        (lambda folder: SendAndReceive(Pattern(64, 64, 15), Recorder(folder)), "Recorder._record"),
        (lambda folder: SendAndReceive(Pattern(64, 64, 15), Recorder(folder)), "RTCRtpSender._run_rtp"),
    ],
)
async def test_each_task_of_an_endpoint_may_die_and_the_call_goes_on_without_the_endpoint(
    tmp_path: Path, made: Callable[[Path], Endpoint], coroutine: str
) -> None:
    async with connected() as legs:
        await legs.caller.send(SineTrack(600))
        before = asyncio.all_tasks()
        async with hosted(made(tmp_path)) as call:
            call.host.attach(legs.callee, Media.AUDIO)
            await _kill(coroutine, before)
            trouble = await call.trouble()
            assert trouble.sends is Media.NONE
            assert "call again" in trouble.hint
            # All its tasks end, and the failure is reported only once.
            call.host.attach(legs.callee, Media.AUDIO)
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait(asyncio.all_tasks() - before)
            assert call.said.empty()
            assert call.refused.empty()
            assert legs.callee.connected
        await legs.caller.stop_sending("audio")


@pytest.mark.parametrize(
    "coroutine",
    [
        *("Microphone._listen", "Speaker._play", "Speaker._hear"),
        *("FollowedDevice._follow", "keep_looking", "RTCRtpSender._run_rtp"),
    ],
)
async def test_each_task_of_the_devices_may_die_and_they_are_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coroutine: str
) -> None:
    need_pulseaudio()
    server = PulseServer(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    devices = Devices(sound="pulse", microphone="there_microphone", speaker="there_ear", camera="none")
    async with server.running("there"), connected() as legs:
        await legs.caller.send(SineTrack(600))
        before = asyncio.all_tasks()
        async with hosted(LocalDevices(devices)) as call:
            call.host.attach(legs.callee, Media.AUDIO)
            await _until("_notice_end", before)  # the last task that they begin
            await _kill(coroutine, before)
            assert (await call.trouble()).sends is Media.NONE
            await server.until_no_streams()
            assert legs.callee.connected
        await legs.caller.stop_sending("audio")


async def test_the_thread_of_an_ip_camera_may_die_and_the_call_goes_on_without_the_camera(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def breaks(address: str) -> InputContainer:
        raise Broken(address)

    async with connected() as legs:
        endpoint = IpCamera("rtsp://anna:secret@127.0.0.1/", connect=breaks)
        async with hosted(endpoint) as call:
            call.host.attach(legs.callee, Media.VIDEO)
            async with asyncio.timeout(PATIENCE):
                error = await call.refused.get()
            assert error.sentence == "Reading the IP camera broke."
            assert legs.callee.connected
    assert "Broken" in caplog.text
    assert "secret" not in caplog.text


async def test_an_endpoint_that_cannot_begin_is_refused_with_its_own_sentence(tmp_path: Path) -> None:
    async with connected() as legs:
        async with hosted(FilePlayer(tmp_path / "nothing.wav")) as call:
            call.host.attach(legs.callee, Media.AUDIO)
            async with asyncio.timeout(PATIENCE):
                error = await call.refused.get()
        assert "There is no file" in error.sentence
        assert call.said.empty()


async def test_a_leg_that_is_lost_while_the_endpoint_begins_costs_nothing() -> None:
    async with hosted(Pattern(64, 64, 15)) as call:
        async with connected() as legs:
            await legs.callee.close()
            call.host.attach(legs.callee, Media.AUDIO)
        async with connected() as legs:
            heard = await legs.caller.receive("audio")
            call.host.attach(legs.callee, Media.AUDIO)
            async with asyncio.timeout(PATIENCE):
                await heard.recv()
        assert call.said.empty()
        assert call.refused.empty()


class Stops(NoMedia):
    """Begins, and stops with an error that says what to do."""

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        async def stop() -> None:
            raise MediaError("The device has gone.", "Plug it in.")

        tasks.create_task(stop())


class CannotLetGo(NoMedia):
    """Can't close what it has opened."""

    def __init__(self) -> None:
        self.attached = asyncio.Event()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        self.attached.set()

    async def detach(self) -> None:
        raise Broken


class SlowToLetGo(NoMedia):
    """Detaching waits for `may_close` the first time, and does nothing later."""

    def __init__(self) -> None:
        self.attached = asyncio.Event()
        self.closing = asyncio.Event()
        self.may_close = asyncio.Event()
        self.closed = False

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        self.attached.set()

    async def detach(self) -> None:
        if not self.closing.is_set():
            self.closing.set()
            await self.may_close.wait()
            self.closed = True


class TapBreaks(NoMedia):
    """Taps the leg, and fails at the first packet."""

    def __init__(self) -> None:
        self.packets = 0

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        leg.tap(self._packet)

    async def _packet(self, packet: bytes) -> None:
        self.packets += 1
        raise Broken


class LostWhileItBegins(NoMedia):
    """Fails while it begins, because its leg is closed."""

    def __init__(self) -> None:
        self.tried = asyncio.Event()

    async def attach(self, leg: Leg, media: Media, tasks: asyncio.TaskGroup) -> None:
        self.tried.set()
        raise LegFailed


async def test_what_to_do_about_an_endpoint_that_has_stopped_is_told_with_it() -> None:
    async with connected() as legs, hosted(Stops()) as call:
        call.host.attach(legs.callee, Media.AUDIO)
        trouble = await call.trouble()
        assert trouble.sentence == "The device has gone."
        assert trouble.hint.startswith("Plug it in. ")
        assert "call again" in trouble.hint


async def test_a_microphone_that_is_being_closed_is_closed_to_the_end_also_if_the_call_ends_meanwhile() -> None:
    endpoint = SlowToLetGo()
    async with connected() as legs, asyncio.timeout(PATIENCE):
        async with hosted(endpoint) as call:
            call.host.attach(legs.callee, Media.AUDIO)
            await endpoint.attached.wait()
            call.host.pause(True)
            await endpoint.closing.wait()
            # The end of the block ends the call, and the call has to wait for the endpoint.
            asyncio.get_running_loop().call_later(0.1, endpoint.may_close.set)
        assert endpoint.closed


@pytest.mark.parametrize("stops", [False, True], ids=["at the end of the call", "when the endpoint stops"])
async def test_an_endpoint_that_cannot_let_go_costs_nothing_more_and_is_told(
    caplog: pytest.LogCaptureFixture, stops: bool
) -> None:
    class Both(Stops, CannotLetGo):
        """Stops with an error, and can't close what it has opened."""

    async with connected() as legs:
        endpoint = Both() if stops else CannotLetGo()
        async with hosted(endpoint) as call:
            call.host.attach(legs.callee, Media.AUDIO)
            if not stops:
                async with asyncio.timeout(PATIENCE):
                    await endpoint.attached.wait()
            else:
                assert (await call.trouble()).sentence == "The device has gone."
                assert "couldn't close" in (await call.trouble()).sentence
        if not stops:
            assert "couldn't close" in (await call.trouble()).sentence
        assert call.said.empty()
        assert legs.callee.connected
    assert caplog.text.count("can't let go") == 1


async def test_a_tap_of_the_leg_that_fails_ends_the_endpoint_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    endpoint = TapBreaks()
    async with connected() as legs:
        await legs.caller.send(SineTrack(600))
        async with hosted(endpoint) as call:
            call.host.attach(legs.callee, Media.AUDIO)
            trouble = await call.trouble()
            assert trouble.sends is Media.NONE
            assert endpoint.packets == 1
            more: asyncio.Queue[bytes] = asyncio.Queue()
            legs.callee.tap(more.put)
            async with asyncio.timeout(PATIENCE):
                for _ in range(5):
                    await more.get()
            assert legs.callee.connected
            assert endpoint.packets == 1
            assert call.said.empty()
        await legs.caller.stop_sending("audio")
    assert caplog.text.count("Traceback") == 1


async def test_a_leg_that_is_lost_while_a_released_endpoint_begins_costs_nothing() -> None:
    endpoint = LostWhileItBegins()
    waiting = WaitForOwner(endpoint)
    async with connected() as legs, hosted(waiting) as call:
        call.host.attach(legs.callee, Media.AUDIO)
        await waiting.release()
        async with asyncio.timeout(PATIENCE):
            await endpoint.tried.wait()
        endpoint.tried.clear()
        call.host.attach(legs.callee, Media.AUDIO)
        async with asyncio.timeout(PATIENCE):
            await endpoint.tried.wait()
        assert call.said.empty()
        assert call.refused.empty()


def _name(task: asyncio.Task[object]) -> str:
    return str(getattr(task.get_coro(), "__qualname__", ""))


async def _until(coroutine: str, before: set[asyncio.Task[object]]) -> None:
    """Wait until a task runs a coroutine."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if coroutine in map(_name, asyncio.all_tasks() - before):
                return
            await asyncio.sleep(0)


async def _kill(coroutine: str, before: set[asyncio.Task[object]]) -> None:
    """Raise an error in the task that runs a coroutine, at its current await, as soon as there is one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for task in asyncio.all_tasks() - before:
                waits_for: asyncio.Future[object] | None = task._fut_waiter  # type: ignore[attr-defined]
                if _name(task) == coroutine and waits_for is not None and not waits_for.done():
                    waits_for.set_exception(Broken())
                    return
            await asyncio.sleep(0)
