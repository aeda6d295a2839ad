"""The frames on the channel for files, and the pace of sending."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.calls.files.frames import MAX_PIECE, Piece, Taken, decode, encode
from peer.calls.files.pace import LARGEST, SMALLEST, TARGET_SECONDS, FilePace
from shared.errors import RemoteProtocolError
from shared.messages import MAX_MESSAGE

FILE = b"f" * 32


@given(st.one_of(st.binary(min_size=1, max_size=MAX_PIECE), st.none()), st.integers(0, 2**52))
def test_a_frame_is_read_as_it_was_written(data: bytes | None, offset: int) -> None:
    frame = Taken(FILE, offset) if data is None else Piece(FILE, offset, data)
    assert decode(encode(frame)) == frame
    assert len(encode(frame)) <= MAX_MESSAGE


@given(st.binary(max_size=100))
def test_any_bytes_are_a_frame_or_that_one_error(message: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert encode(decode(message)) == message


def test_a_piece_without_bytes_or_beyond_all_files_is_none() -> None:
    for message in (encode(Piece(FILE, 0, b"")), encode(Piece(FILE, 2**53 - 1, b"a")), encode(Taken(FILE, 0)) + b"a"):
        with pytest.raises(RemoteProtocolError):
            decode(message)


def sent_and_taken(pace: FilePace, seconds: float, times: int, start: float = 0.0) -> float:
    """Fill the window this many times on a path with this delay. Returns the time afterwards."""
    now, end = start, 0
    for _ in range(times):
        while pace.has_room(MAX_PIECE):
            end += MAX_PIECE
            pace.sent(FILE, end, MAX_PIECE, now)
        now += seconds
        pace.taken(FILE, end, now)
    pace.forget(FILE)
    return now


def test_the_window_grows_on_an_empty_path_and_shrinks_behind_a_queue_but_never_to_nothing() -> None:
    pace = FilePace()
    now = sent_and_taken(pace, 0.02, 50)
    assert pace.window == LARGEST
    now = sent_and_taken(pace, 0.02 + 4 * TARGET_SECONDS, 20, now)
    assert pace.window == SMALLEST
    assert pace.has_room(MAX_PIECE)


def test_a_queue_of_half_the_target_lets_the_window_grow_slowly_only() -> None:
    pace = FilePace()
    now = sent_and_taken(pace, 0.02, 3)
    before = pace.window
    sent_and_taken(pace, 0.02 + TARGET_SECONDS / 2, 10, now)
    assert before < pace.window < before + 10 * 16 * 1024
