"""From nothing to a call with a friend, on fresh machines: the commands of README and invitation, and no others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from packages.newcomers import walk
from packages.systems.debian import RELEASES, missing

MOST_COMMANDS = 3
MOST_PASTES = 2
pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0 or bool(missing()), reason=f"needs root, and {', '.join(missing())}"),
]


@pytest.mark.parametrize("release", RELEASES)
async def test_three_commands_lead_to_sound_and_picture(release: str, tmp_path: Path) -> None:
    both = await walk(release, tmp_path)
    for effort in (both.reader, both.friend):
        # How long it took is measured in benchmarks/newcomers.py; here it is only said.
        print(  # noqa: T201
            f"{len(effort.commands)} commands, {effort.edits} edited files, {len(effort.answers)} questions, "
            f"{effort.pastes} pastes, {effort.seconds:.0f} s",
            *effort.slowest,
            sep="\n",
        )
        assert len(effort.commands) <= MOST_COMMANDS, effort
        assert effort.edits == 0
        assert effort.pastes <= MOST_PASTES, effort
