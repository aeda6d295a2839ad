"""A messenger's stored facts may be damaged. Such a fact counts as missing, is logged once, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.home import Home
from bot.messengers import kept_facts
from bot.messengers.owner_code import claim, code_of, owner_of
from bot.settings import own_card
from shared.config.schema import Config, Telegram
from shared.node_id import NodeId
from shared.store import Store
from shared.store.journal import Journal


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"anna", b"-1", b"1.5", b"9" * 5000, b"9" * 19, "\u0661".encode(), b" 1"])
def test_an_owner_who_cannot_be_read_is_none_and_the_bot_can_be_claimed(
    tmp_path: Path, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    kept_facts._unreadable.cache_clear()
    home = Home(tmp_path / "home")
    home.prepare()
    with Store(home.database) as store:
        journal = Journal(store, "telegram")
        journal.set_facts({"owner": raw, "code": b"\xff", "bot": b"\xff"})
        assert [owner_of(journal) for _ in range(3)] == [None] * 3
        card = own_card(home, Config(telegram=Telegram(token="file")), NodeId(bytes(31) + b"1"), store)
        assert (card.telegram_bot, card.telegram_user) == ("", None)
        assert claim(journal, code_of(journal), 7)
        assert owner_of(journal) == 7
    named = [record.args for record in caplog.records if record.name == kept_facts.__name__]
    assert sorted(named, key=str) == [("bot",), ("code",), ("owner",)]


def test_a_fact_that_is_damaged_is_logged_without_whom_it_is_about(caplog: pytest.LogCaptureFixture) -> None:
    assert kept_facts.as_text("writes:j393v036y264hp9aj6egjck35exwr1ertmsdv11zdqh92rkakjz0", b"\xff") is None
    assert "writes" in caplog.text
    assert "j393v036" not in caplog.text
