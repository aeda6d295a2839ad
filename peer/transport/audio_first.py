"""What our own encoders send over a path that carries little: sound first. Pure.

peer/handset/static/slow_path.js is the same for a page. The picture shrinks with the path; where the two don't fit, it
pauses and the sound goes on, packed closer. With the picture paused nobody knows how much would fit, so a higher step
is tried for a moment, less and less often if it fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec


class Packing(msgspec.Struct, frozen=True):
    """How sound is encoded."""

    bits: int
    "A second, without headers."

    milliseconds: int
    "Of sound in a packet. Each packet has some 70 bytes of headers."

    @property
    def gross(self) -> float:
        """Bits a second with all headers."""
        return self.bits + HEADERS * 8 * 1000 / self.milliseconds


HEADERS = 70
"Bytes of a packet beside its payload: IP, UDP, RTP with its extensions, and SRTP."


class PathStep(msgspec.Struct, frozen=True):
    """One way to fill a path."""

    picture: bool
    sound: Packing
    needs: tuple[float, float]
    "Bits a second that have to fit through: with a picture to send, and without one."


STEPS = (
    PathStep(True, Packing(96_000, 20), (200_000, 130_000)),
    PathStep(True, Packing(24_000, 40), (75_000, 42_000)),
    PathStep(False, Packing(24_000, 40), (42_000, 42_000)),
    PathStep(False, Packing(12_000, 120), (0, 0)),
)
"From the best to the least."

POOR_LOOKS, GOOD_LOOKS, TRY_LOOKS = 2, 2, 5
"Looks in a row that decide, one look a second. One poor look does where most is lost."

WAITS = (3, 6, 12, 24)
"Looks before a higher step is tried again, after so many tries that failed in a row."

ROOM = 1.2
"There is enough for a higher step, without a try, if there is a good bit more than it needs."

LOST, LATE = 0.05, 1.5
"More packets lost than usual on this path, as a part of all, or this many seconds later than they can come: too much."

TRIED_LOST = 0.1
"Instead of LOST in a try: it is a few seconds, and a second has few packets."

MOST = 0.5
"The part of the packets: where more is lost, so are the reports, and nobody knows what fits through."

SMOOTH = 3
"So many looks tell what is lost at a step, and how late packets are: a second has few of them."

LATER = 0.2
"In a try for which the path seems too narrow, this many seconds later than before it are too much."

USUAL_PICTURE = 500_000
"Bits a second of a picture, while nothing is known of the path."

LEAST_PICTURE, MOST_PICTURE, TRIED_PICTURE = 30_000, 1_500_000, 40_000
"Bits a second. In a try a picture takes little: if there is no room for it, the sound hardly suffers."

SHARE = 0.85
"The part of the path that is filled, so that what is sent again has room."

LOSSES = (0, 5, 10, 20, 30)
"Percent of lost packets that sound is made ready for, by more or less of it being sent twice (RFC 6716, 2.1.7)."


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the path showed."""

    bits: float
    "A second, that seem to fit through."

    lost: float
    "The part of the packets that didn't arrive lately."

    late: float
    "Seconds that they take longer than at best."

    pictured: bool
    "Whether there is a picture to send."

    unheard: bool = False
    "Whether nothing is reported of what is sent, so that `bits` is old: both ways are full."

    def enough(self, step: int) -> bool:
        """Whether a step's needs seem to fit through."""
        return not self.uncertain and self.bits >= self.needs(step)

    @property
    def uncertain(self) -> bool:
        """Whether too little is heard to know what fits through, so that `bits` is old."""
        return self.unheard or self.lost >= MOST

    def needs(self, step: int) -> float:
        """Bits a second that a step needs."""
        return STEPS[step].needs[0 if self.pictured else 1]


@dataclass(frozen=True, slots=True)
class PathState:
    """Where we are."""

    step: int = 0
    looks: int = 0
    "So long have we been there."

    run: int = 0
    "Looks in a row that were good, or poor if negative."

    failed: int = 0
    "Tries in a row."

    usual: float = 0.0
    "The part of the packets that is lost on this path whatever is sent: no reason to send less."

    lost_here: float = 0.0
    "The part that is lost at this step, smoothed."

    late_here: float = 0.0
    "Seconds that packets take longer than at best, smoothed."

    trying: bool = False

    late: float = 0.0
    "`late_here` before the try."

    doubted: bool = False
    "Whether what seemed to fit has proven false, so that only a try tells whether more fits."


class Plan(msgspec.Struct, frozen=True):
    """What to send."""

    sound: Packing
    loss: int
    "One of LOSSES."

    picture: int | None
    "Bits a second; None: it is paused."


def next_state(state: PathState, seen: Seen) -> PathState:
    """The state after one more look."""
    much = 1.5 * state.usual + (TRIED_LOST if state.trying else LOST)
    suffers = seen.unheard or seen.lost > much or seen.late > LATE
    usual = (state.usual + seen.lost) / 2 if seen.lost < state.usual and not state.trying else state.usual
    lost_here, late_here = (
        _smoothed(state.lost_here, seen.lost, state.looks),
        _smoothed(state.late_here, seen.late, state.looks),
    )
    state = replace(state, usual=usual, lost_here=lost_here, late_here=late_here, looks=state.looks + 1)
    step = state.step
    higher = step if state.trying else step - 1
    room = step > 0 and not suffers and not state.doubted and seen.bits >= seen.needs(higher) * ROOM
    fits = seen.enough(step) and not state.doubted
    poor = suffers and not fits
    run = min(state.run, 0) - 1 if poor else max(state.run, 0) + 1 if room else 0
    smaller = step > 0 and STEPS[step].picture
    # While a picture is sent the estimate grows with the path, and a try that fails would cost sound.
    known = smaller and seen.pictured
    if state.trying:
        full = late_here > state.late + LATER and not fits
        if (suffers or full) and state.looks >= 2:
            return _at(step + 1, state, seen, failed=state.failed + 1)
        if run >= GOOD_LOOKS or state.looks >= TRY_LOOKS:
            # Followed by the next at once, where there is one.
            looks = 0 if known or state.doubted else WAITS[-1]
            return _at(step, state, seen, looks=looks, doubted=state.doubted and not smaller)
        return replace(state, run=run)
    if run <= -(1 if seen.uncertain else POOR_LOOKS) and step < len(STEPS) - 1:
        fitting = next((at for at in range(step + 1, len(STEPS)) if seen.enough(at)), len(STEPS) - 1)
        doubted = state.doubted or seen.uncertain
        # Where most was lost it takes a while until a try tells anything.
        failed = 2 if seen.uncertain else int(doubted or (smaller and state.looks <= WAITS[-1]))
        return _at(fitting, state, seen, failed=state.failed + failed, doubted=doubted)
    if run >= GOOD_LOOKS:
        return _at(step - 1, state, seen)
    # A step that held for long was no mistake.
    failed = 0 if state.looks > WAITS[-1] and STEPS[step].picture else state.failed
    if step > 0 and not known and run >= 0 and state.looks >= WAITS[min(failed, len(WAITS) - 1)]:
        return _at(step - 1, state, seen, failed=failed, usual=lost_here, trying=True, late=late_here)
    return replace(state, run=run, failed=failed)


def _smoothed(before: float, now: float, looks: int) -> float:
    return before + (now - before) / SMOOTH if looks else now


def _at(step: int, state: PathState, seen: Seen, **changes: Any) -> PathState:
    """The state as it begins at another step."""
    begun = PathState(
        step,
        failed=state.failed,
        usual=state.usual,
        lost_here=seen.lost,
        late_here=state.late_here,
        doubted=state.doubted,
    )
    return replace(begun, **changes)


def after_silence(state: PathState) -> PathState:
    """The state after a long silence: what was seen and tried before it tells nothing about the path now."""
    return replace(state, failed=0, doubted=False)


def plan(state: PathState, bits: float | None, lost: float) -> Plan:
    """What to send in a state, over a path of so many bits a second, None if unknown, that loses that part of it."""
    step = STEPS[state.step]
    if not step.picture:
        picture = None
    elif state.trying:
        picture = TRIED_PICTURE
    elif bits is None:
        picture = USUAL_PICTURE
    else:
        picture = int(min(MOST_PICTURE, max(LEAST_PICTURE, bits * SHARE - step.sound.gross)))
    loss = max(each for each in LOSSES if each <= lost * 100 + 2)
    return Plan(step.sound, loss, picture)


def paused(state: PathState) -> bool:
    """Whether the owner is to know that the picture is paused. A try is no news before it has worked."""
    return not STEPS[state.step + state.trying].picture
