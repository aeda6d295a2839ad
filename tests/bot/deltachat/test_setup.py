"""`copybara setup deltachat`: the account, the configuration, and the doctor's report."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bot.home import Home
from bot.messengers.deltachat.setup import check_made, make
from shared.config.file import load
from shared.errors import InputError
from tests.bot.console import cli
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import login
from tests.bot.setup.test_asked import at_terminal
from tests.endless import Endless


async def test_an_invite_makes_an_account_and_doing_it_twice_changes_nothing(
    tmp_path: Path, server: MailServer
) -> None:
    home = tmp_path / "home"
    account = {"COPYBARA_DELTACHAT_ACCOUNT": login(server, "set-up-bot")}
    for _ in range(2):
        code, said, errors = await cli("--home", str(home), "setup", "deltachat", "--yes", environment=account)
        assert (code, errors) == (0, "")
        assert "set-up-bot@mail.test" in said
    assert load(home / "copybara.toml").deltachat.enabled
    assert "secret" not in (home / "copybara.toml").read_text()
    _, said, _ = await cli("--home", str(home), "doctor", "--overlay", "loopback", "--json")
    check = next(each for each in json.loads(said)["checks"] if each["name"] == "deltachat")
    assert (check["ok"], "Nobody is the owner of set-up-bot@mail.test" in check["detail"]) == (False, True)


async def test_a_login_that_does_not_work_leaves_no_account(tmp_path: Path, server: MailServer) -> None:
    home = tmp_path / "home"
    wrong = login(server, "nobody").replace(f"ip={server.imap_port}", "ip=1")
    account = {"COPYBARA_DELTACHAT_ACCOUNT": wrong}
    code, _, errors = await cli("--home", str(home), "setup", "deltachat", "--yes", environment=account)
    assert code == 1
    assert errors.startswith("error: Delta Chat can't use that account")
    assert not (home / "copybara.toml").exists() or not load(home / "copybara.toml").deltachat.enabled


async def test_a_person_is_asked_again_for_an_account_that_does_not_work(tmp_path: Path, server: MailServer) -> None:
    wrong = login(server, "nobody").replace(f"ip={server.imap_port}", "ip=1")
    async with at_terminal("--home", str(tmp_path), "setup", "deltachat") as terminal:
        await terminal.asks(r"Which one\? \(empty: no Delta Chat\) ", wrong)
        await terminal.asks(r"Delta Chat can't use that account(.|\n)*Which one\? \(empty: no Delta Chat\) ", "")
        await terminal.shows("Next:")


@pytest.mark.parametrize("again", [b"", b"* OK x\r\n" * 500], ids=["silent", "without end"])
async def test_mail_servers_that_come_to_no_end_are_given_up(tmp_path: Path, server: MailServer, again: bytes) -> None:
    answer = Endless(b"* OK ready\r\n", again)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening, asyncio.timeout(30):
        port = listening.sockets[0].getsockname()[1]
        account = login(server, "endless").replace(f"ip={server.imap_port}", f"ip={port}")
        with pytest.raises(InputError, match="come to no end"):
            await asyncio.to_thread(make, Home(tmp_path), account, "", seconds=1.0)
        await answer.over.wait()
    account = login(server, "endless")
    assert await asyncio.to_thread(make, Home(tmp_path), account, "") == "endless@mail.test"


async def test_without_an_answer_nothing_is_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, _, _ = await cli("--home", str(home), "setup", "deltachat", "--yes")
    assert code == 0
    assert not (home / "deltachat").exists()
    with pytest.raises(InputError):
        check_made(Home(home))
