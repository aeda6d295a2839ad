"""What can become of one transfer, as a table. Everything that changes a transfer's state lives here. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from shared.errors import LocalProtocolError


class FileState(enum.StrEnum):
    """Where a transfer stands. The words are part of what scripts and the page read."""

    OFFERED = "offered"
    "The receiver is to be asked."

    RUNNING = "running"
    "Accepted: its bytes are on their way."

    PAUSED = "paused"
    "The path or the call is gone. It continues when the sender offers it again."

    DONE = "done"
    "The receiver has it, and its SHA-256 is right."

    DECLINED = "declined"
    CANCELLED = "cancelled"
    FAILED = "failed"


ENDED: Final = frozenset({FileState.DONE, FileState.DECLINED, FileState.CANCELLED, FileState.FAILED})


class FileEvent(enum.Enum):
    """What happens to one."""

    OFFER = enum.auto()
    "The sender offers it again, and the receiver hasn't said yet whether they want it."

    ACCEPT = enum.auto()
    "The receiver wants it from some byte on; also again, from another byte."

    LOSE = enum.auto()
    "The path, or the call, is gone."

    FINISH = enum.auto()
    DECLINE = enum.auto()
    CANCEL = enum.auto()
    FAIL = enum.auto()


_ENDINGS: Final = {
    FileEvent.FINISH: FileState.DONE,
    FileEvent.DECLINE: FileState.DECLINED,
    FileEvent.CANCEL: FileState.CANCELLED,
    FileEvent.FAIL: FileState.FAILED,
}

TABLE: Final[Mapping[FileState, Mapping[FileEvent, FileState]]] = {
    FileState.OFFERED: {
        FileEvent.OFFER: FileState.OFFERED,
        FileEvent.ACCEPT: FileState.RUNNING,
        FileEvent.LOSE: FileState.PAUSED,
        **_ENDINGS,
    },
    FileState.RUNNING: {
        FileEvent.OFFER: FileState.OFFERED,
        FileEvent.ACCEPT: FileState.RUNNING,
        FileEvent.LOSE: FileState.PAUSED,
        **_ENDINGS,
    },
    FileState.PAUSED: {
        FileEvent.OFFER: FileState.OFFERED,
        FileEvent.ACCEPT: FileState.RUNNING,
        FileEvent.LOSE: FileState.PAUSED,
        **_ENDINGS,
    },
    **{state: {} for state in ENDED},
}
"What isn't here can't happen: above all nothing that has ended begins again."


def step(state: FileState, event: FileEvent) -> FileState:
    """The state after an event. Raises LocalProtocolError for one that can't happen in this state."""
    after = TABLE[state].get(event)
    if after is None:
        raise LocalProtocolError(f"A transfer that is {state} can't {event.name.lower()}.")
    return after
