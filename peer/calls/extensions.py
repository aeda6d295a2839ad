"""What a call may carry beside sound, picture and text, if both programs can: files, and news of recordings."""

from __future__ import annotations

from dataclasses import dataclass

from peer.calls.files.call_files import CallFiles
from peer.calls.own_media import OwnMedia
from peer.calls.recording.call_recording import CallRecording
from peer.transport.leg import Leg
from shared.links.tokens import VERSION
from shared.messages import (
    FILES_VERSION,
    FileAccept,
    FileCancel,
    FileOffer,
    FileResult,
    Hello,
    Message,
    Recording,
    RecordingReply,
    Unknown,
)


@dataclass(frozen=True, slots=True)
class Extensions:
    """Those of one call."""

    files: CallFiles | None = None
    "None: files are neither sent nor taken."

    recording: CallRecording | None = None
    "None: nobody records, and recordings of the other side aren't shown."

    @property
    def version(self) -> int:
        """The newest version of the control protocol that we speak."""
        return VERSION if self.files is None else FILES_VERSION

    @property
    def records(self) -> bool:
        """Whether we record the call."""
        return self.recording is not None and self.recording.standing.recording

    def connected(self, leg: Leg, own: OwnMedia) -> None:
        """Note that a leg is connected, and how our own media stand."""
        if self.files is not None:
            self.files.connected(leg)
        if self.recording is not None:
            self.recording.connected(leg, own)

    def disconnected(self) -> None:
        """Note that the leg is gone."""
        if self.files is not None:
            self.files.disconnected()
        if self.recording is not None:
            self.recording.disconnected()

    def stop(self) -> None:
        """The call is over: send and take no more of any file."""
        if self.files is not None:
            self.files.stop()

    def greeted(self, hello: Hello) -> None:
        """Note what the other side's program can do, as it says on the leg."""
        if self.files is not None:
            self.files.greeted(hello.version)
        if self.recording is not None:
            self.recording.greeted(hello)

    def media_changed(self, own: OwnMedia) -> None:
        """Note how our own media stand now."""
        if self.recording is not None:
            self.recording.media_changed(own)

    def received(self, message: Message | Unknown) -> bool:
        """Act on what the other side says; returns whether it is about something that this call has.

        Raises RemoteProtocolError.
        """
        match message:
            case FileOffer() | FileAccept() | FileCancel() | FileResult() if self.files is not None:
                self.files.received(message)
            case Recording() | RecordingReply() if self.recording is not None:
                self.recording.received(message)
            case _:
                return False
        return True
