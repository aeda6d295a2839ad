"""What the page shows for calls in addition to their lines. A page that connects later gets it too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from peer.handset.endpoint import HandsetEndpoint
from peer.handset.protocol import Said, ShowLink, Text

TEXTS_KEPT = 200
"How many lines of text of one call a page gets if it connects late."


@dataclass(slots=True)
class ShownBesideCall:
    """What the page shows for one call in addition to its line."""

    endpoint: HandsetEndpoint | None = None
    "The endpoint, if sound and picture of the call are at the page."

    texts: deque[Text] = field(default_factory=lambda: deque(maxlen=TEXTS_KEPT))

    link: Callable[[], ShowLink] | None = None
    """Makes the link to be sent. Called only for a page that shows it: the QR code takes longer than placing the
    call."""

    end: Callable[[], ShowLink] | None = None
    "Makes the link to be sent, if that link says that the call has ended."

    note: Said | None = None
    "What the other side has said last while the call waits."

    rings_there: bool = False
    "Whether the other side has said that it rings."


class ShownBesideCalls:
    """What the page shows for all calls, by their numbers."""

    def __init__(self) -> None:
        self._calls: dict[int, ShownBesideCall] = {}

    def of(self, number: int) -> ShownBesideCall:
        """What the page shows for this call, only for reading."""
        return self._calls.get(number) or ShownBesideCall()

    def change(self, number: int) -> ShownBesideCall:
        """What the page shows for this call, for changing. It is kept until `forget`."""
        return self._calls.setdefault(number, ShownBesideCall())

    def forget(self, number: int) -> None:
        """Drop everything about a call that has ended."""
        self._calls.pop(number, None)
