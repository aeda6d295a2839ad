"""Calls that are over but whose page still asks something, for a page that is reloaded or opened late.

The page asks whether to save the other person, while the key of the call is known. It shows a link to send, while the
other side may be waiting. For an hour, it offers to leave a voice message, or shows a warning.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from peer.handset.protocol import Call, File, ShowLink
from shared.call.table import EndReason

MOST = 8
"How many calls are kept. The oldest is dropped first."

AN_HOUR = 3600.0

UNHEARD = (EndReason.NO_ANSWER, EndReason.REMOTE_BUSY, EndReason.CANCELLED)
"After these ends the owner can leave a voice message. The page has the same list."


class KeptEnd(NamedTuple):
    """One of these calls."""

    call: Call
    reference: bytes
    "The reference of its link."

    link: Callable[[], ShowLink] | None
    "Makes the link that says that the call is over."

    files: Sequence[File]
    "The files that came in the call."

    at: float
    "When it ended, in Unix seconds."


class KeptEnds:
    """The kept calls of one run."""

    def __init__(self, is_to_save: Callable[[Call], bool], clock: Callable[[], float] = time.time) -> None:
        """`is_to_save` says whether the key of a call is known and its person is no contact.

        `clock` gives Unix seconds.
        """
        self._is_to_save = is_to_save
        self._clock = clock
        self._kept: OrderedDict[int, KeptEnd] = OrderedDict()
        self._seen: deque[int] = deque(maxlen=MOST)
        "The calls that the owner has closed lately. A page may show an end and be closed before the call itself is."

    def keep(
        self, call: Call, reference: bytes, link: Callable[[], ShowLink] | None = None, files: Sequence[File] = ()
    ) -> None:
        """Keep a call that has ended, if its page asks anything."""
        end = KeptEnd(call, reference, link, files, self._clock())
        if call.id in self._seen or not self._asks(end):
            return
        self._kept[call.id] = end
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def put_away(self, number: int) -> None:
        """Drop a call, because the owner has closed its view."""
        self._kept.pop(number, None)
        self._seen.append(number)

    def now(self) -> list[KeptEnd]:
        """The calls that still ask something, in the order of their ends. The others are dropped."""
        for number in [number for number, end in self._kept.items() if not self._asks(end)]:
            del self._kept[number]
        return [end if self._can_be_told(end) else end._replace(link=None) for end in self._kept.values()]

    def _asks(self, end: KeptEnd) -> bool:
        recent = self._clock() < end.at + AN_HOUR
        if self._can_be_told(end) or (recent and (end.call.differed or _is_unheard(end.call))):
            return True
        return _is_of_stranger(end.call) and self._is_to_save(end.call)

    def _can_be_told(self, end: KeptEnd) -> bool:
        return end.link is not None and self._clock() < end.call.expires


def _is_unheard(call: Call) -> bool:
    """Whether we called a contact who didn't answer, and can leave them a voice message."""
    ours = call.role == "caller" and call.contact is not None and call.paired and not call.echo
    return ours and call.connected_at is None and call.report.reason in UNHEARD


def _is_of_stranger(call: Call) -> bool:
    """Whether we talked to somebody whom the page offers to save."""
    return call.contact is None and call.connected_at is not None and not call.differed
