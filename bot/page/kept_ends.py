"""Calls that are over and whose page asks something still, for a page that is loaded again or comes late.

Whether the other side is to be saved, as long as the key of the call is known. A link to send, as long as the other
side may wait. A voice message to leave, or a warning, for an hour.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from peer.handset.protocol import Call, File, ShowLink
from shared.call.table import EndReason

MOST = 8
"Calls that are kept; the oldest goes first."

AN_HOUR = 3600.0

UNHEARD = (EndReason.NO_ANSWER, EndReason.REMOTE_BUSY, EndReason.CANCELLED)
"Who didn't answer then can be left a voice message. The page has the same list."


class KeptEnd(NamedTuple):
    """One of them."""

    call: Call
    reference: bytes
    "Of its link."

    link: Callable[[], ShowLink] | None
    "Makes the link which says that the call is over."

    files: Sequence[File]
    "What came in it."

    at: float
    "When it was over, Unix seconds."


class KeptEnds:
    """Those of one run."""

    def __init__(self, is_to_save: Callable[[Call], bool], clock: Callable[[], float] = time.time) -> None:
        """`is_to_save`: the key of that call is still known, and who was in it is no contact. `clock`: Unix seconds."""
        self._is_to_save = is_to_save
        self._clock = clock
        self._kept: OrderedDict[int, KeptEnd] = OrderedDict()
        self._seen: deque[int] = deque(maxlen=MOST)
        "Those that were put away last: a page may show an end, and be left, before all of the call is closed."

    def keep(
        self, call: Call, reference: bytes, link: Callable[[], ShowLink] | None = None, files: Sequence[File] = ()
    ) -> None:
        """That call has ended: keep it if its page asks anything."""
        end = KeptEnd(call, reference, link, files, self._clock())
        if call.id in self._seen or not self._asks(end):
            return
        self._kept[call.id] = end
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def put_away(self, number: int) -> None:
        """The owner has seen the page of that call."""
        self._kept.pop(number, None)
        self._seen.append(number)

    def now(self) -> list[KeptEnd]:
        """Those that ask still, in the order of their ends. What asks no more never will."""
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
    """Whether we called a contact in vain who can be left a voice message."""
    ours = call.role == "caller" and call.contact is not None and call.paired and not call.echo
    return ours and call.connected_at is None and call.report.reason in UNHEARD


def _is_of_stranger(call: Call) -> bool:
    """Whether we talked to somebody whom its page offers to save."""
    return call.contact is None and call.connected_at is not None and not call.differed
