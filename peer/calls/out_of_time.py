"""What a contact's reply says who read our link at another time than ours, by their clock. Pure."""

from __future__ import annotations

from peer.calls.line import Line
from shared.call.events import RemoteOutOfTime
from shared.durations import duration
from shared.links.kinds import MAX_CLOCK_AHEAD
from shared.links.paired import PairedBody


def out_of_time(line: Line, reply: PairedBody, now: int) -> RemoteOutOfTime:
    """The reply was written between the call and `now` (Unix seconds by our clock), or the clocks differ."""
    ahead = max(reply.created - now, 0) or min(reply.created - line.link.created, 0)
    if abs(ahead) <= MAX_CLOCK_AHEAD:
        return RemoteOutOfTime(f"your link reached {line.name} too late", "Call them again.")
    whose = "fast, or yours is slow" if ahead > 0 else "slow, or yours is fast"
    return RemoteOutOfTime(
        f"{line.name} has your link, but your clocks differ by about {duration(abs(ahead))}. "
        f"{line.name}'s clock is {whose}",
        "Set the wrong one, and call again.",
    )
