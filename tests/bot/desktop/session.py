"""A desktop session for tests: a real session bus, with our own notification server or a real one."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.programs import need, unless_it_ends

SECONDS = 60.0
"How long anything may take on a busy machine."

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"

EVERYTHING = ("actions", "body", "body-markup", "persistence")

CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>{more}
  </policy>
</busconfig>
"""
"Debian's configuration, without services that start on demand."


@contextlib.asynccontextmanager
async def program(
    *command: str, environment: dict[str, str], user: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program whose stdout is read, until the end of the block; another user's if root says whose.

    What it complains about is shown with a test that fails.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        user=user,
        group=user,
        extra_groups=None if user is None else (),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def session_bus(folder: Path, *, user: int | None = None) -> AsyncIterator[str]:
    """A bus of its own, in a folder of its user; gives its address."""
    need("dbus-daemon", packages="dbus-daemon")
    config = folder / "bus.conf"
    # One who lies in wait for others lets them in.
    config.write_text(CONFIG.format(path=folder / "bus", more='<allow user="*"/>' if user else ""))
    options = (f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog", "--print-address")
    async with program("dbus-daemon", *options, environment={}, user=user) as daemon:
        yield (await _first_line(daemon, "dbus-daemon")).partition(",")[0]


async def _first_line(program: asyncio.subprocess.Process, name: str) -> str:
    assert program.stdout is not None
    async with asyncio.timeout(SECONDS):
        line = await program.stdout.readline()
    assert line, f"{name} has ended; see its stderr"
    return line.decode().strip()


@dataclass(frozen=True)
class Shown:
    """A notification that a program wants to show."""

    number: int
    app: str
    summary: str
    body: str
    actions: tuple[str, ...]
    hints: dict[str, Any] = field(hash=False)
    timeout: int


class Server:
    """A notification server under the control of a test."""

    def __init__(self, bus: MessageBus, capabilities: Iterable[str]) -> None:
        self.bus = bus
        self.capabilities: Any = list(capabilities)
        self.answers = True
        self.program = ""
        "The unique name of the program that asked last."

        self._numbers = 0
        self._shown: asyncio.Queue[Shown] = asyncio.Queue()
        self._closed: asyncio.Queue[int] = asyncio.Queue()
        self._asked: asyncio.Queue[str] = asyncio.Queue()

    async def shown(self) -> Shown:
        """The next notification to show."""
        async with asyncio.timeout(SECONDS):
            return await self._shown.get()

    async def closed(self) -> int:
        """The next notification to close."""
        async with asyncio.timeout(SECONDS):
            return await self._closed.get()

    async def asked(self) -> str:
        """The next method that a program calls."""
        async with asyncio.timeout(SECONDS):
            return await self._asked.get()

    @property
    def nothing_more(self) -> bool:
        """Whether there is no notification that a test hasn't taken."""
        return self._shown.empty()

    def choose(self, shown: Shown, key: str, token: str = "") -> None:
        """Let a person choose that, which closes the notification."""
        if token:
            self.signal("ActivationToken", "us", [shown.number, token])
        self.signal("ActionInvoked", "us", [shown.number, key])
        self.signal("NotificationClosed", "uu", [shown.number, 2])

    def signal(self, member: str, signature: str, body: list[Any]) -> None:
        """Send a signal to everybody."""
        self.bus.send(Message.new_signal(PATH, NAME, member, signature, body))

    async def in_order(self) -> None:
        """Wait until all signals have been passed on. The bus answers in the order of the requests."""
        await self.bus.call(Message("org.freedesktop.DBus", "/", "org.freedesktop.DBus.Peer", "Ping"))

    def handle(self, message: Message) -> Message | bool:
        """Handle one message to us."""
        if message.message_type is not MessageType.METHOD_CALL or message.interface != NAME:
            return False
        self.program = str(message.sender)
        self._asked.put_nowait(str(message.member))
        if not self.answers:
            return True
        match message.member:
            case "GetCapabilities":
                kind = "as" if isinstance(self.capabilities, list) else "s"
                return Message.new_method_return(message, kind, [self.capabilities])
            case "GetServerInformation":
                return Message.new_method_return(message, "ssss", ["tests", "nobody", "1", "1.2"])
            case "Notify":
                self._numbers += 1
                app, _, _, summary, body, actions, hints, timeout = message.body
                values = {name: hint.value for name, hint in hints.items() if isinstance(hint, Variant)}
                self._shown.put_nowait(Shown(self._numbers, app, summary, body, tuple(actions), values, timeout))
                return Message.new_method_return(message, "u", [self._numbers])
            case _:
                self._closed.put_nowait(message.body[0])
                return Message.new_method_return(message)


@contextlib.asynccontextmanager
async def connected(address: str) -> AsyncIterator[MessageBus]:
    """A connection to the bus."""
    bus = await MessageBus(address).connect()
    try:
        yield bus
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


@contextlib.asynccontextmanager
async def notification_server(address: str, capabilities: Iterable[str] = EVERYTHING) -> AsyncIterator[Server]:
    """Our own server on the bus."""
    async with connected(address) as bus:
        server = Server(bus, capabilities)
        bus.add_message_handler(server.handle)
        await bus.request_name(NAME)
        yield server


CHOOSES = """\
#!/bin/sh
grep -m 1 -F "#$(cat {wanted}) ("
"""
"Replaces the program with which dunst shows a menu. It chooses what a file names."


class Dunst:
    """Debian's dunst on an invisible screen."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._wanted = folder / "wanted"
        self._environment = environment

    async def choose(self, label: str) -> None:
        """Choose that in the menu of what is shown."""
        self._wanted.write_text(label)
        await self._ctl("context")

    async def until_shown(self, count: int) -> None:
        """Wait until `count` notifications are on the screen."""
        async with asyncio.timeout(SECONDS):
            while (await self._ctl("count", "displayed")).split() != [str(count)]:
                pass

    async def history(self) -> str:
        """The notifications that are gone, as JSON."""
        return await self._ctl("history")

    async def _ctl(self, *words: str) -> str:
        async with program("dunstctl", *words, environment=self._environment) as ctl:
            out, _ = await ctl.communicate()
        assert ctl.returncode == 0, words
        return out.decode()


@contextlib.asynccontextmanager
async def screen(address: str) -> AsyncIterator[dict[str, str]]:
    """An invisible screen. Yields the environment of programs that use it and the bus at that address."""
    need("Xvfb", packages="xvfb")
    async with program("Xvfb", "-displayfd", "1", "-nolisten", "tcp", environment={}) as server:
        display = await _first_line(server, "Xvfb")
        yield {"DISPLAY": f":{display}", "DBUS_SESSION_BUS_ADDRESS": address}


@contextlib.asynccontextmanager
async def dunst(folder: Path, address: str) -> AsyncIterator[Dunst]:
    """Dunst, which shows notifications of the bus at that address."""
    need("dunst", "dunstctl", "dbus-send", packages="dunst, dbus-bin")
    chooses = folder / "chooses"
    chooses.write_text(CHOOSES.format(wanted=folder / "wanted"))
    chooses.chmod(0o755)
    config = folder / "dunstrc"
    config.write_text(f"[global]\ndmenu = {chooses}\nhistory_length = 20\n")
    async with (
        screen(address) as environment,
        program("dunst", "-conf", str(config), environment=environment) as shows,
        connected(address) as bus,
    ):
        await unless_it_ends(shows, "dunst", None, _until_owned(bus))
        yield Dunst(folder, environment)


async def _until_owned(bus: MessageBus) -> None:
    """Wait until there is a notification server."""
    there = asyncio.Event()

    def look(message: Message) -> None:
        if message.member == "NameOwnerChanged":
            there.set()

    bus.add_message_handler(look)
    driver = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    rule = f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{NAME}'"
    await bus.call(Message(*driver, "AddMatch", signature="s", body=[rule]))
    owned = await bus.call(Message(*driver, "NameHasOwner", signature="s", body=[NAME]))
    if not (owned and owned.body[0]):
        async with asyncio.timeout(SECONDS):
            await there.wait()
