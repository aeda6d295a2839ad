"""Nobody reads the program's stderr or stdout, or it can't be written: calls and commands go on."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import sys
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from bot.command_socket import AskStatus, Reply, Say, ask
from bot.home import Home
from bot.kinds import Kind
from bot.terminal import line_writer
from bot.terminal.line_writer import LineWriter
from shared.errors import NotRunning
from tests.bot.console import SECONDS, Person, befriend, connect, environment_of_a_person, hang_up, people


def fill(descriptor: int) -> bytes:
    """Write into a pipe until no more bytes fit."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    filling = b""
    with contextlib.suppress(BlockingIOError):
        while True:
            filling += b"." * os.write(descriptor, b"." * 4096)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
    return filling


@contextlib.contextmanager
def a_full_pipe() -> Iterator[BinaryIO]:
    """A full pipe that nobody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    fill(writing)
    with open(writing, "wb") as full:
        yield full
    os.close(reading)


@contextlib.contextmanager
def a_reader_that_has_gone() -> Iterator[BinaryIO]:
    """A pipe without a reader."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as broken:
        yield broken


@contextlib.contextmanager
def a_full_disk() -> Iterator[BinaryIO]:
    """A file that can't be written."""
    with open("/dev/full", "wb") as full:
        yield full


class Verbose(Person):
    """A person whose program logs everything to a stderr that isn't read."""

    stderr: BinaryIO | None = None
    "None: it is closed."

    def command(self, *arguments: str) -> list[str]:
        """The command line."""
        closed = [] if self.stderr else ["sh", "-c", 'exec "$@" 2>&-', "sh"]
        return [*closed, *super().command("--verbose", *arguments)]

    async def start(self, *options: str, errors: BinaryIO | None = None) -> None:
        """As Person."""
        await super().start(*options, errors=self.stderr or errors)


async def talks(folder: Path, kind: type[Verbose]) -> None:
    """A person is called, calls, asks for the status, and ends the program in time."""
    async with people(folder, "anna", kind=kind) as (anna,), people(folder, "bob", chat=anna.chat) as (bob,):
        await befriend(bob, anna)
        await connect(bob, anna)
        await bob.media()
        assert len((await anna.status())["calls"]) == 1
        assert "bob" in await anna.asked("/status", kind=Kind.STATUS)
        await hang_up(anna, bob)
        async with asyncio.timeout(5):
            assert await anna.signalled(signal.SIGTERM) == 0


@pytest.mark.parametrize("stderr", [a_full_pipe, a_reader_that_has_gone, a_full_disk])
async def test_a_stderr_that_takes_nothing_stops_neither_calls_nor_commands(
    tmp_path: Path, stderr: Callable[[], contextlib.AbstractContextManager[BinaryIO]]
) -> None:
    with stderr() as unread:

        class Unread(Verbose):
            stderr = unread

        await talks(tmp_path, Unread)


async def test_a_closed_stderr_stops_neither_calls_nor_commands(tmp_path: Path) -> None:
    await talks(tmp_path, Verbose)


@pytest.mark.parametrize("command", ["start --no-open", "run --json", "--verbose run"])
async def test_a_terminal_that_is_held_with_ctrl_s_stops_nothing(tmp_path: Path, command: str) -> None:
    home = Home(tmp_path / "home")
    home.folder.mkdir(mode=0o700)
    (home.folder / "copybara.toml").write_text('name = "anna"\noverlay = "loopback"\n')
    async with held_terminal(home, command.split()) as ended, people(tmp_path, "bob") as (bob,):
        calling = await asyncio.to_thread(answer_of, home, Say(f"/call {bob.node}"))
        bob.write(next(str(post["text"]) for post in calling.posts if post["to"] == "chat"), sender="anna")
        await bob.told(kind=Kind.STRANGER_RINGS)
        status = (await asyncio.to_thread(answer_of, home, AskStatus())).status
        assert status is not None
        calls: Any = status["calls"]
        assert [call["node"] for call in calls] == [bob.node]
        await asyncio.to_thread(answer_of, home, Say("/hangup"))
        assert await ended() == 0


@contextlib.asynccontextmanager
async def held_terminal(home: Home, command: list[str]) -> AsyncIterator[Callable[[], asyncio.Future[int]]]:
    """A program in a terminal whose output is held from the start.

    Yields a function that ends it with its exit code.
    """
    master, slave = pty.openpty()
    termios.tcflow(slave, termios.TCOOFF)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(home.folder), *command),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment_of_a_person(),
    )

    def end() -> asyncio.Future[int]:
        process.terminate()
        return asyncio.ensure_future(asyncio.wait_for(process.wait(), SECONDS))

    try:
        yield end
    finally:
        if process.returncode is None:
            process.kill()
        # Its last close would wait for the held output.
        termios.tcflow(slave, termios.TCOON)
        await process.wait()
        os.close(master)
        os.close(slave)


def answer_of(home: Home, question: Say | AskStatus) -> Reply:
    """The program's reply, once it runs."""
    while True:
        with contextlib.suppress(NotRunning):
            return ask(home.command_socket, question)


def counted(lines: int) -> bytes:
    return b"%d left out\n" % lines


async def test_what_a_slow_reader_misses_is_counted_once_and_the_rest_comes_in_order() -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    filling = fill(writing)
    writer = LineWriter(writing, counted)
    lines = [b"%d\n" % number for number in range(line_writer.MOST_LINES + 100)]
    for line in lines:
        writer.put(line)
    read = await asyncio.to_thread(until, reading, lines[-1])
    before, _, after = read.removeprefix(filling).partition(b" left out\n")
    *begun, count = before.splitlines(keepends=True)
    assert b"".join(begun) + after == b"".join(lines[: len(begun)] + lines[len(begun) + int(count) :])
    assert int(count) + len(begun) == 100
    writer.drain()


def until(reading: int, wanted: bytes) -> bytes:
    """Everything from a pipe up to `wanted`."""
    read = b""
    while not read.endswith(b"\n" + wanted):
        read += os.read(reading, 65536)
    return read
