"""Every command on a system with a fault: it ends in `error:` and `hint:`, never in a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.home import Home
from shared.config.file import load
from shared.store import Store
from tests.bot import each_command
from tests.bot.console import connect, environment_of_a_person, people
from tests.shared.store.ordinary_user import reachable_folder
from tests.wide_terminal import wide_terminal

pytestmark = pytest.mark.slow

SECONDS = 300.0
"How long all commands of a place may take on a busy machine."

NODE = "zw18y5z3bv3vk7vwwey011s7rnn8sgbjef3vknjadhvmv4gdvv8g"

COMMANDS = [
    ["init"],
    ["setup", "name"],
    ["run", "--console", "--overlay", "loopback"],
    ["run", "--console", "--json", "--overlay", "loopback"],
    ["doctor", "--overlay", "loopback"],
    ["doctor", "--overlay", "loopback", "--json"],
    ["status"],
    ["status", "--json"],
    ["call", "anna"],
    ["answer"],
    ["decline", "later"],
    ["hangup"],
    ["differ"],
    ["contacts", "list"],
    ["contacts", "list", "--json"],
    ["contacts", "add", "anna", NODE],
    ["contacts", "show", "anna"],
    ["contacts", "trust", "anna"],
    ["contacts", "ring", "anna"],
    ["contacts", "block", "anna"],
    ["contacts", "endpoint", "anna", "echo"],
    ["contacts", "rename", "anna", "ben"],
    ["contacts", "remove", "anna"],
    ["card", "--overlay", "loopback"],
    ["card", "--overlay", "loopback", "--json"],
    ["card", "--overlay", "loopback", "--records"],
    ["resolve", "anna"],
    ["resolve", "anna", "--json"],
    ["link", "explain", "copybara:AAAA"],
    ["link", "explain", "copybara:AAAA", "--json"],
    ["demo", "--help"],
]


SPEAK = ("init", "setup", "run", "doctor")
"Commands that check their streams, or the machine."


@dataclass
class Ended:
    """The end of a command."""

    arguments: Sequence[str]
    code: int
    out: str
    err: str
    deaf: bool = False
    "Whether its stderr was closed."

    def check(self) -> None:
        """Check that it worked, or says what is wrong and what to do."""
        told = f"{' '.join(map(ascii, self.arguments))} ended with {self.code}:\n{self.err}"
        assert "Traceback" not in self.err, told
        assert "Exception" not in self.err, told
        assert self.code in (0, 1, 2), told
        if self.deaf:
            return
        if self.code == 1 and not self.out.lstrip().startswith(("ok ", '{"ok"')):  # the doctor's own lines
            lines = self.err.splitlines()
            assert lines[0].startswith("error: "), told
            assert any(line.startswith("hint:  ") for line in lines), told
        if self.code == 2:
            assert "error: " in self.err, told


@dataclass
class Place:
    """Where commands are run."""

    prefix: Sequence[str] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)
    streams: str = ""
    "The shell's redirections of the standard streams, such as `>&-`."

    kept: str = ""
    "The standard streams that stay unchanged: 1, 2."

    home: str = ""

    async def run_all(self, commands: Sequence[Sequence[str]], folder: Path) -> list[Ended]:
        """Run commands one after the other."""
        lines = [[*arguments, *(["--home", self.home] if self.home else [])] for arguments in commands]
        (folder / "commands").write_text(json.dumps(lines))
        script = [str(Path(each_command.__file__)), str(folder / "commands"), str(folder / "results"), self.kept]
        await self._process(script, b"")
        results = json.loads((folder / "results").read_text())
        deaf = "2" in self.kept
        return [Ended(line, code, out, err, deaf) for line, (code, out, err) in zip(lines, results, strict=True)]

    async def run(self, arguments: Sequence[str | bytes]) -> Ended:
        """Run one command in a separate process."""
        line = [*arguments, *(["--home", self.home] if self.home else [])]
        code, out, err = await self._process(["-m", "bot.cli", *line], None)
        return Ended([os.fsdecode(each) for each in line], code, out, err)

    async def _process(self, arguments: Sequence[str | bytes], wanted: bytes | None) -> tuple[int, str, str]:
        environment = environment_of_a_person()
        for name, value in self.environment.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value
        process = await asyncio.create_subprocess_exec(
            *self.prefix,
            *("sh", "-c", f'exec "$@" {self.streams}', "sh", sys.executable, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
        assert process.returncode is not None
        assert wanted is None or process.returncode == 0, err.decode()
        return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def filled(home: Path) -> Path:
    """A home with a contact whose name isn't ASCII."""
    home.mkdir(mode=0o700, parents=True)
    there = Home(home)
    there.prepare()
    there.load_sealing_key()
    with Store(there.database) as store:
        from shared.contacts import Contact
        from shared.node_id import NodeId

        store.save_contact(Contact(name="Ännchen[red]", node=NodeId(bytes(31) + b"\1"), created=0))
    return home


C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
"Makes permissions count for root."


def _plain(folder: Path) -> Place:
    return Place(home=str(folder / "new"))


def _no_home_directory(folder: Path) -> Place:
    gone = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "COPYBARA_HOME"))
    # It may read the program anywhere, as ordinary users can read an installed one.
    reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return Place(prefix=["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", *reads], environment=gone)


def _ascii_terminal(folder: Path) -> Place:
    return Place(environment=C_LOCALE | {"PYTHONIOENCODING": "ascii"}, home=str(filled(folder / "home")))


def _latin_terminal(folder: Path) -> Place:
    return Place(environment=C_LOCALE | {"PYTHONIOENCODING": "iso8859-1"}, home=str(filled(folder / "home")))


def _closed_stdout(folder: Path) -> Place:
    return Place(streams=">&-", kept="1", home=str(filled(folder / "home")))


def _closed_stderr(folder: Path) -> Place:
    return Place(streams="2>&-", kept="2", home=str(filled(folder / "home")))


def _everything_closed(folder: Path) -> Place:
    return Place(streams="<&- >&- 2>&-", kept="12", home=str(filled(folder / "home")))


def _full_stdout(folder: Path) -> Place:
    return Place(streams=">/dev/full", kept="1", home=str(filled(folder / "home")))


def _home_is_a_file(folder: Path) -> Place:
    (folder / "file").write_text("not a folder")
    return Place(home=str(folder / "file"))


def _unwritable(folder: Path) -> Place:
    home = filled(folder / "home")
    home.chmod(0o500)
    return Place(prefix=POWERLESS, home=str(home))


def _nothing_may_be_made(folder: Path) -> Place:
    above = folder / "above"
    above.mkdir(mode=0o555)
    return Place(prefix=POWERLESS, home=str(above / "home"))


def _full_disk(folder: Path) -> Place:
    """A disk of 16 KiB that only the command sees."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = f"mount -t tmpfs -o size=16k,mode=0700 none {disk} && mkdir -m 700 {disk}/home"
    full = f'{mounted} && head -c 20000 /dev/zero >{disk}/filler 2>/dev/null; exec "$@"'
    return Place(prefix=["unshare", "--mount", "sh", "-c", full, "sh"], home=str(disk / "home"))


PLACES: list[Callable[[Path], Place]] = [
    _plain,
    _no_home_directory,
    _ascii_terminal,
    _latin_terminal,
    _closed_stdout,
    _closed_stderr,
    _everything_closed,
    _full_stdout,
    _home_is_a_file,
    _unwritable,
    _nothing_may_be_made,
    _full_disk,
]

AS_ROOT = {_no_home_directory, _unwritable, _nothing_may_be_made, _full_disk}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__.strip("_").replace("_", " "))
async def test_every_command_ends_in_a_word_wherever_it_is_run(place: Callable[[Path], Place]) -> None:
    if place in AS_ROOT and os.geteuid() != 0:
        pytest.skip("only root can become another user or mount a disk")
    with reachable_folder() as folder:
        where = place(folder)
        scratch = folder / "scratch"
        scratch.mkdir()
        scratch.chmod(0o777)  # another user may write the results
        ended = await where.run_all(COMMANDS, scratch)
        for each in ended:
            each.check()
        if "2" in where.kept:
            # Nobody reads the output, but the command does the same, and its output gets into no file.
            other = Place(
                streams=where.streams.replace("2>&-", ""),
                kept=where.kept.replace("2", ""),
                home=str(filled(folder / "other")),
            )
            heard = await other.run_all(COMMANDS, scratch)
            assert [(each.arguments[:2], each.code) for each in ended if each.arguments[0] not in SPEAK] == [
                (each.arguments[:2], each.code) for each in heard if each.arguments[0] not in SPEAK
            ]
            assert nothing_was_said_into(Path(where.home))
            with Store(Home(Path(where.home)).database) as store, Store(Home(Path(other.home)).database) as others:
                assert {each.name for each in store.contacts()} == {each.name for each in others.contacts()}


def nothing_was_said_into(home: Path) -> bool:
    """Whether no error went into a file that was opened instead of stderr."""
    return not [path for path in home.iterdir() if path.is_file() and b"error: " in path.read_bytes()]


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["contacts", "--help"]], ids=" ".join)
async def test_help_that_nobody_can_read_is_an_error(arguments: list[str], unbuffered: str) -> None:
    ended = await Place(environment={"PYTHONUNBUFFERED": unbuffered}, streams=">/dev/full").run(arguments)
    ended.check()
    assert ended.code == 1
    assert "No space left on device" in ended.err


async def test_an_argument_that_is_not_utf8_is_wrong_usage(tmp_path: Path) -> None:
    wrong: tuple[list[str | bytes], ...] = (
        ["resolve", b"caf\xe9"],
        ["contacts", "add", b"\xff", NODE],
        [b"\xfe"],
        ["--home", b"/\xe9", "status"],
    )
    for arguments in wrong:
        ended = await Place(home=str(tmp_path / "home")).run(arguments)
        ended.check()
        assert ended.code == 2
        assert ended.err.startswith("error: An argument isn't UTF-8 text: ")


async def test_a_long_dash_before_an_option_is_named(tmp_path: Path) -> None:
    ended = await Place(home=str(tmp_path / "home")).run(["contacts", "list", "—json"])
    ended.check()
    assert "Begin it with two hyphens instead of —" in ended.err


async def test_an_empty_home_is_wrong_usage_and_not_the_current_folder(tmp_path: Path) -> None:
    ended = await Place().run(["contacts", "list", "--home", ""])
    ended.check()
    assert ended.code == 2
    assert "the name of the file or folder is empty" in ended.err


async def test_a_home_whose_links_lead_in_a_circle_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    ended = await Place(home=str(tmp_path / "one")).run(["contacts", "list"])
    ended.check()
    assert "symbolic links lead in a circle" in ended.err or "Too many levels of symbolic links" in ended.err


async def test_an_empty_name_is_wrong_usage(tmp_path: Path) -> None:
    commands = [
        ["call", ""],
        ["answer", "--name", ""],
        ["hangup", " "],
        ["resolve", "\u200f"],
        ["contacts", "show", ""],
        ["contacts", "add", "", NODE],
        ["contacts", "add", "anna", ""],
        ["contacts", "rename", "anna", ""],
        ["sdp", "offer", ""],
        ["card", "--qr", ""],
        ["bugreport", "--output", ""],
    ]
    for ended in await Place(home=str(tmp_path / "home")).run_all(commands, tmp_path):
        ended.check()
        assert (ended.code, "is empty" in ended.err) == (2, True), ended


async def test_a_name_with_a_mark_of_direction_around_it_is_that_name(tmp_path: Path) -> None:
    place = Place(home=str(tmp_path / "home"))
    added = await place.run(["contacts", "add", "\u2067אבא\u2069", NODE])
    assert (added.code, added.err) == (0, "")
    with Store(Home(Path(place.home)).database) as store:
        assert store.contact_named("אבא") is not None


async def test_a_name_in_utf8_is_read_in_an_ascii_locale_too(tmp_path: Path) -> None:
    place = _ascii_terminal(tmp_path)
    added = await place.run(["contacts", "add", "Zoë", NODE])
    assert (added.code, added.err) == (0, "")
    with Store(Home(Path(place.home)).database) as store:
        assert store.contact_named("Zoë") is not None


async def test_the_home_in_the_environment_may_be_unreadable_text_too(tmp_path: Path) -> None:
    strange = os.fsdecode(bytes(tmp_path) + b"/\xe9")
    ended = await Place(environment={"COPYBARA_HOME": strange}).run(["contacts", "list"])
    ended.check()
    assert ended.code == 1


@contextlib.asynccontextmanager
async def terminal(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A command with its own terminal, and our end of that."""
    ours, theirs = wide_terminal()
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", sys.executable, "-m", "bot.cli", *arguments),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment_of_a_person(),
        cwd=Path(__file__).parents[2],
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        with contextlib.suppress(OSError):
            os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_until(ours: int, wanted: bytes) -> bytes:
    """What the terminal shows up to `wanted`, or all of it if the command ends first."""
    read = b""
    while wanted not in read:
        try:
            read += await asyncio.to_thread(os.read, ours, 4096)
        except OSError:  # EIO: the command has ended
            break
    return read


@pytest.mark.parametrize("question", [b"Your name", b"Telegram"])
@pytest.mark.parametrize("key", [b"\x04", b"\x03"], ids=["ctrl-d", "ctrl-c"])
async def test_a_question_can_be_left_by_ctrl_d_and_ctrl_c(tmp_path: Path, key: bytes, question: bytes) -> None:
    home = tmp_path / "home"
    command = terminal("init", "--overlay", "loopback", "--home", str(home))
    async with asyncio.timeout(SECONDS), command as (process, ours):
        shown = await read_until(ours, b"? ")
        while question not in shown:
            assert shown, "the command has ended"
            os.write(ours, b"\n")
            shown = await read_until(ours, b"? ")
        os.write(ours, key)
        shown += await read_until(ours, b"hint:")
        assert await process.wait() == 1
    assert b"error: " in shown
    assert b"Traceback" not in shown
    assert load(home / "copybara.toml").overlay == "loopback", "what was answered before is kept"


async def test_a_terminal_that_is_closed_ends_calls_as_ctrl_c_does(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob)
        assert await bob.signalled(signal.SIGHUP) == 0
        ended = await anna.call("ended")
        assert ended["reason"] == "remote-hung-up"


async def test_a_reader_who_leaves_early_ends_the_command_in_silence(tmp_path: Path) -> None:
    if shutil.which("true") is None:
        pytest.skip("needs the program true")
    place = Place(home=str(filled(tmp_path / "home")))
    ended = await Place(prefix=["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash"], home=place.home).run(
        ["contacts", "list"]
    )
    assert "Traceback" not in ended.err
    assert ended.code in (0, 1)
