"""What is written down of a call: for the command line, for the log, and for a restart of the program."""

from __future__ import annotations

import time
from dataclasses import replace

from peer.calls.call_link import CallLink
from peer.calls.line import Line
from peer.calls.line_parts import ConnectionState, Presented
from peer.calls.recording.table import Theirs
from shared.call.records import CallRecord, RunningCall
from shared.call.table import Call, EndReason, State
from shared.secrets.handshake import Role

NOTHING_ARRIVED: dict[str, object] = {
    "audio_packets_received": 0,
    "video_packets_received": 0,
    "bytes_received": 0,
    "packets_sent": 0,
    "bytes_sent": 0,
    "audio_gaps": 0,
    "audio_longest_gap_ms": 0.0,
    "lost": 0,
    "jitter_ms": None,
    "round_trip_ms": None,
    "local": None,
    "remote": None,
    "refused": {},
}


def report(line: Line) -> dict[str, object]:
    """The values of the command contract: what a `call` line on the console and an entry of `status` carry."""
    call, connection = line.call, line.connection
    values: dict[str, object] = {
        "id": line.number,
        "state": str(call.state),
        "reason": None if call.reason is None else str(call.reason),
        "detail": call.detail or None,
        "hint": call.hint or None,
        "with": line.label,
        "node": str(line.peer),
        "role": str(call.role),
        "media": line.media.words,
        "paired": call.paired,
        "program": line.foreign.envelope.name if line.foreign else "copybara",
        "proven": line.proven,
        "automatic": line.shown.automatic,
        "phrase": line.shown.phrase or None,
        "on_hold": line.on_hold,
        "remote_on_hold": line.remote_on_hold,
        "recording": line.recordings.recording,
        "remote_recording": line.recordings.recorded,
        "conversation": line.together.hex() or None,
        "connect_ms": connect_ms(line),
        "first_audio_ms": _milliseconds(connection.dialled, connection.first_media.get("audio")),
        "first_video_ms": _milliseconds(connection.dialled, connection.first_media.get("video")),
        "dialled_at": _unix(connection.dialled),
        "first_media_at": _unix(min(connection.first_media.values(), default=None)),
        "seconds": None
        if line.connection.connected is None
        else round(time.monotonic() - line.connection.connected, 1),
    }
    return values | (line.session.report() if line.session else NOTHING_ARRIVED)


def connect_ms(line: Line) -> int | None:
    """Milliseconds from the last link read, or the answer given, to the connected leg."""
    return _milliseconds(line.connection.dialled, line.connection.connected)


def running(line: Line) -> RunningCall | None:
    """What is kept of a call that is up; None before and after that. Without a redial secret it can't be taken up."""
    connection = line.connection
    if line.logged or connection.connected_at is None or connection.session is None:
        return None
    port, remote_port = connection.session.ports
    return RunningCall(
        reference=line.link.reference,
        peer=line.peer,
        role=str(line.call.role),
        media=line.media,
        started=connection.connected_at,
        secret=connection.redial_secret or b"",
        agreed=connection.agreed_secret,
        epoch=connection.epoch,
        created=line.link.created,
        alive=connection.alive,
        port=port,
        remote_port=remote_port,
        chat=line.chat,
        phrase=line.shown.phrase,
        paired=line.call.paired,
        proven=line.proven,
        chain=line.link.chain,
        keyed=line.link.keyed,
        sealed=line.link.sealed,
        quarantined=line.shown.quarantined,
        stranger=line.stranger,
        automatic=line.shown.automatic,
        remote_automatic=line.shown.remote_automatic,
        machine=line.shown.machine,
        name=line.shown.contact or "",
        entry=line.shown.entry,
        endpoint=line.shown.endpoint or "",
        on_hold=line.on_hold,
        recording=line.recordings.recording,
        recording_refused=line.recordings.theirs is Theirs.REFUSED,
        together=line.together,
        introduced=line.shown.introduced,
        begins_off=line.shown.begins_off,
    )


def begun(link: CallLink, role: Role, chat: str, shown: Presented) -> RunningCall:
    """What is kept of a call before it is up: if the program is killed, the next one logs it."""
    return RunningCall(
        reference=link.reference,
        peer=link.peer,
        role=str(role),
        media=link.media,
        started=0,
        secret=b"",
        created=link.created,
        chat=chat,
        paired=link.paired,
        proven=link.proven,
        chain=link.chain,
        keyed=link.keyed,
        sealed=link.sealed,
        stranger=shown.contact is None,
        name=shown.contact or "",
        entry=shown.entry,
    )


def rejoined(
    number: int, call: Call, kept: RunningCall, contact: str | None, lifetime: int, awaited_until: float
) -> Line:
    """Make the line of a call that was up when the program was killed; `call` is how it begins again.

    `lifetime` is that of a link, in seconds. The other side may be waiting until `awaited_until`, Unix seconds.
    """
    return Line(
        number,
        replace(call, on_hold=kept.on_hold),
        CallLink(
            kept.peer,
            kept.media,
            kept.created or kept.started,
            reference=kept.reference,
            sealed=kept.sealed,
            proven=kept.proven,
            chain=kept.chain,
            keyed=kept.keyed,
        ),
        chat=kept.chat,
        expires=kept.created + lifetime,
        connection=ConnectionState(
            kept.media,
            connected=time.monotonic() - max(0.0, time.time() - kept.started),
            connected_at=kept.started or None,
            alive=kept.alive,
            redial_secret=kept.secret,
            agreed_secret=kept.agreed,
            epoch=kept.epoch,
            taken_up=kept,
            awaited_until=awaited_until,
        ),
        shown=Presented(
            contact,
            endpoint=kept.endpoint or None,
            automatic=kept.automatic,
            machine=kept.machine,
            remote_automatic=kept.remote_automatic,
            phrase=kept.phrase,
            quarantined=kept.quarantined,
            entry=kept.entry,
            together=kept.together,
            introduced=kept.introduced,
            begins_off=kept.begins_off,
        ),
        stranger=kept.stranger,
    )


def record(line: Line, ended: int) -> CallRecord:
    """The log entry of a call that ended at that time, Unix seconds."""
    return CallRecord(
        reference=line.link.reference or bytes(8),
        peer=line.peer,
        role=str(line.call.role),
        media=line.media,
        started=line.link.created,
        connected=line.connection.connected_at,
        ended=ended,
        reason=str(line.call.reason),
        automatic=line.shown.automatic,
        proven=line.proven,
        name=line.shown.contact or "",
    )


def interrupted(kept: RunningCall, ended: int) -> CallRecord:
    """The log entry of a call that ended because the program was killed. It is logged at that time, Unix seconds."""
    call = Call(Role(kept.role), kept.paired, State.ENDED, EndReason.STOPPED)
    return record(rejoined(0, call, kept, kept.name or None, lifetime=0, awaited_until=0), ended)


def _milliseconds(start: float | None, end: float | None) -> int | None:
    return None if start is None or end is None else round((end - start) * 1000)


def _unix(moment: float | None) -> float | None:
    """A monotonic time as Unix seconds, to be compared with another process's."""
    return None if moment is None else round(moment - time.monotonic() + time.time(), 6)
