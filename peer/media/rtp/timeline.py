"""The times of a stream's frames, on one clock that goes on when its sender changes."""

from __future__ import annotations

from peer.media.rtp.depacketizer import EncodedFrame
from peer.transport.profile import CLOCK_RATES, Kind

TOLERANCE = 1.0
"Seconds by which RTP timestamps and arrival may drift apart before arrival is believed."


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
            or abs(frame.timestamp + self._offset - arrived) > TOLERANCE * self._rate
        ):
            self._offset = arrived - frame.timestamp
        self._last = max(frame.timestamp + self._offset, self._last + 1)
        return self._last
