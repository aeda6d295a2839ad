"""Parts that sessions with our own program (session.py) and with other programs (sdp_session.py) have in common."""

from __future__ import annotations

import time
from collections.abc import Callable

from peer.calls.call_socket import CallSocket
from peer.calls.limits import OWN_HOLDS, OWN_TEXTS, OWN_TEXTS_IN_THE_LONG_RUN
from peer.calls.repeats import Repeated, Repeats, Telling
from peer.calls.session_events import Broke, FirstMedia, SessionEvent
from peer.media.trouble import MediaTrouble
from shared.errors import LocalProtocolError, PortTaken
from shared.media import Media
from shared.rate import Bucket

BROKEN = "A fault in the program ended this call."

PAUSED = "The connection is slow: picture paused, sound goes on."
BACK = "The connection is better: the picture is back."
PAUSED_AGAIN = "The connection is slow again and again: your picture stops and comes back. You won't hear of each time."


class OwnLimits:
    """Limits what the owner does in a call to what the other side accepts."""

    def __init__(self) -> None:
        self._texts = Bucket(OWN_TEXTS)
        self._texts_in_the_long_run = Bucket(OWN_TEXTS_IN_THE_LONG_RUN)
        self._holds = Bucket(OWN_HOLDS)

    def write(self, *, connected: bool) -> None:
        """Count one more line of text. Raises LocalProtocolError without a connection, and for too many lines."""
        if not connected:
            raise LocalProtocolError("There is no call to write in.", "Call somebody first.")
        now = time.monotonic()
        if not (self._texts.takes(now) and self._texts_in_the_long_run.takes(now)):
            raise LocalProtocolError("Those are too many lines at once.", "Wait a few seconds, then write again.")

    def hold(self) -> None:
        """Count that the call is put on hold or taken off hold once more. Raises LocalProtocolError for too often."""
        if not self._holds.takes(time.monotonic()):
            raise LocalProtocolError("That is too often.", "Wait a few seconds, then try again.")


class PauseNews:
    """Tells the owner that their own picture is paused, and that it is back, but not too often."""

    def __init__(self, tell: Callable[[SessionEvent], None]) -> None:
        self._tell = tell
        self._repeats = Repeats()

    def paused(self, paused: bool) -> None:
        """The picture doesn't fit through beside the sound, or fits again."""
        picture = Repeated.PICTURE
        match self._repeats.begins(picture, time.monotonic()) if paused else self._repeats.ends(picture):
            case Telling.EACH:
                self._tell(MediaTrouble(PAUSED if paused else BACK))
            case Telling.LAST:
                self._tell(MediaTrouble(PAUSED_AGAIN))


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
