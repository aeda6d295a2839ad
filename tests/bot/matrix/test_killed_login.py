"""A log-in that is killed, and one for another owner: nothing from before is used with what is new."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from bot.home import Home
from bot.messengers.matrix.account_file import MatrixAccount, read_account
from bot.messengers.matrix.login import log_in
from shared.store import Store
from shared.store.journal import UNFINISHED, Journal
from tests.bot.matrix.homeserver import NAME, Homeserver

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from bot.home import Home
from bot.messengers.matrix.account_file import MatrixAccount
from bot.messengers.matrix.login import log_in

def killed(descriptor):
    path = Path(f"/proc/self/fd/{descriptor}")
    if path.is_file() and b"token" in path.read_bytes():
        os.kill(os.getpid(), signal.SIGKILL)

home = Home(Path(sys.argv[1]))
account = MatrixAccount(sys.argv[2], sys.argv[3], owner=sys.argv[4])
asyncio.run(log_in(home, account, "password"))
os.fsync = killed
asyncio.run(log_in(home, account, "password", reset=True))
"""
"A program that is killed when the second log-in is written without a name. The first device's keys are gone by then."


async def test_after_a_killed_log_in_as_a_new_device_there_is_none_until_the_next(
    in_memory: Homeserver, tmp_path: Path
) -> None:
    home, bot, owner = Home(tmp_path / "home"), f"@new-bot:{NAME}", f"@owner:{NAME}"
    arguments = (str(home.folder), bot, in_memory.address, owner)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, *arguments, cwd=ROOT)
    assert await process.wait() == -signal.SIGKILL
    account = read_account(home)
    assert account is not None
    assert not account.logged_in
    assert (account.user, account.server, account.owner) == (bot, in_memory.address, owner)
    assert (await log_in(home, account, "password")).logged_in


async def test_what_the_owner_before_has_commanded_is_not_carried_out_for_the_next(
    in_memory: Homeserver, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    for owner, kept in ((f"@owner:{NAME}", 0), (f"@owner:{NAME}", 1), (f"@next:{NAME}", 0)):
        account = MatrixAccount(f"@third-bot:{NAME}", in_memory.address, owner=owner)
        assert (await log_in(home, account, "password")).owner == owner
        with Store(home.database) as store:
            journal = Journal(store, "matrix")
            assert (len(journal.waiting()), len(journal.facts(UNFINISHED))) == (kept, kept)
            journal.store([(1, b"/contact trust bob")], now=1)
            journal.set_facts({f"{UNFINISHED}1": b"/call bob.azero"})
