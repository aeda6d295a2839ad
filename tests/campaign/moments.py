"""The state of a program at a moment, read from what it has written since its start. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.demo.node import Said
from bot.kinds import Kind

UNDER_WAY = {
    *(Kind.FILE_OFFERING, Kind.FILE_OFFERED, Kind.FILE_SENDING, Kind.FILE_RECEIVING),
    Kind.MESSAGE_OFFERED,
}
FILES = UNDER_WAY | {
    Kind.FILE_PAUSED,
    Kind.FILE_DELIVERED,
    Kind.FILE_RECEIVED,
    Kind.FILE_DECLINED,
    Kind.FILE_CANCELLED,
    Kind.FILE_FAILED,
    Kind.MESSAGE_DELIVERED,
    Kind.MESSAGE_RECEIVED,
}


def what_it_is_in(said: Sequence[Said]) -> str:
    """`starting`, `no call`, or the state of the latest call and what goes on in it."""
    if all(line["type"] != "ready" for line in said):
        return "starting"
    calls = [line for line in said if line["type"] == "call"]
    if not calls or calls[-1]["state"] == "ended":
        return "no call"
    call = calls[-1]
    files = [line["kind"] for line in said if line.get("kind") in FILES]
    details = {
        "a first contact": not call["paired"],
        "on hold": call["on_hold"] or call["remote_on_hold"],
        "recorded": call["recording"] or call["remote_recording"],
        "in a conversation": call["conversation"],
        "a file on its way": bool(files) and files[-1] in UNDER_WAY,
    }
    return ", ".join([str(call["state"]), *(name for name, so in details.items() if so)])
