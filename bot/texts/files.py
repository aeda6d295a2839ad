"""What the owner reads about files in calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.kinds import Kind, Sentence
from bot.texts.chat import shown, whose
from shared.contacts import Contact
from shared.errors import CopybaraError
from shared.files.kinds import PROGRAM, kind_of_name
from shared.files.table import FileState

if TYPE_CHECKING:
    from peer.calls.files.transfer import Transfer
    from peer.calls.line import Line

USAGE = "I don't understand that.", "Write /files, or: /files accept NUMBER, decline NUMBER, cancel NUMBER"
WHAT_MESSAGE = "Say for whom, and which file.", "Write for example: /message anna ~/hello.ogg"
WHAT_TO_SEND = "Say which file.", "Write for example: /send ~/holiday.jpg, or /send anna: ~/holiday.jpg"
NOT_FROM_HERE = (
    "Files are sent from the page or from the computer that I run on, not from a chat.",
    "Open the page, or run there: copybara send FILE",
)
GONE_HINT = "It was moved, changed or deleted on the computer that Copybara runs on."
NOT_ABSOLUTE = "Write the whole path of the file.", "It begins with / or with ~."

RECORDED_AT_THE_PAGE = (".webm", ".ogg", ".mp4")
BITS_PER_SECOND = 32_000
"Of what the page records, see peer/handset/static/voice_message.js."

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """Bytes for people: `820 bytes`, `3.4 MB`."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 or count >= 100 else f"{count:.1f} {_UNITS[unit]}"


def gone(name: str | None) -> str:
    """A file that was received can't be given to the browser. `name` is None if the program doesn't know it."""
    return f"{shown(name) if name else 'That file'} isn't there any more."


def length(transfer: Transfer) -> str:
    """How long a voice message is, for people; how large, if it wasn't recorded at a page: its offer says no more."""
    if not transfer.name.endswith(RECORDED_AT_THE_PAGE):
        return size(transfer.size)
    seconds = max(1, round(transfer.size * 8 / BITS_PER_SECOND))
    return f"about {seconds} seconds" if seconds > 1 else "about a second"


def waiting(voice: int, files: int) -> str:
    """What waits for the next call that proves who a contact is; empty: nothing."""
    counted = [_counted(voice, "voice message"), _counted(files, "file")]
    words = " and ".join(filter(None, counted))
    return f"{words} {'waits' if voice + files == 1 else 'wait'}" if words else ""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}" if count else ""


def kind(transfer: Transfer) -> str:
    """What it is: `a picture`."""
    word = kind_of_name(transfer.name)
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def reading(name: str, count: int) -> Sentence:
    """Before a large file is offered."""
    return Sentence(Kind.FILE_READING, f"Reading {shown(name)} ({size(count)}) before it is offered.")


def not_offered(error: CopybaraError) -> Sentence:
    """One couldn't be read, where others can read what is said."""
    return Sentence(error.kind, "A file couldn't be offered.", "The computer that I run on says why.")


def changed(line: Line, transfer: Transfer, *, clear: bool = False) -> Sentence:
    """What has happened to a file in a call, in any state. `clear`: without its name, and where it is."""
    who, what = whose(line), f"file {transfer.number}" if clear else shown(transfer.name)
    first = what.capitalize() if clear else what
    match transfer.state:
        case FileState.OFFERED if transfer.voice and transfer.ours:
            return Sentence(Kind.MESSAGE_OFFERED, f"{who} is offered the voice message that you left.")
        case FileState.OFFERED if transfer.voice:
            return Sentence(
                Kind.MESSAGE_OFFERED,
                f"{who} has a voice message for you ({length(transfer)}).",
                _answers(transfer),
            )
        case FileState.DONE if transfer.voice and transfer.ours:
            return Sentence(Kind.MESSAGE_DELIVERED, f"{who} has your voice message.")
        case FileState.DONE if transfer.voice:
            where = "." if clear else f": {transfer.path}"
            return Sentence(Kind.MESSAGE_RECEIVED, f"{who} left you a voice message{where}")
        case FileState.OFFERED if transfer.ours:
            return Sentence(
                Kind.FILE_OFFERING,
                f"Offered {what} ({size(transfer.size)}) to {who}. It leaves once they accept.",
                f"/files cancel {transfer.number} takes it back.",
            )
        case FileState.OFFERED:
            return Sentence(Kind.FILE_OFFERED, offered(line, transfer, what), _answers(transfer))
        case FileState.RUNNING if transfer.ours:
            return Sentence(Kind.FILE_SENDING, f"{who} is receiving {what}.{_rest(transfer)}")
        case FileState.RUNNING:
            without = " You always accept their files." if transfer.automatic else ""
            return Sentence(Kind.FILE_RECEIVING, f"Receiving {what} from {who}.{without}{_rest(transfer)}")
        case FileState.PAUSED:
            done = f"{size(transfer.done)} of {size(transfer.size)} got through" if transfer.done else "It waits"
            return Sentence(Kind.FILE_PAUSED, f"{first}: {done}. It continues in your next call with {who}.")
        case FileState.DONE if transfer.ours:
            return Sentence(Kind.FILE_DELIVERED, f"{who} has {what}.")
        case FileState.DONE:
            where = "." if clear else f": {transfer.path}"
            return Sentence(Kind.FILE_RECEIVED, f"{first} from {who} is here{where}")
        case FileState.DECLINED:
            said = f"You declined {what}." if transfer.by_us else f"{who} declined {what}."
            return Sentence(Kind.FILE_DECLINED, said)
        case FileState.CANCELLED:
            said = f"You cancelled {what}." if transfer.by_us else f"{who} cancelled {what}."
            return Sentence(Kind.FILE_CANCELLED, said)
        case FileState.FAILED:
            why = "" if clear else f" {transfer.why}"
            return Sentence(Kind.FILE_FAILED, f"{first} couldn't be {'sent' if transfer.ours else 'received'}.{why}")


def on_the_page(line: Line, transfer: Transfer) -> Sentence:
    """The same beside buttons, where a number is of no use, for as long as the call lasts."""
    if transfer.state is FileState.PAUSED:
        return Sentence(Kind.FILE_PAUSED, f"{shown(transfer.name)} waits until you are connected again.")
    said = changed(line, transfer)
    return Sentence(said.kind, said.sentence)


def offered(line: Line, transfer: Transfer, what: str = "") -> str:
    """Who offers what: its name, or `what` is said instead of it."""
    warning = ""
    if kind_of_name(transfer.name) == PROGRAM:
        warning = " Opening a program can harm your computer: accept it only if you expected it."
    what = what or shown(transfer.name)
    return f"{whose(line)} wants to send you {what}: {kind(transfer)}, {size(transfer.size)}.{warning}"


def progress(transfer: Transfer) -> str:
    """How far it is: `3.4 MB of 12 MB, 1.2 MB/s`."""
    rate = f", {size(transfer.rate)}/s" if transfer.rate is not None else ""
    return f"{size(transfer.done)} of {size(transfer.size)}{rate}"


def listed(transfers: Sequence[tuple[Line, Transfer]], *, clear: bool = False) -> Sentence:
    """After /files. `clear`: with what each is instead of its name."""
    if not transfers:
        return Sentence(Kind.FILE_LIST, "No files are on their way.", "In a call, /send FILE offers one.")
    names = [kind(each) if clear else shown(each.name) for _, each in transfers]
    lines = [
        f"{each.number}  {name} {'to' if each.ours else 'from'} {line.name}: {each.state}, {progress(each)}"
        for name, (line, each) in zip(names, transfers, strict=True)
    ]
    return Sentence(Kind.FILE_LIST, "\n".join(lines), "\n/files accept NUMBER, decline NUMBER, cancel NUMBER")


def message_kept(contact: Contact) -> Sentence:
    """After a voice message."""
    return Sentence(
        Kind.MESSAGE_KEPT,
        f"Your voice message for {contact.name} waits here until you are connected with them.",
    )


def set_for(contact: Contact) -> Sentence:
    """After /contact files."""
    if contact.files:
        return Sentence(
            Kind.CONTACT_FILES,
            f"Files from {contact.name} will be accepted without asking, in calls that prove it is them.",
        )
    return Sentence(Kind.CONTACT_FILES, f"You will be asked about files from {contact.name}.")


def _answers(transfer: Transfer) -> str:
    return f"/files accept {transfer.number} or /files decline {transfer.number}"


def _rest(transfer: Transfer) -> str:
    if not transfer.resumed:
        return ""
    return f" {size(transfer.resumed)} of {size(transfer.size)} were there already."
