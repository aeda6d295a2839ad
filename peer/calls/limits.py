"""How many messages of each type one call takes from the other side. Pure.

What a person or a program does in a call stays far below these; more of it is a flood, which would fill chats, pages
and disks on this side. Messages that a lost path has held up come all at once, so each type may have a burst.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.messages import (
    Bye,
    FileAccept,
    FileCancel,
    FileOffer,
    FileResult,
    Hello,
    JoinAnswer,
    JoinAsk,
    JoinLink,
    JoinNode,
    JoinOver,
    MediaState,
    Members,
    OnHold,
    PairConfirm,
    PairKept,
    PairKey,
    PairSeal,
    Ping,
    Pong,
    Recording,
    RecordingReply,
    Text,
    Unknown,
)
from shared.rate import Bucket, Limit

PER_LEG: Final = Limit(at_once=4, per_second=0.5)
"For messages that each leg sends once: a path that keeps getting lost is dialled every half second at most."

MOST_SHOWN: Final = 3
"How many secrets of earlier calls a side shows on one leg. On one that is dialled again it may show one more."

PER_FILE: Final = Limit(at_once=200, per_second=4.0)
"""For messages about files: each leg that is dialled again brings one for each of the 16 that may be on their way, and
their answers. What of it a person gets to see is far less, see peer/calls/files/call_files.py."""

JOINING: Final = Limit(at_once=24, per_second=0.5)
"For messages about joining a conversation: what a person asks and answers, and a few links for each who joins."

LIMITS: Final[Mapping[type, Limit]] = {
    Hello: PER_LEG,
    PairKey: PER_LEG,
    PairSeal: PER_LEG,
    PairConfirm: PER_LEG,
    PairKept: Limit(at_once=4 * (MOST_SHOWN + 1), per_second=0.5 * (MOST_SHOWN + 1)),
    MediaState: Limit(at_once=40, per_second=4.0),
    OnHold: Limit(at_once=40, per_second=0.5),
    Recording: Limit(at_once=40, per_second=0.5),
    RecordingReply: Limit(at_once=40, per_second=0.5),
    Text: Limit(at_once=30, per_second=1.0),
    Ping: Limit(at_once=30, per_second=4.0),
    Pong: Limit(at_once=30, per_second=4.0),
    Bye: PER_LEG,
    FileOffer: PER_FILE,
    FileAccept: PER_FILE,
    FileCancel: PER_FILE,
    FileResult: PER_FILE,
    JoinAsk: JOINING,
    JoinAnswer: JOINING,
    JoinOver: JOINING,
    JoinNode: JOINING,
    JoinLink: JOINING,
    Members: Limit(at_once=60, per_second=2.0),
    Unknown: Limit(at_once=100, per_second=10.0),
}
"Every type of message has a line here. A side pings once a second."

IN_THE_LONG_RUN: Final[Mapping[type, Limit]] = {Text: Limit(at_once=1_000, per_second=0.1)}
"Beside that: what a person writes in hours. A program could fill a chat within what LIMITS allow."

PAIRINGS: Final = Limit(at_once=10, per_second=1 / 600)
"""How often a call agrees on another pair secret, on a leg that is dialled again: the owner gets four words to compare
each time. The other side says that it has none yet, because its program couldn't write one, say."""

OWN_TEXTS: Final = Limit(at_once=20, per_second=0.5)
"What the owner may write: less than the other side accepts, so that their own lines never end a call as a flood."

OWN_TEXTS_IN_THE_LONG_RUN: Final = Limit(at_once=900, per_second=0.1)
"The same beside IN_THE_LONG_RUN."

OWN_HOLDS: Final = Limit(at_once=20, per_second=0.25)
"How often the owner may put a call on hold or take it off, again less than the other side accepts."

OWN_RECORDINGS: Final = Limit(at_once=10, per_second=0.1)
"""How often the owner may begin to record: each makes two messages, and a lost path brings another one."""

OWN_ASKING: Final = Limit(at_once=6, per_second=0.1)
"How often the owner may ask others to join: each time several messages go out, and the others are disturbed."

OWN_OFFERS: Final = Limit(at_once=40, per_second=1.0)
"How often we offer a file, again or for the first time: what is more waits, so that the other side sees no flood."

LOSSES: Final = Limit(at_once=20, per_second=0.2)
"""How often a call's path may be lost. A bad path is lost when nothing was heard for six seconds. The other side may
close its leg and dial again at once, without end; each time the program tells the owner twice, and writes to the
disk."""


class Limiter:
    """Counts the messages of one call, through all of its legs."""

    def __init__(self, limits: Mapping[type, Limit] = LIMITS) -> None:
        self._buckets = {kind: Bucket(limit) for kind, limit in limits.items()}
        self._in_the_long_run = {kind: Bucket(limit) for kind, limit in IN_THE_LONG_RUN.items()}
        self._pairings = Bucket(PAIRINGS)

    def takes(self, message: object, now: float) -> bool:
        """Whether one more message of this type is within the limits at `now`; it counts."""
        long = self._in_the_long_run.get(type(message))
        return self._buckets[type(message)].takes(now) and (long is None or long.takes(now))

    def pairs_again(self, now: float) -> bool:
        """Whether the call agrees on another pair secret at `now`; it counts."""
        return self._pairings.takes(now)
