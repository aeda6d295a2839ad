"""Anna and Bob: each is a human with Element's crypto, and a bot that was set up as the documentation says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bot.console import Chat, Person, environment_of_a_person
from tests.bot.matrix.human import PATIENCE, Human, human
from tests.bot.matrix.synapse import Synapse
from tests.wide_terminal import wide_terminal

CONFIG = "[handset]\nenabled = false\n"


@dataclass
class Pair:
    """One person: the human, and their program with its bot."""

    human: Human
    program: Person
    bot: str
    "The bot's user id. The human's own if the bot is a device of theirs."

    own_room: str = ""
    "The room of only the human and the bot."

    @property
    def name(self) -> str:
        """The name in the other person's contacts."""
        return self.program.name

    async def says(self, text: str, room: str = "") -> str:
        """Write as the human, to the bot or in another room. Returns the event's id."""
        return str((await self.human.do("send", room=room or self.own_room, text=text))["event"])

    async def asks(self, text: str, *words: str) -> dict[str, Any]:
        """Write to the bot. Returns its answer with all these words."""
        seen = len(self.human.told)
        await self.says(text)
        return await self.human.reads(*words, room=self.own_room, after=seen)


class SettingUp:
    """`copybara setup matrix` at a terminal."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int, output: asyncio.StreamReader) -> None:
        self.seen = ""
        self._process = process
        self._terminal = terminal
        self._output = output

    async def until(self, words: str) -> str:
        """Wait until the words were written. Returns everything that was written."""
        async with asyncio.timeout(PATIENCE):
            while words not in self.seen:
                with contextlib.suppress(OSError):  # the terminal's other end is gone
                    if data := await self._output.read(4096):
                        self.seen += data.decode(errors="replace")
                        continue
                raise AssertionError(f"it ended without {words!r}:\n{self.seen}")
        return self.seen

    def answer(self, text: str) -> None:
        """Type a line."""
        os.write(self._terminal, f"{text}\n".encode())

    async def ended(self) -> int:
        """The exit code."""
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(OSError):
                while data := await self._output.read(4096):
                    self.seen += data.decode(errors="replace")
            return await self._process.wait()


@contextlib.asynccontextmanager
async def setting_up(home: Path, **answers: str) -> AsyncIterator[SettingUp]:
    """Run the command, with answers given beforehand."""
    terminal, inside = wide_terminal()
    output = asyncio.StreamReader()
    reading = os.fdopen(os.dup(terminal), "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), reading
    )
    given = {f"COPYBARA_MATRIX_{name.upper()}": value for name, value in answers.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(home), "setup", "matrix"),
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment_of_a_person() | given,
    )
    os.close(inside)
    try:
        yield SettingUp(process, terminal, output)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        transport.close()
        os.close(terminal)


async def set_up(home: Path, person: Human, bot: str, room: str = "", **answers: str) -> str:
    """Set up a bot, and verify it in both windows. Returns the room of the two.

    The result is empty if the account is the human's. `room` is the room if there is one already.
    """
    seen = len(person.told)
    async with setting_up(home, user=bot, **answers) as command:
        await command.until("Now verify the bot")
        if bot != person.user and not room:
            wanted = ("membership", person.user, "invite")
            invited = await person.until(
                lambda each: (each["type"], each.get("user"), each.get("membership")) == wanted, seen
            )
            room = invited["room"]
            await person.do("join", room=room)
        await person.do("verify", who=bot, room=room)
        there = await person.until(lambda each: each["type"] == "emoji", seen)
        here = await command.until("Does your app show the same")
        assert "   ".join(f"{picture} {name}" for picture, name in there["emoji"]) in here
        command.answer("yes")
        await person.do("same")
        await person.until(lambda each: each["type"] == "verified", seen)
        assert await command.ended() == 0, command.seen
    return str(room)


@contextlib.asynccontextmanager
async def somebody(
    server: Synapse, folder: Path, name: str, friends: Path, *, own: bool = False
) -> AsyncIterator[Pair]:
    """A human and their running bot. `friends` has their home. `own`: the bot is a device of the human's account."""
    user = server.register(f"{name}-{folder.name}", "secret")
    bot = user if own else server.register(f"{name}-bot-{folder.name}", "secret of the bot")
    person = Person(name, folder, Chat(), config=CONFIG + "[matrix]\nenabled = true\n")
    shutil.copytree(friends / name, person.home)
    (person.home / "copybara.toml").write_text(f'name = "{name}"\noverlay = "loopback"\n{CONFIG}')
    async with human(server.address, user, "secret") as someone:
        password = "secret" if own else "secret of the bot"
        room = await set_up(person.home, someone, bot, owner=someone.user, server=server.address, password=password)
        await person.begin()
        try:
            yield Pair(someone, person, bot, room)
            person.check()
        finally:
            if person.running:
                person.process.kill()
                await person.gone()


async def shared_room(anna: Pair, bob: Pair) -> str:
    """An encrypted room with both humans and both bots."""
    room = str((await anna.human.do("room", name="both of us", invite=[bob.human.user, anna.bot]))["room"])
    await bob.human.do("join", room=room)
    await bob.human.do("invite", room=room, who=bob.bot)
    for user in (bob.human.user, anna.bot, bob.bot):
        await in_room(anna, room, user)
    return room


async def in_room(pair: Pair, room: str, user: str) -> None:
    """Wait until a user is in a room."""
    wanted = ("membership", room, user, "join")
    await pair.human.until(
        lambda each: tuple(each.get(name) for name in ("type", "room", "user", "membership")) == wanted
    )
