"""The owner's commands about files in calls, in the chat, in the console and on the command line."""

from __future__ import annotations

from pathlib import Path

from bot.assistant import contacts as book
from bot.assistant.calling import Calling
from bot.assistant.commands import AnswerFile, FileCommand, LeaveMessage, ListFiles, SendFile
from bot.assistant.turn import Turn
from bot.conversation import Post
from bot.kinds import of_error
from bot.messengers.console import CHAT
from bot.texts import files as texts
from peer.calls.files import voice
from peer.calls.files.call_files import CallFiles
from peer.calls.files.report import report
from peer.calls.files.source_file import describe, size_of
from peer.calls.line import Line
from peer.calls.switchboard import Switchboard
from shared.errors import CopybaraError, FileRefused, InputError
from shared.in_thread import in_thread_to_its_end

LARGE = 50_000_000
"How many bytes can be read in a fraction of a second."


async def obey(turn: Turn, command: FileCommand, switchboard: Switchboard, calling: Calling) -> None:
    """Carry out one of these commands. The result is news of its call. Raises CopybaraError."""
    match command:
        case SendFile():
            # A messenger account may be taken over. The thief must not reach the files of this computer.
            if turn.chat != CHAT:
                raise InputError(*texts.NOT_FROM_HERE)
            line, text = calling.writable(command.text, "/send")
            await _send(turn, line, switchboard.files(line), _path(text))
        case LeaveMessage():
            if turn.chat != CHAT:
                raise InputError(*texts.NOT_FROM_HERE)
            await leave_message(turn, switchboard, command)
        case ListFiles():
            all_ = [(line, each) for line, files in _all(switchboard) for each in files.transfers]
            turn.say(texts.listed(all_), in_clear=texts.listed(all_, clear=True), from_call=True)
        case AnswerFile():
            files = files_with(switchboard, command.number)
            match command.answer:
                case "accept":
                    files.accept(command.number)
                case "decline":
                    files.decline(command.number)
                case "cancel":
                    files.cancel(command.number)


async def _send(turn: Turn, line: Line, files: CallFiles, path: Path) -> None:
    """Offer a file. Reading a large file happens in the background."""
    await files.ready()
    size = await in_thread_to_its_end(lambda: size_of(path))
    if size < LARGE:
        await files.send(path)
        return

    def failed(error: CopybaraError) -> None:
        turn.chats.post(Post.about(line, of_error(error), in_clear=texts.not_offered(error)))

    files.send_soon(path, failed)
    turn.say(texts.reading(path.name, size))


async def leave_message(turn: Turn, switchboard: Switchboard, command: LeaveMessage) -> None:
    """Keep a sound file for a contact. Raises FileRefused, NameNotFound, StoreError."""
    path = _path(command.file)
    shelf, store = switchboard.shelf, switchboard.store
    contact = book.named(store, command.whom)
    described = await in_thread_to_its_end(lambda: describe(path, largest=voice.MAX_BYTES))
    await voice.leave(
        shelf, contact, path, described, path.suffix.lower(), keyed=store.keyed(contact.node), spooled=False
    )
    switchboard.left_for(contact.node)
    turn.say(texts.message_kept(contact))


def files_on_their_way(switchboard: Switchboard) -> list[dict[str, object]]:
    """All unfinished files, for `copybara status --json`."""
    return [report(line.label, each) for line, files in _all(switchboard) for each in files.transfers]


def files_with(switchboard: Switchboard, number: int) -> CallFiles:
    """The files of the call with that transfer. Raises FileRefused."""
    for _, files in _all(switchboard):
        if any(each.number == number for each in files.transfers):
            return files
    raise FileRefused("There is no such file in a call any more.", "See which there are: /files")


def _path(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        path = Path(text)
    if not path.is_absolute():
        raise InputError(*texts.NOT_ABSOLUTE)
    return path


def _all(switchboard: Switchboard) -> list[tuple[Line, CallFiles]]:
    found = []
    for line in switchboard.lines:
        try:
            found.append((line, switchboard.files(line)))
        except FileRefused:
            continue
    return found
