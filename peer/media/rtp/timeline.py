"""Places a stream's frames on one clock. The clock goes on when the sender changes."""

from __future__ import annotations

from peer.media.rtp.depacketizer import EncodedFrame
from peer.transport.profile import CLOCK_RATES, Kind

TOLERANCE = 1.0
"""How many seconds RTP timestamps and arrival may differ before arrival counts. A frame must also be late for this
long: a busy machine reads late packets in a burst, and is in time again after that."""


class Timeline:
    """Places the frames of one kind of media.

    RTP timestamps give the exact distance between frames. The arrival of a sender's first frame gives their position.
    So the timelines of sound and picture with the same start differ only by the jitter of the path.
    """

    def __init__(self, kind: Kind, start: float) -> None:
        """`start` is time zero, on the clock of EncodedFrame.arrived."""
        self._rate = CLOCK_RATES[kind]
        self._start = start
        self._offset: int | None = None
        self._last = -1
        self._before: int | None = None
        "The timestamp of the previous frame."

        self._late_since: float | None = None
        "When the first of the late frames arrived. None if the last frame wasn't late."

    def leave_out(self, seconds: float) -> None:
        """Leave out the next `seconds`, during which no frames were taken."""
        self._start += seconds
        self._offset = None

    def place(self, frame: EncodedFrame) -> int:
        """The frame's place: ticks of the kind's RTP clock since `start`, never negative, and higher for each frame."""
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
        """Whether the arrival time counts now, and not the timestamp. The frame came `late` ticks after its place."""
        if late <= TOLERANCE * self._rate:
            self._late_since = None
            return late < -TOLERANCE * self._rate
        if self._late_since is None:
            self._late_since = frame.arrived
        stepped_back = self._before is not None and frame.timestamp < self._before
        return stepped_back or frame.arrived - self._late_since >= TOLERANCE
