"""What the running program replies to `copybara status`, `call`, `answer` … on the command socket."""

from __future__ import annotations

import time

import msgspec

from bot.assistant.assistant import Assistant
from bot.assistant.file_commands import files_on_their_way
from bot.command_socket import AskPage, AskPairing, AskStatus, Question, Reply, Say
from bot.conversation import Post
from bot.devices.book import DeviceBook
from bot.messengers.console import CHAT
from bot.page.service import HandsetService
from bot.texts import overlay as overlay_texts
from bot.texts.chat import with_commands
from peer.calls.line_records import report as line_report
from peer.overlay.watch import OverlayWatch
from shared.node_id import NodeId
from shared.paired_device import PairedDevice

PLACE = "command line"
"For whom the page's addresses are that the command line asks for."


class CommandReplies:
    """Replies to one question after the other."""

    def __init__(
        self,
        assistant: Assistant,
        own: NodeId,
        overlay: str,
        watch: OverlayWatch,
        handset: HandsetService | None,
        devices: DeviceBook | None,
        notices: list[str],
    ) -> None:
        self._assistant = assistant
        self._handset = handset
        self._devices = devices
        self._own = own
        self._overlay = overlay
        self._watch = watch
        self._notices = notices
        self._started = time.time()

    async def reply(self, question: Question) -> Reply:
        """Do what is asked. Raises CopybaraError if that can't be done."""
        match question:
            case Say():
                posts = await self._assistant.obey(question.text, CHAT)
                return Reply(posts=[self._as_dict(post) for post in posts])
            case AskStatus():
                return Reply(status=await self._status())
            case AskPairing():
                shown = self._devices.shown() if self._devices else None
                return Reply(pairing=msgspec.structs.asdict(shown) if shown else None)
            case AskPage():
                return Reply(page=self._handset.address_for(PLACE, lambda: None) if self._handset else "")

    async def _status(self) -> dict[str, object]:
        state = await self._watch.check()
        wrong = overlay_texts.wrong(self._overlay, state)
        return {
            "node": str(self._own),
            "overlay": {
                "name": self._overlay,
                "address": str(state.address) if state.address else None,
                "error": state.error.sentence if state.error else None,
                "connected": state.connected,
                "kind": wrong.kind if wrong else None,
                "notice": wrong.text if wrong else None,
            },
            "running_since": int(self._started),
            "handset": self._page,
            "notices": self._notices,
            "devices": [self._device(each) for each in self._devices.listed()] if self._devices else [],
            "files": files_on_their_way(self._assistant.switchboard),
            "calls": [line_report(line) for line in self._assistant.switchboard.lines],
        }

    def _device(self, device: PairedDevice) -> dict[str, object]:
        connected = self._devices is not None and self._devices.is_connected(device)
        return {
            "name": device.name,
            "address": device.address,
            "way": device.way.value,
            "added": device.added,
            "seen": device.seen,
            "connected": connected,
        }

    def _as_dict(self, post: Post) -> dict[str, object]:
        return {"kind": post.kind, "to": post.to, "text": with_commands(post, self._page), "token": post.token}

    @property
    def _page(self) -> str | None:
        """The address of the handset page."""
        return self._handset.address if self._handset else None
