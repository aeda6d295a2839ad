"""One account of Delta Chat's core, as far as we ask it for something. Methods raise RpcError and RpcDown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from bot.messengers.deltachat.rpc import Rpc, RpcError

SELF, LAST_SPECIAL_CONTACT = 1, 9
"Contacts up to this number are the core's own: 1 is the account itself, 2 notes in a chat, 5 the device."

JOINED = 1000
"The progress of a contact who has added us by QR, and has proven to know what it says."

LAST_MESSAGE = "last_msg_id"
"The setting that says up to where messages were processed (get_next_msgs)."

_IN_INVITE = re.compile(r"https://i\.delta\.chat/#([0-9A-Fa-f]{40})(?:&|$)", re.ASCII)
_FINGERPRINT = re.compile(r"(?:[0-9A-F]{4}[ \n]*){10}")


class ChatInfo(msgspec.Struct, frozen=True, rename="camel"):
    """What get_basic_chat_info says."""

    chat_type: str = ""
    is_encrypted: bool = False
    is_contact_request: bool = False
    is_self_talk: bool = False
    """Whether it is "Saved messages", which only the account's own devices read."""


class Sender(msgspec.Struct, frozen=True, rename="camel"):
    """Who has sent a message."""

    id: int = 0
    display_name: str = ""
    is_key_contact: bool = False
    is_bot: bool = False
    last_seen: int = 0
    "When something came from them last, Unix seconds; 0: never."


class CallState(msgspec.Struct, frozen=True):
    """How a call of Delta Chat's own stands."""

    kind: str = ""
    "`Alerting`, `Active`, `Completed`, `Missed`, `Declined` or `Canceled`."


class CallInfo(msgspec.Struct, frozen=True, rename="camel"):
    """What call_info says."""

    sdp_offer: str = ""
    "What the caller has written, up to the core's limits: at least 1 MB passes."

    has_video: bool = False
    state: CallState = CallState()


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """A message, as far as it is read."""

    id: int
    chat_id: int
    from_id: int
    text: str = ""
    timestamp: int = 0
    received_timestamp: int = 0
    "When this device received it, Unix seconds; 0: it was written here."

    show_padlock: bool = False
    "Whether it came encrypted and signed."

    is_bot: bool = False
    is_forwarded: bool = False
    is_info: bool = False
    view_type: str = "Text"
    download_state: str = "Done"
    override_sender_name: str | None = None
    sender: Sender = Sender()


KEEPS_LITTLE = {
    "download_limit": "163840",  # bytes, the least that the core takes; all that is read here is shorter
    "delete_device_after": "86400",  # seconds; on the server, and on the owner's other devices, nothing is deleted
}
"Settings: a stranger may send anything, to an address that anyone may know."


class Account:
    """The account with that number."""

    def __init__(self, rpc: Rpc, number: int) -> None:
        self._rpc = rpc
        self.number = number

    async def keep_little(self) -> None:
        """Fetch no large message, and keep on this device what has been read for a day, whosever account it is."""
        for key, value in KEEPS_LITTLE.items():
            await self.set_config(key, value)

    async def start(self) -> None:
        """Begin to receive and to send."""
        await self._rpc.call("start_io", self.number)

    async def config(self, key: str) -> str | None:
        """A setting."""
        return await self._rpc.call("get_config", self.number, key)  # type: ignore[no-any-return]

    async def set_config(self, key: str, value: str | None) -> None:
        """Change one."""
        await self._rpc.call("set_config", self.number, key, value)

    async def new_messages(self) -> list[int]:
        """The numbers of messages above LAST_MESSAGE, in their order."""
        return sorted(await self._rpc.call("get_next_msgs", self.number))

    async def message(self, number: int) -> Message | None:
        """One message; None if it was deleted meanwhile."""
        try:
            raw = await self._rpc.call("get_message", self.number, number)
        except RpcError:
            return None
        return msgspec.convert(raw, Message, strict=False)

    async def chat(self, number: int) -> ChatInfo:
        """A chat."""
        return msgspec.convert(await self._rpc.call("get_basic_chat_info", self.number, number), ChatInfo, strict=False)

    async def chat_with(self, contact: int) -> int:
        """The chat with one contact, made if there is none."""
        return int(await self._rpc.call("create_chat_by_contact_id", self.number, contact))

    async def accept(self, chat: int) -> None:
        """Let a chat that somebody else began be written to."""
        await self._rpc.call("accept_chat", self.number, chat)

    async def fingerprint_of(self, contact: int) -> str:
        """The fingerprint of a contact's or the account's own key, 40 hexadecimal digits; empty if there is none.

        It stands only in a text for people: theirs comes before ours where the core sorts by address, so ours is taken
        out by what it is.
        """
        own = await self._own_fingerprint()
        if contact == SELF:
            return own
        text = str(await self._rpc.call("get_contact_encryption_info", self.number, contact))
        found = ["".join(each.split()) for each in _FINGERPRINT.findall(text)]
        theirs = [each for each in found if each != own]
        return theirs[0] if len(theirs) == 1 else ""

    async def _own_fingerprint(self) -> str:
        # An invite begins with it; no other call says it for the account itself.
        found = _IN_INVITE.match(await self.invite())
        return found[1].upper() if found else ""

    async def invite(self) -> str:
        """What the QR says with which an app adds this account."""
        return str(await self._rpc.call("get_chat_securejoin_qr_code", self.number, None))

    async def withdraw(self, invite: str) -> None:
        """Let nobody be added by that any more."""
        await self._rpc.call("set_config_from_qr", self.number, invite)

    async def send(self, chat: int, text: str, file: str = "") -> int:
        """Write a message; its number."""
        data: dict[str, object] = {"text": text}
        if file:
            data["file"] = file
        return int(await self._rpc.call("send_msg", self.number, chat, data))

    # Calls of Delta Chat's own.

    async def call_info(self, message: int) -> CallInfo:
        """The call of that message."""
        return msgspec.convert(await self._rpc.call("call_info", self.number, message), CallInfo, strict=False)

    async def place_call(self, chat: int, offer: str, *, video: bool) -> int:
        """Ring the other one in a chat of two; the number of the call's message."""
        return int(await self._rpc.call("place_outgoing_call", self.number, chat, offer, video))

    async def accept_call(self, message: int, answer: str) -> None:
        """Answer a call that came in."""
        await self._rpc.call("accept_incoming_call", self.number, message, answer)

    async def end_call(self, message: int) -> None:
        """Decline it, take it back, or hang up; nothing if it is over."""
        await self._rpc.call("end_call", self.number, message)

    async def people(self) -> list[Sender]:
        """Everybody whose key is known and who isn't a program; those who wrote last come first."""
        found = msgspec.convert(await self._rpc.call("get_contacts", self.number, 0, None), list[Sender], strict=False)
        people = [each for each in found if each.id > LAST_SPECIAL_CONTACT and each.is_key_contact and not each.is_bot]
        return sorted(people, key=lambda each: each.last_seen, reverse=True)


async def next_events(rpc: Rpc) -> Sequence[tuple[int, dict[str, Any]]]:
    """Wait for events; each with the account that it is about."""
    batch = await rpc.call("get_next_event_batch", seconds=None)
    return [(int(each["contextId"]), dict(each["event"])) for each in batch]
