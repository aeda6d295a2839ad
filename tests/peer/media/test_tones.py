"""Tones before other sound: the chime and the beep."""

from __future__ import annotations

import array
import asyncio

import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame
from av.packet import Packet

from peer.media.endpoints.echo import MirrorTrack
from peer.media.rtp.depacketizer import EncodedFrame
from peer.media.sound.tones import AMPLITUDE, Tone, ToneFirst, tone
from peer.media.sound.types import PLAYED_BYTES, on_both_sides
from tests.peer.media.tone import SineTrack, left_channel, opus_packets, sine, time_of


def test_a_tone_comes_and_goes_softly_and_fills_whole_blocks() -> None:
    sound = array.array("h", tone((1_000.0, 0.05)))
    assert len(sound) * 2 % PLAYED_BYTES == 0
    assert max(sound) == pytest.approx(AMPLITUDE, rel=0.02)
    assert max(map(abs, sound[:100])) < AMPLITUDE / 5
    assert sound[0::2] == sound[1::2]


async def test_the_tone_comes_first_and_then_the_whole_track_in_time() -> None:
    track = Tone(tone((1_000.0, 0.1))).before(SineTrack(440))
    frames = [await track.recv() for _ in range(10)]
    assert all(isinstance(frame, AudioFrame) and frame.layout.name == "stereo" for frame in frames)
    assert [round(time_of(frame) * 1000) for frame in frames] == [20 * n for n in range(10)]  # type: ignore[arg-type]
    heard = [list(left_channel(frame)) for frame in frames if isinstance(frame, AudioFrame)]
    # The tone has five blocks. Then the sine begins, as loud as before.
    assert heard[5] == list(array.array("h", sine(440, 960)))
    assert max(heard[2]) == pytest.approx(AMPLITUDE, rel=0.02)
    track.stop()


async def test_encoded_packets_follow_the_tone_as_they_are() -> None:
    mirror = MirrorTrack("audio")
    track = Tone(tone((1_000.0, 0.04))).before(mirror)
    packets = opus_packets(440, 3)
    for number, data in enumerate(packets):
        mirror.put(EncodedFrame("audio", data, 5_000 + number * 960, mirror._timeline._start + number * 0.02))
    assert [type(await track.recv()) for _ in range(2)] == [AudioFrame, AudioFrame]
    given = [packet for _ in range(3) if isinstance(packet := await track.recv(), Packet)]
    assert [bytes(packet) for packet in given] == packets
    assert [packet.pts for packet in given] == [1_920, 2_880, 3_840]
    track.stop()


async def test_a_track_that_takes_the_place_of_another_meanwhile_plays_what_is_left() -> None:
    chime = Tone(tone((1_000.0, 0.1)))
    first = chime.before(SineTrack(440))
    for _ in range(2):
        await first.recv()
    first.stop()
    second = chime.before(SineTrack(440))
    heard = [frame for frame in [await second.recv() for _ in range(4)] if isinstance(frame, AudioFrame)]
    assert list(left_channel(heard[3])) == list(array.array("h", sine(440, 960)))
    assert chime.over
    third = SineTrack(440)
    assert chime.before(third) is third


async def test_a_tone_alone_ends_the_track_and_says_so() -> None:
    alone = ToneFirst(Tone(tone((1_000.0, 0.04))))
    for _ in range(2):
        assert not alone.played.is_set()
        await alone.recv()
    with pytest.raises(MediaStreamError):
        await alone.recv()
    assert alone.played.is_set()


async def test_ending_either_track_ends_both() -> None:
    sine_track = SineTrack(440)
    track = Tone(tone((1_000.0, 1.0))).before(sine_track)
    waiting = asyncio.create_task(ends(track))
    sine_track.stop()
    await waiting
    other = SineTrack(440)
    Tone(tone((1_000.0, 1.0))).before(other).stop()
    assert other.readyState == "ended"


async def ends(track: MediaStreamTrack) -> None:
    with pytest.raises(MediaStreamError):
        await drained(track)


async def drained(track: MediaStreamTrack) -> None:
    while True:
        await track.recv()


def test_mono_becomes_stereo_as_loud() -> None:
    both = array.array("h", on_both_sides(sine(440, 100)))
    assert both[0::2] == both[1::2] == array.array("h", sine(440, 100))
