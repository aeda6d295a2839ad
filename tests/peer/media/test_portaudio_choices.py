"""If a device can't be opened, the hint names the devices that exist."""

from __future__ import annotations

from peer.media.sound.portaudio import MOST_NAMED, choices

DEVICES = [("HDA Intel PCH", 2), ("HDMI", 0), ("USB headset", 1)]


def test_the_hint_names_the_devices_of_that_kind_with_the_numbers_that_choose_them() -> None:
    said = choices("microphone", DEVICES)
    assert said == (
        "There are: 0 (HDA Intel PCH), 2 (USB headset). "
        "Set one's number as `microphone` under [devices] of copybara.toml."
    )


def test_without_any_it_says_so_and_a_long_list_ends() -> None:
    assert choices("speaker", [("HDMI", 0)]) == "PortAudio finds no speaker. Plug one in."
    assert choices("speaker", [("one", 1)] * 100).count("(one)") == MOST_NAMED
