"""What the page shows with calls beside what their lines say, also to a page that comes later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from peer.handset.endpoint import HandsetEndpoint
from peer.handset.protocol import Said, ShowLink, Text

TEXTS_KEPT = 200
"How many lines of text of one call a page gets that connects late."


@dataclass(slots=True)
class ShownBesideCall:
    """What is shown with one call."""

    endpoint: HandsetEndpoint | None = None
    "If sound and picture of the call are at the page."

    texts: deque[Text] = field(default_factory=lambda: deque(maxlen=TEXTS_KEPT))

    link: Callable[[], ShowLink] | None = None
    """Makes the link to be sent. Called only for a page that shows it: the QR code takes longer than placing the
    call."""

    end: Callable[[], ShowLink] | None = None
    "The same, if that link says that the call is over."

    note: Said | None = None
    "What its other side has said last while it waits."

    rings_there: bool = False
    "Whether the other side has said that it rings."


class ShownBesideCalls:
    """What is shown beside all calls, by their numbers."""

    def __init__(self) -> None:
        self._calls: dict[int, ShownBesideCall] = {}

    def of(self, number: int) -> ShownBesideCall:
        """What is shown with that call, to be read."""
        return self._calls.get(number) or ShownBesideCall()

    def change(self, number: int) -> ShownBesideCall:
        """The same, to be changed; it is kept until `forget`."""
        return self._calls.setdefault(number, ShownBesideCall())

    def forget(self, number: int) -> None:
        """Keep nothing of a call that is over."""
        self._calls.pop(number, None)
