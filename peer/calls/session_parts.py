"""Parts that sessions with our own program (session.py) and with other programs (sdp_session.py) have in common."""

from __future__ import annotations

import time
from collections.abc import Callable

from peer.calls.call_socket import CallSocket
from peer.calls.limits import OWN_HOLDS, OWN_TEXTS
from peer.calls.session_events import Broke, FirstMedia, SessionEvent
from shared.errors import LocalProtocolError, PortTaken
from shared.media import Media
from shared.rate import Bucket

BROKEN = "A fault in the program ended this call."


class OwnTexts:
    """Limits the owner's lines of text to what the other side accepts."""

    def __init__(self) -> None:
        self._bucket = Bucket(OWN_TEXTS)

    def take(self, *, connected: bool) -> None:
        """Count one more line. Raises LocalProtocolError without a connection, and for too many lines."""
        if not connected:
            raise LocalProtocolError("There is no call to write in.", "Call somebody first.")
        if not self._bucket.takes(time.monotonic()):
            raise LocalProtocolError("Those are too many lines at once.", "Wait a few seconds, then write again.")


class OwnHolds:
    """Limits how often the owner puts a call on hold or takes it off to what the other side accepts."""

    def __init__(self) -> None:
        self._bucket = Bucket(OWN_HOLDS)

    def take(self) -> None:
        """Count one more. Raises LocalProtocolError for too many."""
        if not self._bucket.takes(time.monotonic()):
            raise LocalProtocolError("That is too often.", "Wait a few seconds, then try again.")


class FirstArrivals:
    """Reports the first packet of each kind in a call, on any of its legs, once the call is connected."""

    def __init__(self, tell: Callable[[SessionEvent], None]) -> None:
        self._tell = tell
        self._heard: set[Media] = set()
        self._untold: list[FirstMedia] | None = []
        "What came before the call was connected; None after that."

    def __call__(self, kind: Media) -> None:
        """The first packet of a kind has come on a leg."""
        if kind in self._heard:
            return
        self._heard.add(kind)
        event = FirstMedia("audio" if kind is Media.AUDIO else "video", time.monotonic())
        if self._untold is None:
            self._tell(event)
        else:
            self._untold.append(event)

    def connected(self) -> None:
        """The call is connected: report what has come already, and from now on each arrival at once."""
        untold, self._untold = self._untold or [], None
        for event in untold:
            self._tell(event)


async def follow_overlay(
    call_socket: CallSocket, moved: Callable[[], None], tell: Callable[[SessionEvent], None]
) -> None:
    """Move the call's socket with the overlay, until cancelled.

    If another program has taken its port, the call ends.
    """
    try:
        await call_socket.follow(moved)
    except PortTaken as error:
        tell(Broke(error))
