"""What can happen to a transfer."""

from __future__ import annotations

import pytest

from shared.errors import LocalProtocolError
from shared.files.table import ENDED, TABLE, FileEvent, FileState, step


@pytest.mark.parametrize("state", FileState)
def test_what_has_ended_never_begins_again_and_everything_else_can_end(state: FileState) -> None:
    for event in FileEvent:
        if state in ENDED:
            with pytest.raises(LocalProtocolError):
                step(state, event)
    if state not in ENDED:
        assert {step(state, event) for event in FileEvent if event in TABLE[state]} >= ENDED


def test_a_transfer_goes_from_its_offer_to_its_end_also_over_a_lost_path() -> None:
    state = FileState.OFFERED
    for event in (FileEvent.ACCEPT, FileEvent.LOSE, FileEvent.LOSE, FileEvent.ACCEPT, FileEvent.ACCEPT):
        state = step(state, event)
    assert state is FileState.RUNNING
    assert step(state, FileEvent.FINISH) is FileState.DONE
