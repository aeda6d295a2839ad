"""The Telegram of these tests refuses what the real one refuses: rules that the other tests rely on."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import pytest

from tests.bot.telegram.server import Server
from tests.bot.telegram.world import BadRequest, BotAccount, Human, World, checked_rows

HTML = {"parse_mode": "HTML", "link_preview_options": {"is_disabled": True}}


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
def anna(world: World) -> Human:
    return world.human(1, "Anna", "anna_example")


@pytest.fixture
def bob(world: World) -> Human:
    return world.human(2, "Bob", "bob_example")


@pytest.fixture
def bot(world: World) -> BotAccount:
    return world.bot(11, "Anna's bot", "anna_bot", "11:token")


@pytest.fixture
def other(world: World) -> BotAccount:
    return world.bot(12, "Bob's bot", "bob_bot", "12:token")


def refusal(world: World, bot: BotAccount, **what: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        world.sends(bot, {**HTML, "text": "hello", **what})
    return caught.value.description


def seen(bot: BotAccount) -> list[str]:
    found = [next(value for key, value in each.items() if key != "update_id")["text"] for each in bot.updates]
    bot.updates.clear()
    return found


async def test_texts(world: World, anna: Human, bot: BotAccount) -> None:
    anna.tells(bot, "/start")
    assert "Unsupported start tag" in refusal(world, bot, chat_id=1, text="<script>x</script>")
    assert "message text is empty" in refusal(world, bot, chat_id=1, text="<b></b>")
    assert "message is too long" in refusal(world, bot, chat_id=1, text="x" * 4097)
    assert world.sends(bot, {**HTML, "chat_id": 1, "text": "&lt;" * 4096}).text == "<" * 4096


async def test_chats(world: World, anna: Human, bob: Human, bot: BotAccount, other: BotAccount) -> None:
    assert refusal(world, bot, chat_id=1) == "Forbidden: bot can't initiate conversation with a user"
    assert "chat not found" in refusal(world, bot, chat_id=999)
    assert "chat not found" in refusal(world, bot, chat_id="@anna_example")
    bot.bot_to_bot = True
    assert refusal(world, bot, chat_id="@bob_bot") == "Forbidden: bots can't send messages to bots"
    other.bot_to_bot = True
    world.sends(bot, {**HTML, "chat_id": "@bob_bot", "text": "hello"})
    assert seen(other) == ["hello"]
    anna.tells(bot, "/start")
    bot.blocked_by.add(1)
    assert refusal(world, bot, chat_id=1) == "Forbidden: bot was blocked by the user"
    group = world.group("Friends", anna, bob, other)
    assert "not a member" in refusal(world, bot, chat_id=group.group)


@pytest.mark.parametrize(
    "button",
    [
        {"text": "x", "callback_data": "x" * 65},
        {"text": "x", "copy_text": {"text": "x" * 257}},
        {"text": "x", "url": "copybara:token"},
        {"text": "x", "url": "http://localhost:8080/#token"},
        {"text": "x"},
        {"text": "x", "url": "https://t.me/x", "callback_data": "x"},
        {"text": "", "callback_data": "x"},
    ],
)
def test_buttons(button: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        checked_rows({"inline_keyboard": [[button]]})


@pytest.mark.parametrize("url", ["https://t.me/x", "http://127.0.0.1:8765/?ticket=x", "tg://resolve?domain=x"])
def test_addresses_of_buttons(url: str) -> None:
    assert checked_rows({"inline_keyboard": [[{"text": "x", "url": url}]]})


async def test_what_a_bot_sees_of_people_in_a_group(
    world: World, anna: Human, bob: Human, bot: BotAccount, other: BotAccount
) -> None:
    group = world.group("Friends", anna, bob, bot, other)
    for text in ("hello", "/call bob", "/call@anna_bot bob", "/call@bob_bot anna"):
        anna.says(group, text)
    assert (seen(bot), seen(other)) == (["/call@anna_bot bob"], ["/call@bob_bot anna"])
    mine = world.sends(bot, {**HTML, "chat_id": group.group, "text": "yes?"})
    bob.says(group, "a reply", reply_to=mine)
    bob.says(group, "/help")  # the bot that wrote last gets commands for nobody
    assert (seen(bot), seen(other)) == (["a reply", "/help"], [])
    bot.privacy = False
    anna.says(group, "hello")
    assert seen(bot) == ["hello"]


async def test_what_a_bot_sees_of_bots_in_a_group(world: World, bob: Human, bot: BotAccount, other: BotAccount) -> None:
    group = world.group("Friends", bob, bot, other)

    def says(text: str, **more: Any) -> list[str]:
        world.sends(bot, {**HTML, "chat_id": group.group, "text": text, **more})
        return seen(other)

    assert says("/answer@bob_bot x") == []  # neither has the mode
    bot.bot_to_bot = True
    assert says("/answer@bob_bot x") == ["/answer@bob_bot x"]
    theirs = world.sends(other, {**HTML, "chat_id": group.group, "text": "hm"})
    assert says("a reply", reply_parameters={"message_id": theirs.id}) == ["a reply"]
    other.privacy = False
    assert says("anything") == []
    other.bot_to_bot = True
    assert says("anything") == ["anything"]


async def test_writing_as_the_owner(world: World, anna: Human, bob: Human, bot: BotAccount) -> None:
    connection = world.connect(bot, anna)
    as_anna = {"chat_id": 2, "business_connection_id": connection.id}
    assert refusal(world, bot, **as_anna) == "Bad Request: BUSINESS_PEER_USAGE_MISSING"
    old = bob.says(world.between(anna, bob), "Hello")
    old.date = int(time.time()) - 25 * 3600
    assert refusal(world, bot, **as_anna) == "Bad Request: BUSINESS_PEER_USAGE_MISSING"
    bob.says(world.between(anna, bob), "Hello?")
    bot.updates.clear()
    message = world.sends(bot, {**HTML, "text": "hello", **as_anna})
    assert message.sender is anna
    (echo,) = bot.updates
    assert echo["business_message"]["sender_business_bot"]["username"] == "anna_bot"
    connection.can_reply = False
    assert refusal(world, bot, **as_anna) == "Bad Request: BUSINESS_PEER_USAGE_MISSING"
    assert refusal(world, bot, chat_id=2, business_connection_id="x") == "Bad Request: BUSINESS_CONNECTION_INVALID"


async def test_edits(world: World, anna: Human, bot: BotAccount) -> None:
    anna.tells(bot, "/start")
    message = world.sends(bot, {**HTML, "chat_id": 1, "text": "one"})
    edit = {**HTML, "chat_id": 1, "message_id": message.id}
    with pytest.raises(BadRequest, match="not modified"):
        world.edits(bot, {**edit, "text": "one"})
    with pytest.raises(BadRequest, match="not found"):
        world.edits(bot, {**edit, "text": "two", "message_id": 1})
    assert world.edits(bot, {**edit, "text": "two"}).text == "two"


async def test_offsets_confirm_and_tokens_open(world: World, anna: Human, bot: BotAccount) -> None:
    async with Server(world).running() as server, aiohttp.ClientSession() as client:

        async def ask(method: str, token: str = bot.token, **what: Any) -> Any:
            answer = await client.post(f"{server.url}/bot{token}/{method}", data=what)
            return answer.status, (await answer.json()).get("result")

        for text in ("one", "two", "three"):
            anna.tells(bot, text)
        _, first = await ask("getUpdates", limit=2, timeout=0)
        _, again = await ask("getUpdates", timeout=0)
        assert [each["message"]["text"] for each in again] == ["one", "two", "three"]
        assert first == again[:2]
        _, rest = await ask("getUpdates", offset=first[-1]["update_id"] + 1, timeout=0)
        assert [each["message"]["text"] for each in rest] == ["three"]
        assert (await ask("getUpdates", token="13:wrong"))[0] == 401
        assert (await ask("sendPigeon"))[0] == 404
