"""`copybara start`: the page in the browser, no messenger, no console; and the output of `run` without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.kinds import Kind
from bot.terminal import texts as says
from shared.node_id import NodeId
from tests.bot.console import cli, connect, environment_of_a_person, people
from tests.peer.handset.wire import page_at
from tests.wide_terminal import wide_terminal

SECONDS = 60.0


def home_in(folder: Path, config: str = "") -> Path:
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "copybara.toml").write_text(f'name = "Anna"\noverlay = "loopback"\n{config}')
    return home


class Browser:
    """A browser that only reports what it should open."""

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "opened"
        os.mkfifo(self._pipe)
        program = folder / "browser"
        program.write_text(f'#!/bin/sh\necho "$1" > {self._pipe}\n')
        program.chmod(0o755)
        self.variable = f"{program} %s"
        "The value of BROWSER."

    async def opened(self) -> str:
        """The next address that it gets."""
        reader = asyncio.StreamReader()
        pipe = os.fdopen(os.open(self._pipe, os.O_RDWR), "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            async with asyncio.timeout(SECONDS):
                return (await reader.readline()).decode().strip()
        finally:
            transport.close()


@dataclass
class Running:
    """A `copybara`, and its output."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    last: list[str] = field(default_factory=list)
    "What it wrote before its end."

    async def until(self, wanted: str) -> list[str]:
        """Its lines up to the one that contains `wanted`."""
        lines: list[str] = []
        async with asyncio.timeout(SECONDS):
            while not lines or wanted not in lines[-1]:
                line = (await self.reader.readline()).decode()
                assert line, f"It ended: {lines}"
                lines.append(line.rstrip())
        return lines

    async def rest(self) -> list[str]:
        """Its output up to its end."""
        lines: list[str] = []
        with contextlib.suppress(OSError):  # the other end is closed
            while line := await self.reader.readline():
                lines.append(line.decode().rstrip())
        return lines


@contextlib.asynccontextmanager
async def running(home: Path, *arguments: str, browser: str = "", terminal: bool = False) -> AsyncIterator[Running]:
    """`copybara` with that home, during the block. Ctrl-C then ends it with 0.

    It writes to a pipe, or to a `terminal`.
    """
    environment = {key: value for key, value in environment_of_a_person().items() if "DISPLAY" not in key}
    ours, theirs = wide_terminal() if terminal else os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(home), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**environment, **({"BROWSER": browser} if browser else {})},
    )
    os.close(theirs)
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", buffering=0)
    )
    try:
        yield (program := Running(process, reader))
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(SECONDS):
            program.last = await program.rest()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        transport.close()


async def test_start_opens_the_page_by_an_address_that_works_once_and_holds_no_key(tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    async with running(
        home_in(tmp_path, "[handset]\nport = 0\n"), "start", browser=browser.variable, terminal=True
    ) as program:
        lines = await program.until(says.STAYS)
        (shown,) = (line for line in lines if "#key=" in line)
        address = await browser.opened()
        assert "#ticket=" in address
        assert address.partition("#")[0] in shown
        async with page_at(address) as (_, hello):
            assert hello["name"] == "Anna"
    assert program.last[-1] == says.ENDED


async def test_a_second_start_opens_the_page_of_the_first(tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    home = home_in(tmp_path, "[handset]\nport = 0\n")
    async with running(home, "start", browser=browser.variable, terminal=True) as program:
        await program.until(says.STAYS)
        await browser.opened()
        async with asyncio.timeout(SECONDS):
            second = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.cli", "--home", str(home), "start"),
                stdout=asyncio.subprocess.PIPE,
                env={**environment_of_a_person(), "BROWSER": browser.variable},
            )
            (out, _), address = await asyncio.gather(second.communicate(), browser.opened())
        assert second.returncode == 0
        assert says.RUNS_ALREADY.text in out.decode()
        async with page_at(address) as (_, hello):
            assert hello["name"] == "Anna"


async def test_without_a_browser_start_says_where_to_open_the_page(tmp_path: Path) -> None:
    async with running(home_in(tmp_path, "[handset]\nport = 0\n"), "start", terminal=True) as program:
        lines = await program.until(says.STAYS)
        assert any(line.startswith(says.NO_DESKTOP) for line in lines)
        assert not any("ssh" in line for line in lines)
        code, out, _ = await cli("--home", str(tmp_path / "home"), "start", "--no-open", "--json")
        assert code == 0
        assert json.loads(out)["handset"] in "\n".join(lines)


@pytest.mark.parametrize(
    ("told", "login"),
    [
        ("192.0.2.1 50123 192.0.2.7 22", "{user}@192.0.2.7"),
        ("2001:db8::1 50123 2001:db8::7 2222", "-p 2222 {user}@2001:db8::7"),
        ("UNKNOWN 65535 UNKNOWN 65535", ""),
        ("192.0.2.7 ; reboot 22", ""),
    ],
)
async def test_who_came_over_ssh_is_told_how_to_see_the_page_where_they_sit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, login: str
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", told)
    async with running(home_in(tmp_path, "[handset]\nport = 0\n"), "start", terminal=True) as program:
        lines = await program.until(says.STAYS)
    address = next(line for line in lines if line.startswith("Your page: ")).removeprefix("Your page: ")
    port = urlsplit(address).port
    shown = f"  ssh -N -L {port}:127.0.0.1:{port} {login.format(user=getpass.getuser())}"
    assert [line for line in lines if "ssh -" in line] == ([shown] if login else [])
    assert any("on a computer that you share with nobody" in line for line in lines) is bool(login)


@pytest.mark.parametrize("port", ["configured", "taken", "any"])
async def test_only_the_port_that_is_configured_is_recommended_as_a_bookmark(tmp_path: Path, port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        if port != "taken":
            other.close()
        config = f"[handset]\nport = {0 if port == 'any' else number}\n"
        async with running(home_in(tmp_path, config), "start", terminal=True) as program:
            said = "\n".join(await program.until(says.STAYS))
    bookmark = says.BOOKMARK.format(place=f"http://127.0.0.1:{number}/")
    assert (bookmark in said) is (port == "configured")
    assert (says.NO_BOOKMARK in said) is (port != "configured")


@pytest.mark.parametrize(("command", "terminal"), [("start", True), ("start", False), ("run", False)])
async def test_what_happens_and_the_pages_key_are_shown_on_the_terminal_of_start_alone(
    tmp_path: Path, command: str, terminal: bool
) -> None:
    anna = str(NodeId(b"anna".ljust(32)))
    home = home_in(tmp_path, '[answer]\nendpoint = "pattern"\n[handset]\nport = 0\n')
    async with running(home, command, terminal=terminal) as program:
        lines = await program.until(says.STAYS if command == "start" else says.WHERE_THE_PAGE_IS.text)
        code, out, err = await cli("--home", str(home), "call", anna, "--json")
        assert code == 0, err
        (placed,) = (post["text"] for post in json.loads(out)["posts"] if post["to"] == "owner")
        if terminal:
            lines += await program.until(placed.splitlines()[0])
        await cli("--home", str(home), "hangup")
    lines += program.last
    assert any(placed.splitlines()[0] in line for line in lines) is terminal
    assert any("#key=" in line for line in lines) is terminal
    assert any(says.WHERE_THE_PAGE_IS.text in line for line in lines) is not terminal


async def test_run_needs_neither_a_messenger_nor_a_console_as_long_as_there_is_a_page(tmp_path: Path) -> None:
    home = home_in(tmp_path, "[handset]\nport = 0\n")
    async with running(home, "run", "--json") as program:
        (line,) = await program.until("ready")
        assert json.loads(line)["handset"].startswith("http://127.0.0.1:")
    (home / "copybara.toml").write_text('overlay = "loopback"\n[handset]\nenabled = false\n')
    code, _, err = await cli("--home", str(home), "run")
    assert code == 1
    assert err.startswith("error: There is no way to talk to this program")


async def test_on_a_terminal_run_says_the_pages_address_without_a_console(tmp_path: Path) -> None:
    ours, theirs = wide_terminal()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(home_in(tmp_path, "[handset]\nport = 0\n")), "run"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=environment_of_a_person(),
    )
    os.close(theirs)
    try:
        shown = b""
        async with asyncio.timeout(SECONDS):
            while b"#key=" not in shown:
                shown += await asyncio.to_thread(os.read, ours, 4096)
            process.terminate()
            assert await process.wait() == 0
    finally:
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_first_call_in_a_console_without_a_page_says_where_to_talk(tmp_path: Path, friends: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends, config='[answer]\nendpoint = "auto"\n') as (anna, bob):
        await connect(anna, bob)
        for person in (anna, bob):
            said = await person.told(kind=Kind.HANDSET_PAGE)
            assert person.handset is not None
            assert person.handset in said
            await person.calm()
        await connect(anna, bob)
        await anna.calm()
        assert [said["kind"] for said in anna.said].count(Kind.HANDSET_PAGE) == 1
