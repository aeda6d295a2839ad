"""A camera of Video4Linux: a real driver, in an emulated machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peer.media.camera_machine import need_machine, run_inside

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
async def test_a_video4linux_camera_is_found_and_seen_and_had_by_one_at_a_time(tmp_path: Path) -> None:
    need_machine()
    seen = await run_inside(Path(__file__).with_name("see_with_camera.py"), tmp_path)
    assert seen["device"] == "/dev/video0"
    assert seen["size"] == [640, 480]
    # The driver's test pattern: white, yellow, cyan, green, magenta, red, blue, black. Each is darker than the last.
    assert seen["luma"] == sorted(seen["luma"], reverse=True)
    assert seen["luma"][0] - seen["luma"][-1] > 150
    sentence, hint = seen["busy"]
    assert sentence == "The camera gives no picture: /dev/video0: Device or resource busy."
    assert "Another program uses it" in hint
