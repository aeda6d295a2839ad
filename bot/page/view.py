"""Makes messages of the page's protocol from a line, a contact, a file, or a record of the log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from bot.page.shown_conversations import ShownOfConversation
from bot.texts import call_log, chat
from bot.texts import files as file_texts
from bot.texts import page as texts
from bot.texts import recording as recording_texts
from peer.calls.files.transfer import Transfer
from peer.calls.line import Line
from peer.calls.line_records import report as line_report
from peer.handset import protocol as page_protocol
from peer.handset.protocol import LogEntry, Sends
from peer.overlay import overlay_name
from shared.call.records import CallRecord
from shared.contacts import STRANGER, Contact, Trust
from shared.files.records import KeptFile
from shared.files.table import FileState
from shared.media import Media
from shared.messages import MediaState
from shared.secrets.handshake import Role


def call(
    line: Line,
    contact: Contact | None,
    *,
    overlay: str,
    at_page: bool,
    elsewhere: str | None,
    rings_there: bool,
    several: ShownOfConversation,
    compared: bool,
    recorded: Sequence[page_protocol.Recorded],
) -> page_protocol.Call:
    """A call in its present state, for one page. `contact` is the other person; None: no contact.

    `at_page`: sound and picture are at that page. `elsewhere` names the place of another page that has them. `several`
    is what is shown of its conversation. `compared`: the owner has compared the words of the call. `recorded` are its
    recordings.
    """
    report = report_of(line)
    # Others could have said that the words of their key match.
    in_clear = contact is not None and contact.confirmed_in_clear
    compared = compared and not in_clear
    said = texts.call_sentence(line)
    return page_protocol.Call(
        id=line.number,
        state=line.call.state.value,
        kind=said.kind,
        sentence=said.sentence,
        name=chat.begun(line.name),
        contact=line.name if line.shown.echo else contact.name if contact else None,
        node=str(line.peer),
        role=line.call.role.value,
        media=kinds(line.media),
        trust=trust(line, contact),
        proven=is_known(line, contact),
        trust_words=texts.trust_words(line, contact, compared=compared),
        automatic=line.shown.automatic,
        rings_there=rings_there,
        remote_automatic=line.shown.remote_automatic,
        handset=at_page,
        endpoint=line.shown.endpoint or "",
        phrase=line.shown.phrase or None,
        begins_off=line.shown.begins_off,
        to_confirm=line.shown.quarantined or in_clear,
        compared=compared,
        differed=line.shown.differed,
        recorded=[*recorded],
        paired=line.call.paired,
        echo=line.shown.echo,
        connected_at=line.connection.connected_at,
        expires=line.expires,
        path=texts.path(overlay_name(overlay), report.local, report.remote),
        remote=sends(line.connection.remote_media),
        report=report,
        elsewhere=elsewhere,
        on_hold=line.on_hold,
        remote_on_hold=line.remote_on_hold,
        recording=line.recordings.ours.value,
        remote_recording=line.recordings.theirs.value,
        recording_words=recording_texts.mark(line),
        conversation=line.together.hex() or None,
        question=several.question,
        asks=several.asks,
        called=several.called,
        circle=several.circle,
    )


def report_of(line: Line) -> page_protocol.Report:
    """The values of the command contract for a call, see line_records.report."""
    return msgspec.convert(line_report(line), page_protocol.Report)


def trust(line: Line, contact: Contact | None) -> Literal["trusted", "contact", "unproven", "stranger"]:
    """How certain it is who is at the other end of a call."""
    if line.shown.echo:
        return "contact"
    if contact is None:
        return "stranger"
    if line.link.keyed and not line.proven:
        return "unproven"
    answered = line.proven or contact.unproven or line.call.role is Role.CALLER
    return "trusted" if contact.trust is Trust.AUTO and answered else "contact"


def is_known(line: Line, contact: Contact | None) -> bool:
    """Whether a call can be answered without reading a warning first.

    An outgoing call goes to the person whom the owner has called, unless somebody else has introduced them.
    """
    if line.shown.echo or line.proven or (line.call.role is Role.CALLER and not line.shown.introduced):
        return True
    if contact is None or line.link.keyed:
        return False
    # For the owner, the node id is enough.
    return contact.trust is Trust.AUTO and (contact.classic if line.foreign is not None else contact.unproven)


def entry(contact: Contact, paired: bool, kept: Sequence[KeptFile] = ()) -> page_protocol.Contact:
    """An entry of the contact book. `paired`: one link is enough to call them. `kept` are unfinished files."""
    ours = [each.voice for each in kept if each.ours]
    return page_protocol.Contact(
        name=contact.name,
        node=str(contact.node),
        trust=contact.trust.value,
        media=kinds(contact.media),
        trust_words=texts.trust_in_words(contact, paired),
        paired=paired,
        endpoint=contact.endpoint,
        files=contact.files,
        beyond=texts.beyond_the_page(contact, paired),
        waits=file_texts.waiting(ours.count(True), ours.count(False)),
    )


def file(line: Line, transfer: Transfer) -> page_protocol.File:
    """A file of a call in its present state."""
    said = file_texts.on_the_page(line, transfer)
    return page_protocol.File(
        call=line.number,
        file=transfer.number,
        ours=transfer.ours,
        name=transfer.name,
        size=transfer.size,
        state=transfer.state.value,
        done=transfer.done,
        kind=said.kind,
        sentence=said.sentence,
        detail=file_texts.progress(transfer),
        voice=transfer.voice,
        path=str(transfer.path) if is_here(transfer) else None,
    )


def is_here(transfer: Transfer) -> bool:
    """Whether it is a file of the other side that has arrived."""
    return not transfer.ours and transfer.state is FileState.DONE and transfer.path is not None


def logged(
    record: CallRecord,
    contact: Contact | None,
    arrived: Sequence[Transfer],
    recorded: Sequence[page_protocol.Recorded] = (),
    *,
    compared: bool = False,
) -> LogEntry:
    """A call that is over, for the log.

    `contact` is the contact that has its node now. `arrived` are the files received in the call, `recorded` the owner's
    recordings of it. `compared`: the owner has compared its words.
    """
    return LogEntry(
        name=record.name or chat.begun(STRANGER),
        node=str(record.peer),
        contact=contact.name if contact else None,
        role="caller" if record.role == "caller" else "callee",
        media=kinds(record.media),
        started=record.started,
        seconds=None if record.connected is None else max(0, record.ended - record.connected),
        reason=record.reason,
        sentence=call_log.ending(record).sentence,
        automatic=record.automatic,
        received=[page_protocol.Received(each.number, each.name, str(each.path), each.voice) for each in arrived],
        recorded=[*recorded],
        reference="" if contact else record.reference.hex(),
        compared=compared and contact is None,
    )


def sends(state: MediaState | None) -> Sends | None:
    """The media that a side says it sends. None: it hasn't said anything."""
    if state is None:
        return None
    paused = True if state.paused and not state.video else msgspec.UNSET
    return Sends(audio=state.audio, video=state.video, screen=state.screen, paused=paused)


def kinds(media: Media) -> page_protocol.Kinds:
    """Media in the page's form."""
    return "video" if Media.VIDEO in media else "audio"


def media(kinds: page_protocol.Kinds) -> Media:
    """Media from the page's form."""
    return Media.BOTH if kinds == "video" else Media.AUDIO
