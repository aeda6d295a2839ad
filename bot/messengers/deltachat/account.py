"""One account of Delta Chat's core, with the requests that we make. Methods raise RpcError and RpcDown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from bot.messengers.deltachat.rpc import Rpc, RpcError

SELF, LAST_SPECIAL_CONTACT = 1, 9
"Contacts up to this number belong to the core: 1 is the account itself, 2 makes notes in a chat, 5 is the device."

JOINED = 1000
"The progress that shows that a contact has added us by QR code, and has proven to know its content."

LAST_MESSAGE = "last_msg_id"
"The setting that holds the last processed message (get_next_msgs)."

_IN_INVITE = re.compile(r"https://i\.delta\.chat/#([0-9A-Fa-f]{40})(?:&|$)", re.ASCII)
_FINGERPRINT = re.compile(r"(?:[0-9A-F]{4}[ \n]*){10}")


class ChatInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The reply of get_basic_chat_info."""

    chat_type: str = ""
    is_encrypted: bool = False
    is_contact_request: bool = False
    is_self_talk: bool = False
    """Whether the chat is "Saved messages", which only the account's own devices read."""


class Sender(msgspec.Struct, frozen=True, rename="camel"):
    """The sender of a message."""

    id: int = 0
    display_name: str = ""
    is_key_contact: bool = False
    is_bot: bool = False
    last_seen: int = 0
    "When the account last received something from them, in Unix seconds; 0: never."


class CallState(msgspec.Struct, frozen=True):
    """The state of a Delta Chat call."""

    kind: str = ""
    "`Alerting`, `Active`, `Completed`, `Missed`, `Declined` or `Canceled`."


class CallInfo(msgspec.Struct, frozen=True, rename="camel"):
    """The reply of call_info."""

    sdp_offer: str = ""
    "The caller's text, up to the core's limits: at least 1 MB passes."

    has_video: bool = False
    state: CallState = CallState()


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """The parts of a message that we read."""

    id: int
    chat_id: int
    from_id: int
    text: str = ""
    timestamp: int = 0
    received_timestamp: int = 0
    "When this device received it, in Unix seconds; 0: it was written here."

    show_padlock: bool = False
    "Whether it was encrypted and signed."

    is_bot: bool = False
    is_forwarded: bool = False
    is_info: bool = False
    view_type: str = "Text"
    download_state: str = "Done"
    override_sender_name: str | None = None
    sender: Sender = Sender()


KEEPS_LITTLE = {
    "download_limit": "163840",  # bytes, the smallest value that the core accepts; all that we read is shorter
    "delete_device_after": "86400",  # seconds; it stays on the server and on the owner's other devices
}
"Settings that limit what is kept, because a stranger may send anything, and anyone may know the address."


class Account:
    """The account with a certain number."""

    def __init__(self, rpc: Rpc, number: int) -> None:
        self._rpc = rpc
        self.number = number

    async def keep_little(self) -> None:
        """Fetch no large messages, and delete messages from this device after a day, whosever account it is."""
        for key, value in KEEPS_LITTLE.items():
            await self.set_config(key, value)

    async def start(self) -> None:
        """Begin to receive and send."""
        await self._rpc.call("start_io", self.number)

    async def config(self, key: str) -> str | None:
        """The value of a setting."""
        return await self._rpc.call("get_config", self.number, key)  # type: ignore[no-any-return]

    async def set_config(self, key: str, value: str | None) -> None:
        """Change a setting."""
        await self._rpc.call("set_config", self.number, key, value)

    async def new_messages(self) -> list[int]:
        """The numbers of messages above LAST_MESSAGE, in order."""
        return sorted(await self._rpc.call("get_next_msgs", self.number))

    async def message(self, number: int) -> Message | None:
        """One message. None if it has been deleted."""
        try:
            raw = await self._rpc.call("get_message", self.number, number)
        except RpcError:
            return None
        return msgspec.convert(raw, Message, strict=False)

    async def chat(self, number: int) -> ChatInfo:
        """A chat."""
        return msgspec.convert(await self._rpc.call("get_basic_chat_info", self.number, number), ChatInfo, strict=False)

    async def chat_with(self, contact: int) -> int:
        """The chat with one contact. It is made if there is none."""
        return int(await self._rpc.call("create_chat_by_contact_id", self.number, contact))

    async def accept(self, chat: int) -> None:
        """Accept a chat that somebody else began, so that we can write to it."""
        await self._rpc.call("accept_chat", self.number, chat)

    async def fingerprint_of(self, contact: int) -> str:
        """The fingerprint of a contact's key or the account's own: 40 hexadecimal digits. Empty if there is none.

        The core gives it only in a text for people, which also has our own fingerprint. The order depends on the
        addresses, so our own is recognized by its value and removed.
        """
        own = await self._own_fingerprint()
        if contact == SELF:
            return own
        text = str(await self._rpc.call("get_contact_encryption_info", self.number, contact))
        found = ["".join(each.split()) for each in _FINGERPRINT.findall(text)]
        theirs = [each for each in found if each != own]
        return theirs[0] if len(theirs) == 1 else ""

    async def _own_fingerprint(self) -> str:
        # An invite begins with it, and no other request gives the account's own fingerprint.
        found = _IN_INVITE.match(await self.invite())
        return found[1].upper() if found else ""

    async def invite(self) -> str:
        """The content of the QR code with which an app adds this account."""
        return str(await self._rpc.call("get_chat_securejoin_qr_code", self.number, None))

    async def withdraw(self, invite: str) -> None:
        """Withdraw an invite, so that nobody can use it any more."""
        await self._rpc.call("set_config_from_qr", self.number, invite)

    async def send(self, chat: int, text: str, file: str = "") -> int:
        """Send a message. Returns its number."""
        data: dict[str, object] = {"text": text}
        if file:
            data["file"] = file
        return int(await self._rpc.call("send_msg", self.number, chat, data))

    # Delta Chat calls.

    async def call_info(self, message: int) -> CallInfo:
        """The call of that message."""
        return msgspec.convert(await self._rpc.call("call_info", self.number, message), CallInfo, strict=False)

    async def place_call(self, chat: int, offer: str, *, video: bool) -> int:
        """Call the other person in a chat of two. Returns the number of the call's message."""
        return int(await self._rpc.call("place_outgoing_call", self.number, chat, offer, video))

    async def accept_call(self, message: int, answer: str) -> None:
        """Answer an incoming call."""
        await self._rpc.call("accept_incoming_call", self.number, message, answer)

    async def end_call(self, message: int) -> None:
        """Decline a call, cancel it or hang up. Does nothing if it is over."""
        await self._rpc.call("end_call", self.number, message)

    async def people(self) -> list[Sender]:
        """All contacts with a known key that aren't programs. Those seen last come first."""
        found = msgspec.convert(await self._rpc.call("get_contacts", self.number, 0, None), list[Sender], strict=False)
        people = [each for each in found if each.id > LAST_SPECIAL_CONTACT and each.is_key_contact and not each.is_bot]
        return sorted(people, key=lambda each: each.last_seen, reverse=True)


async def next_events(rpc: Rpc) -> Sequence[tuple[int, dict[str, Any]]]:
    """Wait for events. Each comes with the number of its account."""
    batch = await rpc.call("get_next_event_batch", seconds=None)
    return [(int(each["contextId"]), dict(each["event"])) for each in batch]
