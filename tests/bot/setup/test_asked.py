"""Questions to a person at a terminal, mainly of `copybara setup`: what is asked, and that a slip costs nothing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from bot.home import Home
from bot.messengers.matrix.account_file import MatrixAccount, write_account
from shared.config.file import load
from tests.bot.console import environment_of_a_person
from tests.wide_terminal import wide_terminal

SECONDS = 60.0

TRIES = ("--overlay", "loopback")


class Terminal:
    """`copybara setup` in a separate terminal."""

    def __init__(self, screen: asyncio.StreamReader, keys: int, process: int) -> None:
        self.seen = ""
        self.process = process
        self._screen = screen
        self._keys = keys

    async def asks(self, pattern: str, answer: str) -> None:
        """Wait for a question, and answer it."""
        await self.shows(pattern)
        self.types(answer)

    def types(self, answer: str) -> None:
        """Type a line."""
        os.write(self._keys, f"{answer}\n".encode())

    def ends(self) -> None:
        """Type Ctrl-D, as somebody who has had enough."""
        os.write(self._keys, b"\x04")

    def interrupts(self) -> None:
        """Type Ctrl-C."""
        os.kill(self.process, signal.SIGINT)

    async def shows(self, pattern: str) -> str:
        """Wait for a pattern. Returns everything that was shown up to its end."""
        async with asyncio.timeout(SECONDS):
            while not (found := re.search(pattern, self.seen)):
                more = await self._screen.read(4096)
                assert more, self.seen
                self.seen += more.decode().replace("\r", "")
        shown, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return shown


def set_up(home: Path, *arguments: str, code: int = 0) -> AbstractAsyncContextManager[Terminal]:
    """`copybara setup` with these arguments."""
    return at_terminal("--home", str(home), "setup", *arguments, code=code)


def at_terminal(*arguments: str, code: int = 0) -> AbstractAsyncContextManager[Terminal]:
    """A `copybara` that a person answers, and that exits with that code."""
    return answered(str(Path(sys.executable).with_name("copybara")), *arguments, code=code)


@asynccontextmanager
async def answered(*command: str, code: int = 0) -> AsyncIterator[Terminal]:
    """Any command that a person answers, and that exits with that code."""
    ours, theirs = wide_terminal()
    screen = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(screen), os.fdopen(os.dup(ours), "rb", 0)
    )
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment_of_a_person(),
    )
    os.close(theirs)
    try:
        yield Terminal(screen, ours, process.pid)
        assert await asyncio.wait_for(process.wait(), SECONDS) == code
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        transport.close()
        os.close(ours)


async def test_a_person_is_asked_for_their_name_and_once_for_a_messenger(tmp_path: Path) -> None:
    async with set_up(tmp_path, *TRIES) as terminal:
        await terminal.asks(r"Your name, as your friends will see it\?.*\) ", "x" * 400)
        await terminal.asks(r"A name on a card has at most .*\nYour name, .*\) ", "Anna")
        await terminal.asks(r"Who carries the links(.|\n)*Which one\? \[1\] ", "Telegram")
        await terminal.asks(r"Telegram is none of these\. Give a number from 1 to 4\.\nWhich one\? \[1\] ", "")
        # They talk at the page, which uses the browser's devices.
        assert "microphone" not in await terminal.shows("Next:")
    assert load(tmp_path / "copybara.toml").name == "Anna"


async def test_a_messenger_is_asked_about_once_it_was_chosen(tmp_path: Path) -> None:
    async with set_up(tmp_path, *TRIES, "--name", "Anna") as terminal:
        await terminal.asks(r"Which one\? \[1\] ", "2")
        await terminal.asks(r"The token of your own Telegram bot.* ", "no token")
        again = r"That isn't a Telegram token\. BotFather shows it: .*\n+The token of your own.* "
        await terminal.asks(again, "")
        await terminal.shows(r"Next:\n  copybara start ")


WITHOUT_MATRIX = """
import sys
sys.modules["vodozemac"] = None  # as where the extra isn't installed
from bot.cli.main import main
sys.exit(main())
"""


async def test_a_messenger_that_is_not_installed_is_named_with_how_to_add_it_and_chosen_again(tmp_path: Path) -> None:
    given = ("--home", str(tmp_path), "setup", *TRIES, "--name", "Anna")
    async with answered(sys.executable, "-c", WITHOUT_MATRIX, *given) as terminal:
        await terminal.asks(r"Which one\? \[1\] ", "4")
        missing = r"Matrix needs the package vodozemac\. Install .*\nDo that in another terminal and .*\n"
        await terminal.asks(rf"{missing}(.|\n)*Which one\? \[1\] ", "")
        await terminal.shows(r"Next:\n  copybara start ")


async def test_what_was_answered_before_a_failure_is_kept_and_the_next_set_up_goes_on_from_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "copybara.toml").write_text('[telegram]\nbase_url = "http://127.0.0.1:1"\n')
    (tmp_path / "telegram.token").mkdir()
    async with set_up(tmp_path, *TRIES, code=1) as terminal:
        await terminal.asks(r"Your name, as your friends will see it\?.*\) ", "Anna")
        await terminal.asks(r"Which one\? \[1\] ", "2")
        await terminal.asks(r"The token of your own Telegram bot.* ", f"2001:{'A' * 35}")
        said = await terminal.shows(r"it goes on from there\.\n")
        assert "Telegram can't be reached" in said
        assert f"error: {tmp_path / 'telegram.token'}" in said
        assert "What you answered before that is kept: run `copybara setup` again" in said
    async with set_up(tmp_path, *TRIES) as terminal:
        await terminal.asks(r"Your name, as your friends will see it\?.*\) \[Anna\] ", "")
        await terminal.asks(r"Which one\? \[1\] ", "")
        await terminal.shows(r"Next:\n  copybara start ")


async def test_one_part_alone_ends_with_what_is_next_too(tmp_path: Path) -> None:
    (tmp_path / "copybara.toml").write_text('overlay = "loopback"\n')
    async with set_up(tmp_path, "telegram") as terminal:
        await terminal.asks(r"The token of your own Telegram bot.* ", "")
        await terminal.shows(r"Next:\n  copybara setup +goes on with the rest(.|\n)*  copybara start ")


async def test_a_bot_that_nobody_has_verified_yet_can_log_in_again_or_replace_its_identity(tmp_path: Path) -> None:
    write_account(
        Home(tmp_path), MatrixAccount("@bot:example.org", "https://127.0.0.1:1", "DEVICE", "token", "@anna:example.org")
    )
    async with set_up(tmp_path, "matrix") as terminal:
        await terminal.asks(r"nobody has verified it yet\. What is next\?.*reset\) \[verify\] ", "reset")
        await terminal.asks(r"The Matrix user of your bot.*\] ", "bot")
        await terminal.asks(r"That isn't a Matrix user\. .*\nThe Matrix user of your bot.*\] ", "")
        await terminal.asks(r"Your own Matrix user\?.*\] ", "")
        await terminal.asks(r"The address of its homeserver\?.*\] ", "")
        await terminal.asks(r"The password of @bot:example.org\? ", "secret")
        failed = r"The homeserver can't be reached.*try again: copybara setup matrix\nTry again now\?.*\[yes\] "
        await terminal.asks(failed, "")
        await terminal.asks(r"The Matrix user of your bot.*\[@bot:example.org\] ", "")
        await terminal.asks(r"Your own Matrix user\?.*\[@anna:example.org\] ", "")
        await terminal.asks(r"The address of its homeserver\?.*\[https://127.0.0.1:1\] ", "")
        await terminal.asks(r"The password of @bot:example.org\? ", "secret")
        await terminal.asks(failed, "no")
        await terminal.shows("Next:")


async def test_what_was_given_once_can_be_taken_back_where_enter_keeps_it(tmp_path: Path) -> None:
    write_account(Home(tmp_path), MatrixAccount("@bot:example.org", "https://127.0.0.1:1", "", "", "@anna:example.org"))
    (tmp_path / "copybara.toml").write_text('name = "Anna"\n[matrix]\nenabled = true\n')
    async with set_up(tmp_path, *TRIES) as terminal:
        await terminal.asks(r"friends will see it\? \(- leaves it empty\) \[Anna\] ", "-")
        await terminal.asks(r"The Matrix user of your bot.*\(-: no Matrix\) \[@bot:example.org\] ", "")
        await terminal.asks(r"Your own Matrix user\? \(-: .*\) \[@anna:example.org\] ", "-")
        await terminal.asks(r"homeserver\? \(-: it is looked up\) \[https://127.0.0.1:1\] ", "")
        await terminal.asks(r"The password of @bot:example.org\? ", "secret")
        await terminal.asks(r"Try again now\?.*\[yes\] ", "")
        await terminal.asks(r"The Matrix user of your bot.*\(-: no Matrix\) \[@bot:example.org\] ", "-")
        await terminal.shows("Next:")
    assert load(tmp_path / "copybara.toml").name == ""


async def test_who_only_tried_it_is_asked_whether_they_want_a_network_now(tmp_path: Path) -> None:
    (tmp_path / "copybara.toml").write_text('overlay = "loopback"\n')
    async with set_up(tmp_path, "overlay") as terminal:
        await terminal.asks(r"Set up a network that reaches friends\? \(yes/no\) \[yes\] ", "no")
    assert load(tmp_path / "copybara.toml").overlay == "loopback"


async def test_what_is_neither_yes_nor_no_is_asked_again_and_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / "copybara.toml").write_text('overlay = "loopback"\n[handset]\nenabled = false\n')
    again = r"“{}” is neither yes nor no\. Type yes or no\.\n"
    async with set_up(tmp_path, *TRIES, "--name", "Anna") as terminal:
        await terminal.asks(r"Which one\? \[1\] ", "")
        await terminal.asks(r"Try microphone, speaker and camera now\?.*\] ", "copybara start")
        await terminal.asks(again.format("copybara start") + r"Try microphone.*\] ", "N")
    async with at_terminal("--home", str(tmp_path), "uninstall") as terminal:
        await terminal.asks(r"Remove them for good\? \(yes/no\) \[no\] ", "yess")
        await terminal.asks(again.format("yess") + r"Remove them.*\] ", "No")
    assert load(tmp_path / "copybara.toml").name == "Anna"
