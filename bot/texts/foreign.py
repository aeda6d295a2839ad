"""Sentences about calls with other programs: the original web app, and all others that use SDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.kinds import Kind, Sentence
from peer.calls.programs.classic import Classic
from peer.calls.programs.deltachat import DeltaChatApp
from shared.contacts import Contact
from shared.secrets.handshake import Role

if TYPE_CHECKING:
    from peer.calls.foreign_reader import Looked
    from peer.calls.line import Line
    from peer.calls.programs.envelope import Envelope

OWN_LINK = "That is your own link. It is for the other person: send it to them."
"Of any kind, ours or another program's."

TELL_THEM = "Their program doesn't know and goes on waiting: write to them."
"After a call was declined for which there is no link that says so."


def posted(line: Line, text: str) -> str:
    """The message in the chat with our link or description. SDP is alone in it, so that people can copy all of it."""
    if line.foreign is None or not isinstance(line.foreign.envelope, Classic):
        return text
    if line.call.role is Role.CALLER:
        return f"I'd like to call you ({line.media.words}). Open this in Copybara's web app: {text}"
    return f"Here is my answer. Paste it into the page that you called from: {text}"


def rings(line: Line, envelope: Envelope) -> Sentence:
    """The owner is asked."""
    with_what = _with_what(envelope)
    unproven = "Nothing proves who it is; packets reach only that computer."
    if line.proven:
        return Sentence(Kind.RINGS, f"{line.name} is calling ({line.media.words}) {with_what}.")
    if line.shown.contact is None:
        text = (
            f"Somebody new is calling ({line.media.words}) {with_what}. Their computer's address: {line.peer}\n"
            f"{unproven} If you don't know who it is, decline."
        )
        return Sentence(Kind.STRANGER_RINGS, text)
    return Sentence(Kind.RINGS, f"{line.name} is calling ({line.media.words}) {with_what}. {unproven}")


def rings_there(line: Line) -> Sentence:
    """After /call, where no link is in the chat: the other person's own app rings."""
    return Sentence(Kind.CALLING, f"Calling {line.name} ({line.media.words}): it rings in their Delta Chat.")


def unanswered(line: Line) -> Sentence:
    """Such a call has rung long enough."""
    return Sentence(Kind.ENDED, f"{line.name} didn't answer.")


def _with_what(envelope: Envelope) -> str:
    match envelope:
        case Classic():
            return f"from {envelope.page}"
        case DeltaChatApp():
            return "with Delta Chat"
    return "with another program"


def trusted(contact: Contact) -> tuple[str, str]:
    """After `/contact trust NAME classic`: a sentence and its hint."""
    return (
        f"{contact.name}'s calls will be answered automatically ({contact.media.words}), also from the original web "
        "app and other programs, where only the overlay shows who is calling: anyone at that node is answered. "
        "Where a microphone or a camera would answer, as on the page, those calls ring all the same.",
        f"To undo it: /contact ring {contact.name}",
    )


def program(contact: Contact) -> str:
    """After `/contact program`."""
    match contact.program:
        case "":
            return f"Calls to {contact.name} will be links for Copybara Relay."
        case Classic.name:
            return f"Calls to {contact.name} will be links for the original Copybara web app."
        case DeltaChatApp.name:
            return f"Calls to {contact.name} will ring their Delta Chat."
    return f"Calls to {contact.name} will be for {contact.program}."


def looked(looked: Looked, contact: Contact | None) -> str:
    """What a link or a description is, before anything is done with it."""
    where = f" from {looked.page}" if looked.page else " with another program"
    if looked.kind == "own":
        return OWN_LINK
    if looked.kind == "response":
        if not looked.answers_ours:
            return "That answers no call of yours that is waiting. Ask for a new one."
        return f"An answer{where}. It belongs to your call, but proves nothing else. Connect now?"
    if looked.used:
        return "That was used before; each works once. Ask for a new one."
    if not looked.for_us:
        return "That link isn't for this node. If you expected a call, ask who it was meant for."
    if looked.source is None:
        return f"Somebody calls{where} ({looked.media.words}). Its addresses will show whether it is a contact."
    name = contact.name if contact is not None else f"Node {looked.source}, which isn't in your contacts,"
    return f"{name} calls{where} ({looked.media.words}). Nothing proves who it is; packets reach only that node."
