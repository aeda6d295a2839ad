"""Carries out what own_media.py says: on the leg that is up, with the endpoint, and in words to the other side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from peer.calls.extensions import Extensions
from peer.calls.own_media import OwnMedia
from peer.calls.session_events import SessionEvent
from peer.calls.session_parts import PauseNews
from peer.media.endpoint_host import Host
from peer.transport.leg import Leg
from shared.media import Media
from shared.messages import MediaState, OnHold


class OwnSending:
    """What we send of sound and picture in a call with our own program, whichever leg is up."""

    def __init__(
        self,
        agreed: Media,
        host: Host,
        extensions: Extensions,
        *,
        leg: Callable[[], Leg | None],
        tell: Callable[[SessionEvent], None],
    ) -> None:
        """`agreed` is what both sides send at most, NONE before the first leg is up. `leg` returns the one that is up.

        `tell` gets what the owner should hear.
        """
        self.media = OwnMedia(agreed)
        "How our sound and picture stand."

        self._host = host
        self._extensions = extensions
        self._leg = leg
        self._pause_news = PauseNews(tell)

    def agreed(self) -> Media:
        """What both sides send at most."""
        return self.media.agreed

    def connected(self, leg: Leg, agreed: Media) -> None:
        """A leg is up, on which both sides send at most these media."""
        self.media = replace(self.media, agreed=agreed, picture_paused=False)
        leg.picture_paused.listen(self._pause_picture)

    def begin(self, leg: Leg) -> None:
        """Let the endpoint send on a leg that is up, after our hello."""
        leg.silence(self.media.silent)
        self._host.attach(leg, self.media.agreed)

    def say(self, leg: Leg) -> None:
        """Tell the other side on a new leg what we send, unless it is all that was agreed on."""
        if self.media.wanted is not None or self.media.on_hold:
            leg.control.send(self.media.told)

    def narrow(self, theirs: Media) -> bool:
        """The other side wants these media. Returns whether we send less from now on: then `begin` again."""
        agreed = self.media.agreed & theirs
        if not agreed or agreed == self.media.agreed:
            return False
        self.media = replace(self.media, agreed=agreed)
        return True

    def show(self, state: MediaState) -> None:
        """Tell the other side what we send from now on; it hears that again on each later leg."""
        if state != self.media.wanted:
            self.media = replace(self.media, wanted=state)
            self._show()

    def hold(self, on: bool) -> None:
        """Put the call on hold or take it off hold, and tell the other side."""
        self.media = replace(self.media, on_hold=on)
        self._silence()
        self._host.pause(on)
        self._extensions.media_changed(self.media)
        if (leg := self._leg()) is not None:
            leg.control.send(OnHold(on))
            leg.control.send(self.media.told)

    def stop(self) -> None:
        """Send, play and record nothing any more."""
        self.media = replace(self.media, on_hold=True)
        self._silence()
        self._host.pause(True)
        self._extensions.media_changed(self.media)

    def remote_holds(self, on: bool) -> None:
        """The other side has put the call on hold or taken it off hold. Meanwhile we send no sound and no picture."""
        self.media = replace(self.media, remote_on_hold=on)
        self._silence()
        self._extensions.media_changed(self.media)

    def _silence(self) -> None:
        if (leg := self._leg()) is not None:
            leg.silence(self.media.silent)

    def _show(self) -> None:
        if (leg := self._leg()) is not None and not self.media.on_hold:
            leg.control.send(self.media.told)

    def _pause_picture(self, paused: bool) -> None:
        """Our own picture was paused because it doesn't fit through beside the sound, or fits again."""
        self.media = replace(self.media, picture_paused=paused)
        self._show()
        self._pause_news.paused(paused)
