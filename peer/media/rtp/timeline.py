"""Places a stream's frames on one clock. The clock goes on when the sender changes."""

from __future__ import annotations

from peer.media.rtp import opus
from peer.media.rtp.depacketizer import EncodedFrame
from peer.transport.profile import CLOCK_RATES, Kind

TOLERANCE = 1.0
"""How many seconds RTP timestamps and arrival may differ before arrival counts. A frame must also be late for this
long: a busy machine reads late packets in a burst, and is in time again after that."""

LEAST_MS = 1
"How many milliseconds two frames are apart at least: recordings count in whole ones."


class Timeline:
    """Places the frames of one kind of media.

    RTP timestamps give the exact distance between frames. The arrival of a sender's first frame gives their position,
    or the end of what came before it: sound that arrives in a burst lasts longer than it takes to arrive.
    So the timelines of sound and picture with the same start differ only by the jitter of the path.
    """

    def __init__(self, kind: Kind, start: float) -> None:
        """`start` is time zero, on the clock of EncodedFrame.arrived."""
        self._rate = CLOCK_RATES[kind]
        self._start = start
        self._offset: int | None = None
        self._next = 0
        "The earliest place of the next frame."

        self._end = 0
        "Where the sound of the previous frame ends."

        self._before: int | None = None
        "The timestamp of the previous frame."

        self._late_since: float | None = None
        "When the first of the late frames arrived. None if the last frame wasn't late."

    def leave_out(self, seconds: float) -> None:
        """Leave out the next `seconds`, during which no frames were taken."""
        self._start += seconds
        self._offset = None

    def place(self, frame: EncodedFrame) -> int:
        """The frame's place: ticks of the kind's RTP clock since `start`, never negative.

        It is at least LEAST_MS after that of the previous frame.
        """
        arrived = round((frame.arrived - self._start) * self._rate)
        if (
            self._offset is None
            or frame.restarted
            or self._has_drifted(frame, arrived - frame.timestamp - self._offset)
        ):
            begin = max(arrived, min(self._end, arrived + round(TOLERANCE * self._rate)))
            self._offset, self._late_since = begin - frame.timestamp, None
        self._before = frame.timestamp
        place = max(frame.timestamp + self._offset, self._next)
        self._next = place + self._ticks(LEAST_MS)
        if frame.kind == "audio" and frame.data:
            self._end = place + self._ticks(opus.milliseconds(frame.data))
        return place

    def _ticks(self, milliseconds: int) -> int:
        return milliseconds * self._rate // 1000

    def _has_drifted(self, frame: EncodedFrame, late: int) -> bool:
        """Whether the arrival time counts now, and not the timestamp. The frame came `late` ticks after its place."""
        if late <= TOLERANCE * self._rate:
            self._late_since = None
            return late < -TOLERANCE * self._rate
        if self._late_since is None:
            self._late_since = frame.arrived
        stepped_back = self._before is not None and frame.timestamp < self._before
        return stepped_back or frame.arrived - self._late_since >= TOLERANCE
