"""Makes what a call may carry beside sound, picture and text (extensions.py): files, and news of recordings."""

from __future__ import annotations

from peer.calls.extensions import Extensions
from peer.calls.files.call_files import CallFiles
from peer.calls.files.other_side import OtherSide
from peer.calls.files.shelf import FileShelf
from peer.calls.line import Line
from peer.calls.line_keeping import LineKeeping
from peer.calls.news import CallListeners
from peer.calls.recording.call_recording import CallRecording, Recordings
from peer.calls.standing import LineStanding
from peer.media.endpoint_kinds import records
from shared.call.events import HangUp
from shared.call.records import RunningCall
from shared.contacts import Trust
from shared.store import Store


class LineExtensions:
    """Makes the extensions of one node's lines."""

    def __init__(
        self,
        store: Store,
        standing: LineStanding,
        keeping: LineKeeping,
        listeners: CallListeners,
        *,
        shelf: FileShelf | None,
        recordings: Recordings | None,
    ) -> None:
        """`listeners` hear what happens to files and recordings.

        Without `shelf` no files are sent or taken, without `recordings` nobody records.
        """
        self._store = store
        self._standing = standing
        self._keeping = keeping
        self._listeners = listeners
        self._shelf = shelf
        self._recordings = recordings

    def of(self, line: Line, endpoint: str, kept: RunningCall | None) -> Extensions:
        """Make those of a call with that media endpoint; `kept` is what is known of a call that is taken up."""
        return Extensions(self._files(line), self._recording(line, endpoint, kept))

    def _files(self, line: Line) -> CallFiles | None:
        """What carries files in this call. The answering machine takes none: nobody is there to be asked."""
        if self._shelf is None or line.shown.machine or line.shown.echo:
            return None

        def always() -> bool:
            contact = self._store.contact_of(line.peer)
            return contact is not None and contact.files and contact.trust is not Trust.BLOCK

        def blocked() -> bool:
            contact = self._store.contact_of(line.peer)
            return contact is not None and contact.trust is Trust.BLOCK

        other_side = OtherSide(
            line.peer,
            self._shelf,
            proven=lambda: self._standing.proves(line),
            keyed=lambda: line.link.keyed,
            always=always,
            is_contact=lambda: self._store.contact_of(line.peer) is not None,
            blocked=blocked,
        )
        return CallFiles(other_side, self._shelf, tell=lambda changed: self._listeners.told(line, changed))

    def _recording(self, line: Line, endpoint: str, kept: RunningCall | None) -> CallRecording | None:
        """What records this call, and shows that the other side does."""
        if self._recordings is None or line.shown.echo:
            return None
        return CallRecording(
            self._recordings,
            lambda: line.label,
            endpoint,
            tell=lambda changed: self._listeners.told(line, changed),
            keep=lambda: self._keeping.keep(line),
            wanted=kept is not None and kept.recording,
            refused=kept is not None and kept.recording_refused,
            # So does the endpoint `recorder`: the other side knows it, and can end it, with the call.
            machine=(lambda: line.put(HangUp())) if records(endpoint) else None,
        )
