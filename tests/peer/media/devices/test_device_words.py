"""What the owner reads in each case."""

from __future__ import annotations

import pytest

from peer.media.devices.device_words import (
    CAMERA,
    MICROPHONE,
    SPEAKER,
    DeviceKind,
    at_the_beginning,
    changed,
    plugged_in,
)
from shared.errors import MediaError

BUSY = MediaError("The camera gives no picture: busy.", "End the other program.")


@pytest.mark.parametrize(
    ("kind", "wanted", "now", "why", "sentence"),
    [
        (MICROPHONE, "headset", "headset", None, None),
        (MICROPHONE, "", "webcam", None, None),
        (MICROPHONE, "", "", None, None),
        (MICROPHONE, "headset", "webcam", None, "Your microphone headset isn't there. Using webcam instead."),
        (MICROPHONE, "headset", "", None, "Your microphone headset isn't there. Using the default microphone instead."),
        (MICROPHONE, "headset", None, None, "Your microphone headset isn't there. They can't hear you."),
        (SPEAKER, "", None, None, "There is no speaker. You can't hear them."),
        (CAMERA, "/dev/video0", None, BUSY, "The camera gives no picture: busy. They can't see you."),
        (CAMERA, "", "/dev/video2", BUSY, "The camera gives no picture: busy. Using /dev/video2 instead."),
    ],
)
def test_at_the_beginning_of_a_call(
    kind: DeviceKind, wanted: str, now: str | None, why: MediaError | None, sentence: str | None
) -> None:
    trouble = at_the_beginning(kind, wanted, now, why)
    assert (trouble.sentence if trouble else None) == sentence
    if trouble is not None:
        assert trouble.hint
        assert why is None or trouble.hint == why.hint


@pytest.mark.parametrize(
    ("wanted", "last", "before", "now", "sentence"),
    [
        ("headset", "headset", "headset", "headset", None),
        ("headset", "headset", None, None, None),
        ("headset", "headset", "headset", "webcam", "Your microphone headset is gone. Using webcam instead."),
        ("headset", "headset", "headset", None, "Your microphone headset is gone. They can't hear you."),
        ("headset", "webcam", "webcam", "headset", "Your microphone headset is back."),
        ("headset", "headset", None, "headset", "Your microphone headset is back."),
        ("", "webcam", None, "webcam", "Your microphone webcam is back."),
        ("", "", None, "", "Your microphone is back."),
        ("", "webcam", None, "headset", "Your microphone is headset now."),
        ("headset", "headset", "headset", "", "Your microphone headset is gone. Using the default microphone instead."),
    ],
)
def test_in_a_call(wanted: str, last: str, before: str | None, now: str | None, sentence: str | None) -> None:
    trouble = changed(MICROPHONE, wanted, last, before, now, None)
    assert (trouble.sentence if trouble else None) == sentence


def test_who_has_named_others_learns_where() -> None:
    offered = plugged_in([(SPEAKER, "headset")], configured=True)
    assert offered.sentence == "You plugged in the speaker headset."
    assert offered.hint == "To use it from the next call on, set `speaker` under [devices] of copybara.toml."
