"""Requests of a page about files: files of a call, and voice messages that wait for a contact."""

from __future__ import annotations

from pathlib import Path

from bot.assistant.file_commands import files_with
from bot.page.presenter import Presenter
from bot.page.uploads import Uploads
from bot.texts import files as file_texts
from bot.texts import page as page_texts
from peer.calls.files import voice
from peer.calls.files.shelf import FileShelf
from peer.calls.files.source_file import Described
from peer.calls.switchboard import Switchboard
from peer.handset.page import Page
from peer.handset.protocol import AnswerFile, CancelFile, CancelUpload, LeaveVoice, Said, SaveFile, SendFile
from shared.errors import NameNotFound
from shared.node_id import NodeId
from shared.store import Store

FileRequest = CancelUpload | AnswerFile | CancelFile | SaveFile
Upload = SendFile | LeaveVoice


class FileRequests:
    """Carries out a page's requests about files."""

    def __init__(self, switchboard: Switchboard, presenter: Presenter, store: Store, shelf: FileShelf) -> None:
        self._switchboard = switchboard
        self._presenter = presenter
        self._store = store
        self._shelf = shelf
        self.uploads = Uploads(shelf)
        "The files that pages are sending."

    def do(self, page: Page, message: FileRequest) -> str:
        """Carry out a request. Returns the address of the file that the page wants to save, else an empty text.

        Raises CopybaraError.
        """
        match message:
            case CancelUpload():
                self.uploads.cancel(page, message.upload)
            case AnswerFile():
                files = files_with(self._switchboard, message.file)
                (files.accept if message.accept else files.decline)(message.file)
            case CancelFile():
                files_with(self._switchboard, message.file).cancel(message.file)
            case SaveFile():
                return self._presenter.save_address(message.file, recording=message.recording)
        return ""

    async def take(self, page: Page, message: Upload) -> None:
        """Receive a file from a page. Replies once the page may send, and returns once the file is offered or kept.

        Raises CopybaraError.
        """
        match message:
            case SendFile():
                await self._send(page, message)
            case LeaveVoice():
                await self._leave_voice(page, message)

    async def _send(self, page: Page, message: SendFile) -> None:
        files, name = self._switchboard.files(self._switchboard.lines.numbered(message.call)), message.name
        meant = files.meant()

        async def offer(path: Path, described: Described) -> None:
            await files.send_copy(path, name, described, meant)

        await self.uploads.receive(page, message, ready=files.ready, offer=offer)

    async def _leave_voice(self, page: Page, message: LeaveVoice) -> None:
        contact = self._store.contact_of(NodeId.parse(message.node))
        if contact is None:
            raise NameNotFound(*page_texts.ANOTHER_CONTACT)
        keyed, suffix = self._store.keyed(contact.node), f".{message.form}"

        async def ready() -> None:
            voice.check(self._shelf, contact, message.size, keyed=keyed)

        async def keep(path: Path, described: Described) -> None:
            await voice.leave(self._shelf, contact, path, described, suffix, keyed=keyed, spooled=True)
            self._switchboard.left_for(contact.node)
            said = file_texts.message_kept(contact)
            page.send(Said(call=message.call, kind=said.kind, sentence=said.sentence))

        upload = SendFile(id=message.id, call=message.call, name="The voice message", size=message.size)
        await self.uploads.receive(page, upload, ready=ready, offer=keep)
