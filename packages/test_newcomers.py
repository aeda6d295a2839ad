"""From nothing to a call with a friend, on fresh machines: the commands of README and invitation, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from packages.newcomers import walk
from packages.systems.debian import RELEASES, missing

MOST_COMMANDS = 3
MOST_SECONDS = 180.0
"Of the machine's time, for each of the two."

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0 or bool(missing()), reason=f"needs root, and {', '.join(missing())}"),
]


@pytest.mark.parametrize("release", RELEASES)
async def test_three_commands_lead_to_sound_and_picture(release: str, tmp_path: Path) -> None:
    both = await walk(release, tmp_path)
    for effort in (both.reader, both.friend):
        print(*effort.slowest, sep="\n")  # noqa: T201 - what a slow walk was slow at
        assert len(effort.commands) <= MOST_COMMANDS, effort
        assert effort.edits == 0
        assert effort.seconds < MOST_SECONDS, effort
