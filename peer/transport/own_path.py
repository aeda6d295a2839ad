"""What one leg's own encoders send: what its path carries, looked at once a second, and the plan that follows."""

from __future__ import annotations

from collections.abc import Callable

from peer.transport.audio_first import PathState, Plan, Seen, after_silence, next_state, paused, plan
from peer.transport.send_path import SendPath

LOOK_SECONDS = 1.0


class OwnPath:
    """Of one leg. It is asked before each frame is encoded, and looks when it is time to."""

    def __init__(
        self,
        clock: Callable[[], float],
        pictured: Callable[[], bool],
        arrives: Callable[[], bool],
        paused_changed: Callable[[bool], None] = lambda paused: None,
    ) -> None:
        """`clock` gives seconds that never go back, `pictured` tells whether there is a picture to send,
        `arrives` whether anything comes from the other side, so that the path isn't dark.

        `paused_changed` is called when it was paused (True) and when it is back.
        """
        self.carries = SendPath()
        self._clock = clock
        self._pictured = pictured
        self._arrives = arrives
        self._paused_changed = paused_changed
        self._state = PathState()
        self._plan = plan(self._state, None, 0.0)
        self._looked = clock()

    def planned(self) -> Plan:
        """What to send now. Another plan once in LOOK_SECONDS at most, whatever is reported: it may cost an encoder."""
        now, bits = self._clock(), self.carries.bits
        if bits is not None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            before, self._state = self._state, next_state(self._state, self._seen(bits, now))
            self._plan = plan(self._state, bits, self.carries.lost)
            if paused(before) != paused(self._state):
                self._paused_changed(paused(self._state))
        return self._plan

    def another_path(self) -> None:
        """Forget what was tried: nothing has arrived for a while, and the path may be another one."""
        self._state = after_silence(self._state)

    def _seen(self, bits: float, now: float) -> Seen:
        unheard = self.carries.unheard(now) and self._arrives()
        return Seen(bits, self.carries.lost, self.carries.late, self._pictured(), unheard)
