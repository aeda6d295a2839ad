"""Files in a call between two programs: offered in the console, answered there, and continued after a kill."""

from __future__ import annotations

import hashlib
import re
import signal
from pathlib import Path

import pytest

from bot.demo.node import Said
from bot.kinds import Kind
from tests.bot.console import Person, connect, hang_up, people
from tests.written_files import until_written

SIZE = 10_000_000


def written(folder: Path, name: str, size: int) -> Path:
    """A file of that size without two equal parts."""
    path = folder / name
    path.write_bytes(hashlib.shake_256(name.encode()).digest(size))
    return path


SOME = 1_000_000
"In bytes."


def accepting(offered: str) -> str:
    """The command that accepts an offered file."""
    found = re.search(r"/files accept \d+", offered)
    assert found is not None
    return found[0]


async def arrives(person: Person) -> Said:
    """The report of a complete file. Waits without limit while more of it arrives."""
    return await person.file(lambda report: bool(report["state"] == "done"))


def begun(person: Person) -> int:
    """Bytes of files that are arriving there."""
    return sum(part.stat().st_size for part in (person.home / "files" / ".parts").iterdir())


async def test_files_are_sent_answered_and_listed_in_the_console_and_at_the_command_line(
    friends: Path, tmp_path: Path
) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob)
        small = written(tmp_path, "a film.webm", 200_000)
        assert "a film.webm" in await anna.asked(f"/send bob: {small}", kind=Kind.FILE_OFFERING)
        offered = await bob.told(kind=Kind.FILE_OFFERED)
        assert "anna wants to send you a film.webm: a film, 200 kB." in offered
        # Without its number, another file could have replaced it.
        assert "accept NUMBER" in await bob.asked("/files accept", kind="error.wrong-use")
        bob.write(accepting(offered))
        arrived = await bob.told(kind=Kind.FILE_RECEIVED)
        assert str(bob.home / "files" / "a film.webm") in arrived
        assert (bob.home / "files" / "a film.webm").read_bytes() == small.read_bytes()
        await anna.told(kind=Kind.FILE_DELIVERED)

        # From the command line, to a contact who always accepts.
        assert "without asking" in await bob.asked("/contact files anna always", kind=Kind.CONTACT_FILES)
        code, out, _ = await anna.cli("send", "--to", "bob", str(written(tmp_path, "run.sh", 10)))
        assert (code, "run.sh" in out) == (0, True)
        assert "run.sh" in await bob.told(kind=Kind.FILE_RECEIVED)

        # Declined.
        bob.write(f"/send anna: {written(tmp_path, 'no.txt', 10)}")
        number = (await anna.told(kind=Kind.FILE_OFFERED)).rpartition(" ")[2]
        code, _, _ = await anna.cli("files", "decline", number)
        assert code == 0
        assert "anna declined no.txt" in await bob.told(kind=Kind.FILE_DECLINED)
        assert "No files" in await anna.asked("/files", kind=Kind.FILE_LIST)
        assert "whole path" in await anna.asked("/send bob: no.txt", kind="error.input")
        await hang_up(anna, bob)


@pytest.mark.parametrize("killed", ["sender", "receiver"])
async def test_a_file_continues_when_either_program_is_killed(friends: Path, tmp_path: Path, killed: str) -> None:
    path = written(tmp_path, "large.bin", SIZE)
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await connect(anna, bob, "audio")
        await anna.asked(f"/send bob: {path}", kind=Kind.FILE_OFFERING)
        bob.write(accepting(await bob.told(kind=Kind.FILE_OFFERED)))
        # Reports come once a second, in which a fast machine sends the whole file.
        await until_written(bob.home / "files" / ".parts", lambda: begun(bob) >= SOME)
        dies = anna if killed == "sender" else bob
        await dies.signalled(signal.SIGKILL)
        await dies.begin()
        # Nobody is asked again, and nothing is sent twice: in the call that continues, or in the next one. Until he
        # knows that she is gone, his earlier part is reported as well.
        await bob.file(lambda report: report["resumed"] >= SOME)
        arrived = await arrives(bob)
        await anna.told(kind=Kind.FILE_DELIVERED)
        assert arrived["path"] == str(bob.home / "files" / "large.bin")
        assert (bob.home / "files" / "large.bin").read_bytes() == path.read_bytes()
        assert [each.name for each in (bob.home / "files").iterdir() if each.is_file()] == ["large.bin"]
        await hang_up(anna, bob)
