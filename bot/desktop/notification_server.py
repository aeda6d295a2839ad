"""The desktop's notification server, over the session bus: Desktop Notifications Specification 1.2.

Another program is at the other end. What it says is checked for its type and its sender, and what it doesn't say within
five seconds it doesn't say at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from bot.command_socket import user_of
from bot.desktop.notification import Notification, as_sent
from shared.errors import NoNotifications
from shared.extras import how_to_add

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

logger = logging.getLogger(__name__)

SERVER, SERVER_PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
BUS, BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"

SECONDS = 5.0
"What the bus or the server may take for one answer."

GOODBYE_SECONDS = 1.0
"What closing all notifications may take when the program ends."

MAX_WORD = 256
"Characters of an action's key or of an activation token; a server has no reason to send longer ones."


class Invoked(msgspec.Struct, frozen=True):
    """The person has chosen something."""

    number: int
    key: str


class Closed(msgspec.Struct, frozen=True):
    """A notification isn't shown any more."""

    number: int


class ActivationToken(msgspec.Struct, frozen=True):
    """What lets the window come to the front that the next choice opens (xdg-activation)."""

    number: int
    token: str


class OtherServer(msgspec.Struct, frozen=True):
    """Another server has begun, or the old one ended: what it showed is gone."""

    owner: str
    "The new one, by its unique name; empty if there is none."


class BusGone(msgspec.Struct, frozen=True):
    """The connection to the bus is over."""


Heard: TypeAlias = Invoked | Closed | ActivationToken | OtherServer | BusGone


class NotificationServer:
    """Whatever server there is at the moment."""

    def __init__(self, bus: MessageBus, heard: Callable[[Heard], None], *, seconds: float = SECONDS) -> None:
        """`seconds` is what it may take for one answer."""
        self._bus = bus
        self._heard = heard
        self._seconds = seconds
        self.owner = ""
        "The server that has answered last, by its unique name: nobody else's signals count."

    async def show(self, notification: Notification) -> int:
        """Show it; returns its number. Raises NoNotifications."""
        asked = await self._call("GetCapabilities", reply="as")
        capabilities, self.owner = asked.body[0], str(asked.sender)
        *words, hints, timeout = as_sent(notification, frozenset(capabilities), 0)
        from dbus_fast import Variant

        hinted = {name: Variant(kind, value) for name, (kind, value) in hints.items()}
        reply = await self._call("Notify", "susssasa{sv}i", [*words, hinted, timeout], reply="u")
        self.owner = str(reply.sender)
        return int(reply.body[0])

    async def close(self, number: int, seconds: float | None = None) -> None:
        """Show it no more; one that isn't there is no error. Raises NoNotifications."""
        await self._call("CloseNotification", "u", [number], seconds=seconds)

    async def name(self) -> tuple[str, frozenset[str]]:
        """What the server calls itself, and what it can do. Raises NoNotifications."""
        capabilities = (await self._call("GetCapabilities", reply="as")).body[0]
        name, _, version, _ = (await self._call("GetServerInformation", reply="ssss")).body
        return f"{name} {version}", frozenset(capabilities)

    async def listen(self) -> None:
        """Hear from now on what happens to notifications. Raises NoNotifications."""
        rules = (
            f"type='signal',sender='{SERVER}',path='{SERVER_PATH}',interface='{SERVER}'",
            f"type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{SERVER}'",
        )
        self._bus.add_message_handler(self._received)
        for rule in rules:
            await self._call("AddMatch", "s", [rule], to=(BUS, BUS_PATH))

    def _received(self, message: Message) -> None:
        """Every message that reaches us, from anybody on the bus."""
        signal = (message.interface, message.member, message.signature)
        if message.sender == BUS and signal == (BUS, "NameOwnerChanged", "sss"):
            if message.body[0] == SERVER:
                self._heard(OtherServer(message.body[2]))
        elif message.sender == self.owner and message.path == SERVER_PATH:
            match signal:
                case (str(), "ActionInvoked", "us") if len(message.body[1]) <= MAX_WORD:
                    self._heard(Invoked(*message.body))
                case (str(), "ActivationToken", "us") if len(message.body[1]) <= MAX_WORD:
                    self._heard(ActivationToken(*message.body))
                case (str(), "NotificationClosed", "uu"):
                    self._heard(Closed(message.body[0]))

    async def _call(
        self,
        member: str,
        signature: str = "",
        body: list[object] | None = None,
        *,
        reply: str = "",
        to: tuple[str, str] = (SERVER, SERVER_PATH),
        seconds: float | None = None,
    ) -> Message:
        from dbus_fast import Message, MessageType
        from dbus_fast.errors import DBusFastError

        name, path = to
        asked = Message(
            destination=name, path=path, interface=name, member=member, signature=signature, body=body or []
        )
        try:
            async with asyncio.timeout(self._seconds if seconds is None else seconds):
                answer = await self._bus.call(asked)
        except TimeoutError:
            raise NoNotifications("The desktop's notification server doesn't answer.") from None
        except (OSError, EOFError, DBusFastError) as error:
            raise NoNotifications(f"The connection to the session bus is broken: {_why(error)}.") from error
        if answer is None or answer.message_type is MessageType.ERROR:
            why = answer.error_name if answer is not None else "no answer"
            raise NoNotifications(f"The desktop shows no notifications: {why}.")
        if answer.signature != reply:
            raise NoNotifications("The desktop's notification server answers in a way that nobody understands.")
        return answer


@contextlib.asynccontextmanager
async def notification_server(
    address: str, heard: Callable[[Heard], None] = lambda said: None, *, seconds: float = SECONDS
) -> AsyncIterator[NotificationServer]:
    """The server that is reached over the bus at `address`, until the end of the block.

    `heard` is called with what happens there. Bus and server have `seconds` for each answer. Raises NoNotifications.
    """
    try:
        # Fifty milliseconds the first time: calls mustn't wait for it.
        await asyncio.to_thread(_import)
        from dbus_fast.aio import MessageBus
    except ImportError:
        raise NoNotifications(
            "The library for the desktop's notifications isn't installed.",
            how_to_add("desktop"),
        ) from None
    try:
        bus = MessageBus(address, auth_timeout=seconds)
        async with asyncio.timeout(seconds):
            await bus.connect()
    except TimeoutError:
        raise NoNotifications("The session bus doesn't answer.") from None
    except Exception as error:  # of the connection, or of what came over it
        raise NoNotifications(f"The session bus can't be reached: {_why(error)}.") from error
    _refuse_foreign(bus)
    server = NotificationServer(bus, heard, seconds=seconds)
    watching = asyncio.create_task(_until_gone(bus, heard))
    try:
        await server.listen()
        yield server
    finally:
        bus.disconnect()
        await watching


def _refuse_foreign(bus: MessageBus) -> None:
    """Raise NoNotifications if the bus is another user's program, at an address that our last session has left.

    It would read who calls, and could answer. The library proves us to the bus, and not the bus to us.
    """
    user = user_of(bus._sock) if bus._sock is not None else None
    if user not in (None, 0, os.geteuid()):
        bus.disconnect()
        raise NoNotifications(
            "The session bus belongs to another user.", "Log in again, or start the program within your session."
        )


def _why(error: Exception) -> str:
    """What the system says; else only what kind of error it is, for its text may be the bus's own."""
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


async def _until_gone(bus: MessageBus, heard: Callable[[Heard], None]) -> None:
    try:
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    except Exception as error:  # of the connection, or of what came over it
        logger.info("the session bus has gone: %r", error)
    heard(BusGone())


def _import() -> None:
    import dbus_fast.aio  # noqa: F401
