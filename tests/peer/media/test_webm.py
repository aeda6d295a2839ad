from __future__ import annotations

import io

import av
import pytest

from peer.media.rtp.webm import AUDIO_TRACK, CLUSTER_BYTES, VIDEO_TRACK, MatroskaWriter

SILENCE = b"\xf8\xff\xfe"
"20 ms of Opus."

KEY_FRAME = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xf0\x00" + bytes(40)
OTHER_FRAME = b"\x11" + bytes(40)
"VP8, as far as a demultiplexer reads it."


def packets(content: bytes) -> list[tuple[int, int, bool]]:
    """Track, time in milliseconds and key frame flag of every packet."""
    with av.open(io.BytesIO(content), "r") as file:
        return [
            (packet.stream_index + 1, packet.pts or 0, packet.is_keyframe) for packet in file.demux() if packet.size
        ]


def test_the_file_is_whole_after_every_flush() -> None:
    file = io.BytesIO()
    writer = MatroskaWriter(file, audio=True, video=False)
    for number in range(200):
        writer.add(AUDIO_TRACK, number * 20, 20, SILENCE, key=True)
        if writer.due:
            writer.flush()
            content = file.getvalue()
            assert packets(content) == [(1, n * 20, True) for n in range(number + 1)]
            with av.open(io.BytesIO(content), "r") as opened:
                assert opened.duration == (number + 1) * 20_000


@pytest.mark.parametrize("lost", [1, 10, 100, 400])
def test_a_last_cluster_that_was_cut_off_costs_only_itself(lost: int) -> None:
    file = io.BytesIO()
    writer = MatroskaWriter(file, audio=True, video=False)
    for number in range(100):
        writer.add(AUDIO_TRACK, number * 20, 20, SILENCE, key=True)
        if writer.due:
            writer.flush()
    whole = packets(file.getvalue())
    # A cluster has 13 frames in 133 bytes.
    assert len(packets(file.getvalue()[:-lost])) >= len(whole) - 13 * (1 + lost // 133)


def test_the_picture_size_is_put_in_when_it_is_known() -> None:
    file = io.BytesIO()
    writer = MatroskaWriter(file, audio=True, video=True)
    writer.add(AUDIO_TRACK, 0, 20, SILENCE, key=True)
    writer.flush()
    writer.set_picture_size(320, 240)
    writer.add(VIDEO_TRACK, 100, 40, KEY_FRAME, key=True)
    writer.set_picture_size(640, 480)
    writer.flush()
    with av.open(io.BytesIO(file.getvalue()), "r") as opened:
        context = opened.streams.video[0].codec_context
        assert (context.width, context.height) == (320, 240)
    assert packets(file.getvalue()) == [(1, 0, True), (2, 100, True)]


def test_frames_of_two_tracks_are_sorted_and_may_be_far_apart() -> None:
    file = io.BytesIO()
    writer = MatroskaWriter(file, audio=True, video=True)
    writer.add(AUDIO_TRACK, 20, 20, SILENCE, key=True)
    writer.add(VIDEO_TRACK, 0, 40, KEY_FRAME, key=True)
    writer.add(AUDIO_TRACK, 3_600_000, 20, SILENCE, key=True)
    writer.add(VIDEO_TRACK, 3_590_000, 40, OTHER_FRAME, key=False)
    writer.close()
    assert packets(file.getvalue()) == [(2, 0, True), (1, 20, True), (2, 3_590_000, False), (1, 3_600_000, True)]


def test_much_data_is_written_before_its_time() -> None:
    writer = MatroskaWriter(io.BytesIO(), audio=False, video=True)
    writer.add(VIDEO_TRACK, 0, 40, KEY_FRAME + bytes(CLUSTER_BYTES), key=True)
    assert writer.due


def test_a_closed_file_can_be_searched() -> None:
    file = io.BytesIO()
    writer = MatroskaWriter(file, audio=True, video=False)
    for number in range(1_000):
        writer.add(AUDIO_TRACK, number * 20, 20, SILENCE, key=True)
        if writer.due:
            writer.flush()
    writer.close()
    with av.open(io.BytesIO(file.getvalue()), "r") as opened:
        stream = opened.streams.audio[0]
        opened.seek(12_000, stream=stream)
        assert [entry.timestamp for entry in stream.index_entries] == pytest.approx([0, 5_000, 10_000, 15_000], abs=600)
        assert 9_400 <= (next(opened.demux(stream)).pts or 0) <= 12_000
