"""What is stored of an update, and what isn't. Updates are built from the JSON that the Bot API documents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messengers.telegram.incoming import Asked, Chosen, Claimed, Connection, Greeted, Tapped, TelegramMessage
from bot.messengers.telegram.update_reader import OwnBot, UpdateReader
from shared.links.kinds import as_telegram
from shared.links.tokens import LinkKind, to_text

OWNER: dict[str, Any] = {"id": 7, "is_bot": False, "first_name": "Anna", "username": "anna_example"}
BOB: dict[str, Any] = {"id": 8, "is_bot": False, "first_name": "Bob", "username": "bob_example"}
BOT: dict[str, Any] = {"id": 9, "is_bot": True, "first_name": "Bob's bot", "username": "bob_bot"}
OURS: dict[str, Any] = {"id": 100, "is_bot": True, "first_name": "Anna's bot", "username": "anna_bot"}
TOKEN = to_text(bytes([LinkKind.PAIRED.first_byte]) + bytes(47))
LINK = f"copybara:{TOKEN}"
PRIVATE: dict[str, Any] = {"id": 7, "type": "private"}
GROUP: dict[str, Any] = {"id": -5, "type": "supergroup", "title": "Friends"}


def reader(owner: int | None = 7) -> UpdateReader:
    return UpdateReader(OwnBot(100, "anna_bot"), owner)


def message(sender: dict[str, Any], text: str, chat: dict[str, Any] = PRIVATE, **more: Any) -> dict[str, Any]:
    return {"message_id": 1, "date": 1, "chat": chat, "from": sender, "text": text, **more}


def heard(kind: str, value: dict[str, Any], owner: int | None = 7) -> Any:
    return reader(owner).read({"update_id": 1, kind: value})


def business(sender: dict[str, Any], text: str, **more: Any) -> Any:
    chat = {"id": 8, "type": "private", "username": "bob_example", "first_name": "Bob"}
    return heard("business_message", message(sender, text, chat, business_connection_id="c1", **more))


def test_what_the_owner_writes_to_the_bot_is_kept_as_it_is() -> None:
    kept = heard("message", message(OWNER, "/contact add bob"))
    assert kept == TelegramMessage("/contact add bob", "telegram:owner", from_owner=True, alone=True, date=1)


@pytest.mark.parametrize("typed", ["\u200e/call bob", "\ufeff/call bob", " \xa0/call bob\u200f", "\uff0fcall bob"])
def test_a_command_is_one_in_every_chat_whatever_nobody_sees_before_it(typed: str) -> None:
    for kept in (heard("message", message(OWNER, typed, GROUP)), business(OWNER, typed)):
        assert (kept.text, kept.from_owner) == ("/call bob", True)


def test_a_deep_link_of_the_owner_is_its_token() -> None:
    assert heard("message", message(OWNER, f"/start {TOKEN}")).text == TOKEN


def test_of_a_strangers_message_only_the_links_are_kept() -> None:
    kept = heard("message", message(BOB, f"My secret is 42. {LINK} Don't tell.", BOB | {"type": "private"}))
    assert kept.text == LINK
    assert (kept.from_owner, kept.chat, kept.identity.user) == (False, "telegram:person:8", 8)


def test_a_stranger_without_a_link_leaves_a_number() -> None:
    assert heard("message", message(BOB, "My secret is 42.")) == Greeted(8)
    assert heard("message", message(BOB, "/start CODE"), owner=None) == Claimed("CODE", 8)


def test_a_bot_without_a_link_leaves_nothing() -> None:
    assert heard("message", message(BOT, "Hello, who are you?")) is None
    assert heard("message", message(BOT, LINK)).identity.bot == "bob_bot"


def test_a_forwarded_link_says_nothing_of_where_it_is_from() -> None:
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "x"}
    assert heard("message", message(BOB, LINK, forward_origin=origin)).identity is None


def test_addresses_behind_words_are_read() -> None:
    entity = {"type": "text_link", "offset": 0, "length": 4, "url": as_telegram(TOKEN, "anna_bot")}
    assert TOKEN in heard("message", message(OWNER, "here", entities=[entity])).text


def test_a_command_has_nothing_but_what_can_be_seen_of_it() -> None:
    entity = {"type": "text_link", "offset": 0, "length": 17, "url": as_telegram(TOKEN, "anna_bot")}
    for text in ("/contact add anna", "\u200b/contact add anna"):
        assert heard("message", message(OWNER, text, entities=[entity])).text == "/contact add anna"


def test_in_a_group_only_what_is_for_us_is_kept() -> None:
    assert heard("message", message(BOB, "Did you hear about Carol?", GROUP)) is None
    assert heard("message", message(OWNER, "Did you hear about Carol?", GROUP)) is None
    assert heard("message", message(OWNER, "/call@other_bot bob", GROUP)) is None
    assert heard("message", message(BOB, "/call@anna_bot bob", GROUP)) is None
    assert heard("message", message(OWNER, "/call@anna_bot bob", GROUP)).text == "/call bob"
    assert heard("message", message(BOT, f"/answer@anna_bot {LINK}", GROUP)).text == LINK


def test_in_the_owners_own_chats_nothing_but_calls_and_links_is_kept() -> None:
    assert business(OWNER, "I love you") is None
    assert business(BOB, "I love you too") is None
    assert business(BOB, "/call anna") is None
    assert business(OWNER, "/status") is None
    assert business(OWNER, "/call bob").chat == "telegram:business:c1:8:bob_example"
    assert business(OWNER, "/call bob", is_from_offline=True) is None
    assert business(BOB, f"take this {LINK}").text == LINK


@given(st.text(max_size=300))
def test_private_talk_leaves_nothing_whatever_it_is(text: str) -> None:
    kept = business(BOB, text)
    assert kept is None or set(kept.text.split()) <= set(text.split()) | {LINK} or "copybara:" in kept.text


def test_links_of_other_bots_are_none_of_ours() -> None:
    assert business(BOB, "https://t.me/game_bot?start=invite_1234 copybara:hello http://127.0.0.1:8080/#top") is None


def test_our_own_echo_is_dropped() -> None:
    assert business(OWNER, LINK, sender_business_bot={**BOT, "username": "anna_bot"}) is None


def test_a_connection_of_somebody_else_is_dropped() -> None:
    value = {"id": "c1", "user": BOB, "user_chat_id": 8, "date": 1, "is_enabled": True, "rights": {"can_reply": True}}
    assert heard("business_connection", value) is None
    assert heard("business_connection", value | {"user": OWNER}) == Connection("c1", enabled=True, can_reply=True)


def test_only_the_owner_taps_asks_and_chooses() -> None:
    rings = message(OURS, "rings")
    tap = {"id": "q", "from": OWNER, "chat_instance": "1", "data": "answer:00", "message": rings}
    assert heard("callback_query", tap) == Tapped("q", "answer:00", rings["message_id"])
    assert heard("callback_query", tap | {"from": BOB}) is None
    question = {"id": "q", "from": OWNER, "query": "call bob", "offset": ""}
    assert heard("inline_query", question) == Asked("q", "call bob")
    assert heard("inline_query", question | {"from": BOB}) is None, "a stranger costs no row and no request"
    chosen = {"result_id": "r", "from": OWNER, "query": ""}
    assert heard("chosen_inline_result", chosen) == Chosen("r")
    assert heard("chosen_inline_result", chosen | {"from": BOB}) is None


def test_a_guest_query_is_the_owners_command_or_a_link() -> None:
    def guest(sender: dict[str, Any], text: str, **more: Any) -> Any:
        return heard("guest_message", message(sender, text, GROUP, guest_query_id="g", **more))

    assert guest(OWNER, "@anna_bot call copybara.azero").text == "/call copybara.azero"
    assert guest(BOB, "@anna_bot call copybara.azero") is None
    assert guest(OWNER, "@anna_bot what do you think of Bob?") is None
    assert guest(BOB, "@anna_bot", reply_to_message=message(BOB, LINK, GROUP)).text == LINK


def test_a_link_is_from_who_wrote_it_and_not_from_who_points_at_it() -> None:
    above = message(BOT, LINK, GROUP)
    kept = heard("guest_message", message(OWNER, "@anna_bot", GROUP, guest_query_id="g", reply_to_message=above))
    assert (kept.text, kept.identity.bot, kept.from_owner) == (LINK, "bob_bot", False)
    assert heard("message", message(OWNER, LINK, GROUP)).identity is None
