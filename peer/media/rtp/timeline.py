"""The times of a stream's frames, on one clock that goes on when its sender changes."""

from __future__ import annotations

from peer.media.rtp.depacketizer import EncodedFrame
from peer.transport.profile import CLOCK_RATES, Kind

TOLERANCE = 1.0
"""Seconds by which RTP timestamps and arrival may drift apart before arrival is believed, and for which frames have to
come late before it is: what a machine that was busy reads late comes in a burst, and then is in time again.
"""


class Timeline:
    """Places the frames of one kind.

    RTP timestamps say how far frames are from each other, exactly; when the first of a sender came says where they
    stand. The timelines of sound and picture with the same start are thus together to within the jitter of the path.
    """

    def __init__(self, kind: Kind, start: float) -> None:
        """`start` is what counts as zero, on the clock of EncodedFrame.arrived."""
        self._rate = CLOCK_RATES[kind]
        self._start = start
        self._offset: int | None = None
        self._last = -1
        self._before: int | None = None
        "The timestamp of the frame before."

        self._late_since: float | None = None
        "Since when frames come late."

    def leave_out(self, seconds: float) -> None:
        """Of the time that comes, so much isn't counted: nothing was taken meanwhile."""
        self._start += seconds
        self._offset = None

    def place(self, frame: EncodedFrame) -> int:
        """Ticks of the kind's RTP clock from the start; never negative, always more than for the frame before."""
        arrived = round((frame.arrived - self._start) * self._rate)
        if (
            self._offset is None
            or frame.restarted
            or self._has_drifted(frame, arrived - frame.timestamp - self._offset)
        ):
            self._offset, self._late_since = arrived - frame.timestamp, None
        self._before = frame.timestamp
        self._last = max(frame.timestamp + self._offset, self._last + 1)
        return self._last

    def _has_drifted(self, frame: EncodedFrame, late: int) -> bool:
        """Whether arrival is to be believed; `late` is by how many ticks the frame came after its place."""
        if late <= TOLERANCE * self._rate:
            self._late_since = None
            return late < -TOLERANCE * self._rate
        if self._late_since is None:
            self._late_since = frame.arrived
        stepped_back = self._before is not None and frame.timestamp < self._before
        return stepped_back or frame.arrived - self._late_since >= TOLERANCE
