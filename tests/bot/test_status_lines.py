"""The output of `copybara status` fits into a terminal, and nothing of it is lost there."""

from __future__ import annotations

from typing import Any

import pytest

from bot.cli.status_lines import status_lines
from bot.kinds import Kind
from bot.texts.contacts import moved_notice
from bot.texts.overlay import alone
from shared.node_id import NodeId

OURS, THEIRS = (f"[2{digit}1:b1c4:80a1:77d2:1f2e:3d4c:5b6a:7988]:4096{digit}" for digit in "01")
"The longest addresses of Yggdrasil."

NODE = str(NodeId(b"anna".ljust(32)))
PAGE = f"http://127.0.0.1:8765/#key={'k' * 43}"

CALL: dict[str, Any] = {
    "with": "Anna-Maria-of-the-long-name-at-the-river",
    "state": "reconnecting",
    "media": "audio and video",
    "seconds": 3725.4,
    "on_hold": True,
    "remote_on_hold": True,
    "recording": True,
    "remote_recording": True,
    "conversation": "00" * 16,
    "audio_packets_received": 186_000,
    "video_packets_received": 912_345,
    "lost": 12_345,
    "round_trip_ms": 123.4,
    "local": OURS,
    "remote": THEIRS,
    "refused": {"foreign-address": 12, "too-long": 3},
}

RINGS = CALL | {
    "with": "bob",
    "state": "ringing",
    "seconds": None,
    "audio_packets_received": 0,
    "local": None,
    "remote": None,
    "refused": {},
}

STATUS: dict[str, Any] = {
    "node": NODE,
    "overlay": {"name": "yggdrasil", "address": "201:b1c4:80a1:77d2:1f2e:3d4c:5b6a:7988", "error": None},
    "handset": PAGE,
    "notices": [moved_notice(3)],
    "devices": [
        {"name": "phone", "address": "201:b1c4::1", "way": "overlay", "seen": 1_700_000_000, "connected": True}
    ],
    "calls": [CALL, RINGS],
}


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_window_unless_it_is_an_address(width: int) -> None:
    lines = status_lines(STATUS, width)
    assert [line for line in lines if len(line) > width] == ([f"page    {PAGE}"] if width < 80 else [])
    told = " ".join(" ".join(lines).split())
    for whole in (NODE, PAGE, OURS, THEIRS, CALL["with"], "phone: 201:b1c4::1, connected now", "they record it"):
        assert whole in told
    assert "12 foreign-address, 3 too-long" in told
    assert "reconnecting, audio and video, 1:02:05" in told
    assert "copybara contacts tell NAME" in told, "a command is named as it is typed here"


def test_a_call_that_isnt_up_takes_one_line() -> None:
    assert status_lines(STATUS | {"calls": [RINGS | {"on_hold": False}]}, 200)[-1].startswith("call    bob: ringing, ")


def test_a_node_that_is_connected_to_nobody_is_said_under_its_address() -> None:
    said = alone("yggdrasil").text
    overlay = STATUS["overlay"] | {"connected": False, "kind": Kind.OVERLAY_ALONE, "notice": said}
    told = " ".join(" ".join(status_lines(STATUS | {"overlay": overlay}, 80)).split())
    assert f"{STATUS['overlay']['address']} {said} page " in told
    assert status_lines(STATUS | {"overlay": overlay | {"connected": True}}, 80) == status_lines(STATUS, 80)


def test_a_program_of_an_earlier_version_says_less() -> None:
    old = {name: value for name, value in CALL.items() if name not in ("on_hold", "remote_on_hold", "conversation")}
    earlier = {name: value for name, value in STATUS.items() if name != "devices"} | {"calls": [old]}
    assert "on hold" not in " ".join(status_lines(earlier, 80))
    assert status_lines(earlier | {"calls": []}, 80)[-1] == "calls   none"
