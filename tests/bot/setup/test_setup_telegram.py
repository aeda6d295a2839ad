"""`copybara setup telegram`: a token is checked before it is stored, and the ways into Telegram are switched on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.messengers import telegram
from bot.messengers.owner_code import claim, code_of, owner_of
from bot.messengers.telegram import switches
from bot.messengers.telegram.incoming import Connection, to_bytes
from shared.config.file import load
from shared.errors import MessengerError
from shared.store import Store
from shared.store.journal import CONNECTION, UNFINISHED, Journal
from tests.bot.console import cli
from tests.bot.setup.rude_server import serving
from tests.bot.setup.test_asked import at_terminal
from tests.bot.setup.test_public_peers import HEAD
from tests.bot.telegram.server import Server
from tests.bot.telegram.world import BotAccount, World

TOKEN = "2001:" + "A" * 35


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server(World()).running() as running:
        yield running


@pytest.fixture
def bot(server: Server) -> BotAccount:
    account = server.world.bot(2001, "Anna's bot", "anna_bot", TOKEN)
    account.groups = account.business = False
    return account


def home_of(folder: Path, server: Server) -> Path:
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "copybara.toml").write_text(f'overlay = "loopback"\n[telegram]\nbase_url = "{server.url}"\n')
    return home


async def set_up(home: Path, monkeypatch: pytest.MonkeyPatch, token: str = TOKEN) -> tuple[int, str, str]:
    monkeypatch.setenv("COPYBARA_TELEGRAM_TOKEN", token)
    return await cli("--home", str(home), "setup", "telegram", "--yes")


async def test_a_token_is_tried_kept_and_all_ways_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, bot: BotAccount
) -> None:
    home = home_of(tmp_path, server)
    code, out, err = await set_up(home, monkeypatch)
    assert (code, err) == (0, "")
    assert TOKEN not in out
    assert "@anna_bot" in out
    assert (home / "telegram.token").read_text().strip() == TOKEN
    assert (home / "telegram.token").stat().st_mode & 0o777 == 0o600
    config = load(home / "copybara.toml")
    assert (config.telegram.token, config.telegram.base_url) == ("file", server.url)
    assert all((bot.inline, bot.inline_feedback, bot.groups, bot.guest, bot.business, bot.bot_to_bot))
    assert bot.privacy, "nobody asked for more than is needed"
    assert " off" not in out
    before = (home / "copybara.toml").read_bytes()
    code, again, _ = await set_up(home, monkeypatch)
    assert code == 0
    assert "@anna_bot" in again
    assert (home / "copybara.toml").read_bytes() == before


async def test_the_bot_gets_another_owner_only_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, bot: BotAccount
) -> None:
    home = home_of(tmp_path, server)
    await set_up(home, monkeypatch)
    with Store(home / "copybara.db") as store:
        journal = Journal(store, telegram.NAME)
        first = code_of(journal)
        assert claim(journal, first, 77)
        connection = to_bytes(Connection("c1", enabled=True, can_reply=True))
        journal.set_facts({f"{CONNECTION}c1": connection, f"{CONNECTION}c2": connection, f"{UNFINISHED}1": b"/call"})
        journal.store([(1, b"/contact trust bob")], now=1)
    await set_up(home, monkeypatch)
    with Store(home / "copybara.db") as store:
        assert owner_of(Journal(store, telegram.NAME)) == 77
        assert len(Journal(store, telegram.NAME).facts(CONNECTION)) == 2
        assert len(Journal(store, telegram.NAME).waiting()) == 1
    monkeypatch.setenv("COPYBARA_TELEGRAM_NEW_OWNER", "yes")
    assert (await set_up(home, monkeypatch))[0] == 0
    with Store(home / "copybara.db") as store:
        journal = Journal(store, telegram.NAME)
        assert owner_of(journal) is None
        assert not journal.facts(CONNECTION), "the account of the owner before is none of the next one's"
        assert not [*journal.waiting(), *journal.facts(UNFINISHED)], "nor are their commands"
        assert not claim(journal, first, 78)
        assert claim(journal, code_of(journal), 78)


async def test_a_token_that_telegram_refuses_isnt_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    home = home_of(tmp_path, server)
    before = (home / "copybara.toml").read_bytes()
    for wrong in ("2002:" + "B" * 35, "nonsense"):
        code, out, err = await set_up(home, monkeypatch, wrong)
        assert code == 1
        assert err.startswith("error: ")
        assert wrong not in out + err
    assert not (home / "telegram.token").exists()
    assert (home / "copybara.toml").read_bytes() == before


async def test_a_person_is_asked_again_for_a_token_that_is_none_or_that_telegram_refuses(
    tmp_path: Path, server: Server, bot: BotAccount
) -> None:
    home = home_of(tmp_path, server)
    question, refused = r"The token of your own Telegram bot, .* ", r"Telegram doesn't know the bot's token: .*\n+"
    async with at_terminal("--home", str(home), "setup", "telegram") as terminal:
        await terminal.asks(question, "nonsense")
        await terminal.asks(rf"That isn't a Telegram token\. .*\n+{question}", "2002:" + "B" * 35)
        await terminal.asks(refused + question, TOKEN)
        await terminal.asks(r"the token is @anna_bot's\nSwitch on all ways.*\] ", "")
        await terminal.shows(r"Next:")
    assert (home / "telegram.token").read_text().strip() == TOKEN
    # A revoked or unreadable token is replaced, unless nothing is typed.
    (home / "telegram.token").write_text("2002:" + "B" * 35)
    async with at_terminal("--home", str(home), "setup", "telegram") as terminal:
        await terminal.asks(refused + question, "")
        await terminal.shows(r"Nothing has changed")
    (home / "telegram.token").unlink()
    async with at_terminal("--home", str(home), "setup", "telegram") as terminal:
        await terminal.asks(rf"The token .* can't be read\.\n+{question}", TOKEN)
        await terminal.asks(r"Switch on all ways.*\] ", "")
        await terminal.shows(r"Next:")
    assert (home / "telegram.token").read_text().strip() == TOKEN


async def test_an_older_server_leaves_the_steps_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, bot: BotAccount
) -> None:
    server.sets_settings = False
    code, out, _ = await set_up(home_of(tmp_path, server), monkeypatch)
    assert code == 0
    assert not bot.inline
    for line in ("inline                 off: Inline Mode", "groups                 off: Allow Groups"):
        assert line in out
    assert switches.MENU in out


async def test_without_a_network_the_token_is_kept_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(World())
    async with server.running():
        pass
    home = home_of(tmp_path, server)
    code, out, _ = await set_up(home, monkeypatch)
    assert code == 0
    assert "can't be reached" in out
    assert (home / "telegram.token").exists()


async def test_the_doctor_shows_each_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, bot: BotAccount
) -> None:
    home = home_of(tmp_path, server)
    await set_up(home, monkeypatch)
    bot.inline = False
    monkeypatch.delenv("COPYBARA_TELEGRAM_TOKEN")
    _, out, _ = await cli("--home", str(home), "doctor")
    assert "inline: off" in out
    assert "groups: on" in out


@pytest.mark.parametrize("me", [{}, {"can_join_groups": None}, {"can_join_groups": "yes"}, {"can_join_groups": [1]}])
def test_what_getme_doesnt_say_is_said_to_be_unknown(me: dict[str, Any]) -> None:
    found = {way.name: way for way in switches.ways(me)}
    assert found["groups"].state is switches.SwitchState.UNKNOWN
    assert found["groups"].missing
    assert found["deep links"].state is switches.SwitchState.ON


@pytest.mark.parametrize(
    ("parts", "drips"),
    [
        ((HEAD, b"Content-Length: 60000\r\n\r\n"), b" "),
        ((HEAD, b"Content-Length: 9000000\r\n\r\n", b" " * 9_000_000), b""),
        ((b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",), b""),
    ],
    ids=["drips", "megabytes", "redirect"],
)
async def test_what_answers_in_telegrams_place_has_one_limit_for_everything(
    parts: tuple[bytes, ...], drips: bytes
) -> None:
    async with serving(*parts, drips=drips) as (address, asked):

        def ask() -> None:
            switches.result_of(switches.asked(TOKEN, address, "getMe", seconds=2.0 if drips else 60.0))

        with pytest.raises(MessengerError):
            async with asyncio.timeout(120):
                await asyncio.to_thread(ask)
        assert len(asked) == 1
