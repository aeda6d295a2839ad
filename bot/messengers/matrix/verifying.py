"""Runs verifications: takes requests, and finds the events of each. verification.py compares the emoji."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from bot.messengers.matrix.canonical import Json, text
from bot.messengers.matrix.client import Client
from bot.messengers.matrix.reading import RoomMessage, Sync
from bot.messengers.matrix.verification import METHOD, PREFIX, Events, Verification, VerificationStep

REQUEST = f"{PREFIX}request"


@dataclass(frozen=True, slots=True)
class _Event:
    """One event of a verification, from a room or from a device."""

    sender: str
    type: str
    "Its type without the prefix."

    content: Json
    transaction: str
    room: str
    "Its room. Empty: it came from device to device."

    encrypted: bool = False


class Verifier:
    """Lets one person verify us. Their last request counts."""

    def __init__(self, client: Client, user: str) -> None:
        self.current: Verification | None = None
        self._client = client
        self._user = user
        self._room = ""
        self._encrypted = False

    async def take(self, sync: Sync) -> None:
        """Handle new events. Raises Unreachable, ServerRefusal."""
        for event in _events(sync):
            if event.sender != self._user:
                continue
            if event.type == "request":
                await self._asked(event)
            elif self.current is not None and event.transaction == self.current.transaction:
                keys = self._client.people.keys_of(self._user)
                await self._send(self.current.receive(event.type, event.content, keys))

    async def same(self) -> None:
        """Note that the emoji are the same on both sides. Raises Unreachable, ServerRefusal."""
        if self.current is not None:
            await self._send(self.current.same(self._client.people.keys_of(self._user)))

    async def cancel(self, code: str = "m.mismatched_sas") -> None:
        """Cancel, because the emoji differ or nobody has compared them. Raises Unreachable, ServerRefusal."""
        if self.current is not None:
            await self._send(self.current.cancel(code))

    async def _asked(self, event: _Event) -> None:
        device, methods = text(event.content, "from_device", most=255), event.content.get("methods")
        own = self._client.own
        ours = self._user == own.user and device == own.device
        if ours or not device or not isinstance(methods, list) or METHOD not in methods:
            return
        if self.current is not None and self.current.step is VerificationStep.COMPARING:
            return  # one at a time: a comparison that has begun goes on
        await self._client.keys.query([self._user])
        related = {"rel_type": "m.reference", "event_id": event.transaction} if event.room else None
        self._room, self._encrypted = event.room, event.encrypted
        self.current = Verification(own, own.master, self._user, device, event.transaction, related)
        await self._send(self.current.ready())

    async def _send(self, events: Events) -> None:
        current = self.current
        assert current is not None
        for type_, content in events:
            addressed = current.addressed(content)
            if self._room and not self._encrypted:
                # Not encrypted, as in Element: what is proven rests on the emoji, not on who can read these events.
                await self._client.api.send(self._room, PREFIX + type_, secrets.token_hex(16), addressed)
            elif self._room:
                await self._client.write(self._room, secrets.token_hex(16), addressed, PREFIX + type_)
            else:
                messages = {self._user: {current.device: addressed}}
                await self._client.api.to_device(PREFIX + type_, secrets.token_hex(16), messages)


def _events(sync: Sync) -> list[_Event]:
    found = [
        _Event(sender, type_, content, text(content, "transaction_id", most=255), "")
        for sender, type_, content in sync.verifications
    ]
    return [*found, *(event for message in sync.messages if (event := _in_room(message)) is not None)]


def _in_room(message: RoomMessage) -> _Event | None:
    content, encrypted = message.content, message.standing is not None
    if message.type == "m.room.message" and text(content, "msgtype") == REQUEST:
        return _Event(message.sender, "request", content, message.event, message.room, encrypted)
    if message.type.startswith(PREFIX):
        transaction = text(content, "m.relates_to", "event_id", most=255)
        type_ = message.type.removeprefix(PREFIX)
        return _Event(message.sender, type_, content, transaction, message.room, encrypted)
    return None
