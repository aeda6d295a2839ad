"""A step of more than two seconds says on standard error what it is. A quick one says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bot.home import Home
from bot.terminal.slow_steps import said_if_slow
from tests.bot.console import cli, environment_of_a_person
from tests.wide_terminal import wide_terminal


@contextlib.contextmanager
def slow_program(home: Home) -> Iterator[None]:
    """A running copybara's socket that replies after four seconds: twice as long as a step may be silent."""
    home.prepare()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home.command_socket))
        listening.listen()

        def answer() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rwb") as stream:
                stream.readline()
                time.sleep(4)
                stream.write(json.dumps({"posts": [{"text": "called"}]}).encode() + b"\n")

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            thread.join()


async def at_terminal(home: Home, *arguments: str, **variables: str) -> tuple[int | None, str, str]:
    """Run `copybara` with standard error on a terminal. Returns its exit code, stdout and stderr."""
    terminal, its_end = wide_terminal()
    with os.fdopen(terminal, "rb", buffering=0) as read:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.cli", "--home", str(home.folder), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=its_end,
            env={**environment_of_a_person(), **variables},
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        os.close(its_end)
        err = b""
        with contextlib.suppress(OSError):  # EIO: the other end is closed
            while part := read.read(4096):
                err += part
    return process.returncode, out.decode(), err.decode().replace("\r\n", "\n")


async def test_a_call_that_the_program_takes_long_for_says_what_it_waits_for(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    with slow_program(home):
        code, out, err = await at_terminal(home, "call", "anna.azero")
    assert (code, out) == (0, "called\n")
    assert err == "Waiting for copybara to carry out: copybara call anna.azero video …\n"


async def test_the_doctor_says_where_it_looks_as_soon_as_that_takes_long(tmp_path: Path) -> None:
    """systemd takes three seconds to reply."""
    home = Home(tmp_path / "h")
    home.prepare()
    home.own_config.write_text('overlay = "loopback"\n')
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text("#!/bin/sh\nsleep 3\necho active\n")
    (programs / "systemctl").chmod(0o755)
    unit = tmp_path / "config" / "systemd" / "user" / "copybara.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    path = f"{programs}:{os.environ['PATH']}"
    code, out, err = await at_terminal(home, "doctor", PATH=path, XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert code == 0, out
    assert "Looking at the service …\n" in err


async def test_standard_output_and_what_is_no_terminal_stay_as_they_are(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    with slow_program(home):
        code, out, err = await cli("--home", str(home.folder), "call", "anna.azero", "--json")
    assert (code, json.loads(out), err) == (0, {"posts": [{"text": "called"}]}, "")


def test_a_quick_step_says_nothing_and_leaves_nothing_behind() -> None:
    terminal, its_end = wide_terminal()
    with open(terminal, "rb", buffering=0) as read, open(its_end, "w") as written:
        os.set_blocking(terminal, False)
        with contextlib.redirect_stderr(written), said_if_slow("Waiting"):
            (timer,) = (thread for thread in threading.enumerate() if isinstance(thread, threading.Timer))
        timer.join(60)
        assert not timer.is_alive()
        assert read.read() is None
