"""Which device is used."""

from __future__ import annotations

import pytest

from peer.media.devices.choice import FoundDevices, choose

DESK = FoundDevices(("screen.monitor", "headset", "webcam"), "webcam")


@pytest.mark.parametrize(
    ("wanted", "found", "last", "failed", "chosen"),
    [
        ("headset", DESK, "", (), "headset"),
        ("", DESK, "", (), "webcam"),
        # If the wanted device is missing, the default device is used, and then the next one.
        ("lost", DESK, "", (), "webcam"),
        ("lost", DESK, "", ("webcam",), "headset"),
        ("headset", DESK, "", ("headset",), "webcam"),
        ("lost", DESK, "", ("webcam", "headset"), None),
        ("lost", FoundDevices((), None), "", (), None),
        # A monitor of a speaker is used only if it was chosen, never instead of a microphone.
        ("screen.monitor", DESK, "", (), "screen.monitor"),
        ("lost", FoundDevices(("screen.monitor",), "screen.monitor"), "", (), None),
        ("", FoundDevices(("screen.monitor",), "screen.monitor"), "", (), "screen.monitor"),
        ("", FoundDevices(("screen.monitor",), "screen.monitor"), "headset", (), None),
        ("", FoundDevices(("screen.monitor",), "screen.monitor"), "other.monitor", (), "screen.monitor"),
        ("", FoundDevices(("screen.monitor", "headset"), "screen.monitor"), "webcam", (), "headset"),
        # If there is no speaker, sound systems make a dummy one.
        ("", FoundDevices(("auto_null",), "auto_null"), "", (), None),
        ("", FoundDevices(("auto_null.monitor",), "auto_null.monitor"), "", (), None),
        ("lost", FoundDevices(("auto_null",), "auto_null"), "", (), None),
        ("auto_null", FoundDevices(("auto_null",), "auto_null"), "", (), "auto_null"),
        # The system doesn't say which device is the default.
        ("", FoundDevices((), ""), "", (), ""),
        ("lost", FoundDevices((), ""), "", (), ""),
        ("", FoundDevices((), ""), "", ("",), None),
    ],
)
def test_the_wanted_device_then_the_default_one_then_the_next(
    wanted: str, found: FoundDevices, last: str, failed: tuple[str, ...], chosen: str | None
) -> None:
    assert choose(wanted, found, last=last, failed=failed) == chosen
