"""What we send in a call, and what the other side hears about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peer.calls.own_media import OwnMedia
from shared.media import Media
from shared.messages import MediaState

VIDEO_CALL = OwnMedia(Media.BOTH)
NOTHING = MediaState(audio=False, video=False)


@pytest.mark.parametrize("agreed", [Media.NONE, Media.AUDIO, Media.VIDEO, Media.BOTH])
def test_until_the_page_or_the_endpoint_has_said_what_it_sends_the_other_side_is_told_what_was_agreed_on(
    agreed: Media,
) -> None:
    assert OwnMedia(agreed).told == MediaState(audio=Media.AUDIO in agreed, video=Media.VIDEO in agreed)


def test_what_the_page_sends_is_told_as_it_says() -> None:
    shared_screen = MediaState(audio=False, video=True, screen=True)
    assert replace(VIDEO_CALL, wanted=shared_screen).told == shared_screen


def test_on_hold_nothing_is_sent_or_told_to_be_sent_and_afterwards_it_is_as_before() -> None:
    wanted = MediaState(audio=True, video=False)
    held = replace(VIDEO_CALL, wanted=wanted, on_hold=True)
    assert held.silent
    assert held.told == NOTHING
    assert not replace(held, on_hold=False).silent
    assert replace(held, on_hold=False).told == wanted


def test_while_the_other_side_holds_the_call_nothing_is_sent_but_microphone_and_camera_are_told_as_they_are() -> None:
    held = replace(VIDEO_CALL, remote_on_hold=True)
    assert held.silent
    assert held.told == VIDEO_CALL.told


def test_a_paused_picture_is_told_as_paused_only_if_there_would_be_one() -> None:
    paused = replace(VIDEO_CALL, picture_paused=True)
    assert paused.told == MediaState(audio=True, video=False, paused=True)
    camera_off = MediaState(audio=True, video=False)
    assert replace(paused, wanted=camera_off).told == camera_off
    assert replace(paused, on_hold=True).told == NOTHING
