"""Who commands, and what teaches where somebody writes from: only what the owner typed, and ids, not names."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.assistant.commands import without_slash
from bot.messengers.rate_limit import LINKS_PER_MINUTE
from bot.messengers.telegram.update_reader import INLINE_PARAMETER
from shared.contacts import Trust
from shared.node_id import NodeId
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import change, friends, two_people
from tests.bot.telegram.test_reliability import call_link
from tests.bot.telegram.test_update_reader import (
    BOB,
    BOT,
    GROUP,
    LINK,
    OURS,
    OWNER,
    business,
    heard,
    message,
)
from tests.bot.telegram.world import BotAccount

FORWARDED = {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "somebody"}}
FORWARDED_FROM_A_PERSON = {"forward_origin": {"type": "user", "date": 1, "sender_user": BOB}}
BY_AN_INLINE_BOT = {"via_bot": BOT}
IN_THE_NAME_OF_A_CHAT = {"sender_chat": {"id": -7, "type": "channel", "title": "News"}}
AUTOMATIC = {"is_automatic_forward": True}
NOT_TYPED = [FORWARDED, FORWARDED_FROM_A_PERSON, BY_AN_INLINE_BOT, IN_THE_NAME_OF_A_CHAT, AUTOMATIC]
IDS = ["forwarded", "forwarded from a person", "by an inline bot", "in the name of a chat", "automatic forward"]


@pytest.mark.parametrize("how", NOT_TYPED, ids=IDS)
def test_what_the_owner_didnt_type_commands_nothing_in_any_way_in(how: dict[str, Any]) -> None:
    kept = heard("message", message(OWNER, "/contact trust bob", **how))
    assert (kept.text, kept.passed_on) == ("", True)
    assert heard("message", message(OWNER, "/call@anna_bot bob", GROUP, **how)) is None
    assert business(OWNER, "/call bob", **how) is None
    guest = message(OWNER, "@anna_bot call bob", GROUP, guest_query_id="g", **how)
    assert heard("guest_message", guest) is None


@pytest.mark.parametrize("how", NOT_TYPED, ids=IDS)
def test_a_link_in_it_is_read_all_the_same(how: dict[str, Any]) -> None:
    text = f"/contact trust bob {LINK}"
    assert heard("message", message(OWNER, text, **how)).text == LINK
    in_a_group = heard("message", message(OWNER, f"/call@anna_bot {LINK}", GROUP, **how))
    assert (in_a_group.text, in_a_group.from_owner, in_a_group.identity) == (LINK, False, None)


def test_a_caption_of_forwarded_media_commands_nothing() -> None:
    value = message(OWNER, "", **FORWARDED) | {"caption": "/contact trust bob"}
    del value["text"]
    assert heard("message", value).text == ""


def test_what_a_reply_points_at_or_quotes_commands_nothing() -> None:
    above = message(BOB, "/contact trust bob")
    quoting = {"reply_to_message": above, "quote": {"text": "/contact trust bob", "position": 0}}
    assert heard("message", message(OWNER, "hm", **quoting)).text == "hm"
    guest = message(OWNER, "@anna_bot", GROUP, guest_query_id="g", reply_to_message=message(BOB, "call bob", GROUP))
    assert heard("guest_message", guest) is None


def test_a_deep_link_that_somebody_made_commands_nothing() -> None:
    for text in ("/start /contact trust bob", "/start \N{ZERO WIDTH SPACE}/contact trust bob", "/start //status"):
        assert heard("message", message(OWNER, text)).text == ""
    for word in ("contacts", "status", "log", "card", "help"):
        kept = heard("message", message(OWNER, f"/start {word}"))
        assert without_slash(kept.text) is None, "nor without its slash"
        assert kept.text == f"copybara:{word}", "it is read as a damaged link"
    assert heard("message", message(OWNER, f"/start {INLINE_PARAMETER}")).text == "/start", "our own button"


def test_somebody_who_points_at_what_the_owner_wrote_puts_nothing_here_in_the_owners_name() -> None:
    def pointed_at(above: dict[str, Any], by: dict[str, Any]) -> Any:
        return heard("guest_message", message(by, "@anna_bot", GROUP, guest_query_id="g", reply_to_message=above))

    assert pointed_at(message(OWNER, LINK, GROUP), by=BOB) is None
    assert pointed_at(message(OWNER, LINK, GROUP), by=OWNER).from_owner
    by_bob = pointed_at(message(OWNER, LINK, GROUP, **FORWARDED_FROM_A_PERSON), by=BOB)
    assert (by_bob.from_owner, by_bob.identity, by_bob.sender) == (False, None, "user 8"), "others wrote that"


def test_an_edited_message_is_nothing() -> None:
    assert heard("edited_message", message(OWNER, "/contact trust bob", edit_date=2)) is None


def test_a_button_counts_in_the_owners_own_chat_with_us_only() -> None:
    tap = {"id": "q", "from": OWNER, "chat_instance": "1", "data": "answer:00"}
    ours = message(OURS, "rings")
    assert heard("callback_query", tap | {"message": ours}) is not None
    assert heard("callback_query", tap | {"message": {**ours, **FORWARDED}}) is None
    assert heard("callback_query", tap | {"message": message(OURS, "rings", GROUP)}) is None
    assert heard("callback_query", tap | {"message": message(BOT, "rings")}) is None
    assert heard("callback_query", tap | {"inline_message_id": "i"}) is None


def test_nobody_who_isnt_shown_is_learned() -> None:
    anonymous = {"id": 1_087_968_824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    channel = {"id": 136_817_688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
    for sender, chat in ((anonymous, GROUP), (channel, IN_THE_NAME_OF_A_CHAT["sender_chat"])):
        kept = heard("message", message(sender, LINK, GROUP, sender_chat=chat))
        assert (kept.identity, kept.sender) == (None, f"chat {chat['id']}")
        assert heard("message", message(sender, LINK, GROUP)).identity is None, "an update that lacks sender_chat"


def test_the_sender_is_who_sent_it_and_not_whom_it_is_from() -> None:
    for more in ({}, FORWARDED, FORWARDED_FROM_A_PERSON):
        assert heard("message", message(BOB, LINK, {"id": 8, "type": "private"}, **more)).sender == "user 8"
        assert heard("message", message(BOB, LINK, GROUP, **more)).sender == "user 8"
        assert business(BOB, LINK, **more).sender == "user 8"
    above = message(BOT, LINK, GROUP)
    kept = heard("guest_message", message(BOB, "@anna_bot", GROUP, guest_query_id="g", reply_to_message=above))
    assert (kept.sender, kept.identity.bot) == ("user 8", "bob_bot")


# From the outside, through real programs.


async def test_a_forwarded_command_changes_nothing_and_is_told(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, trust=Trust.RING)
        await bob.begin()
        bob.says("/contact trust anna", forwarded=True)
        await bob.reads(says.passed_on())
        bob.says("/contact trust anna", through=anna.bot)
        bob.says("/status")
        await bob.reads(says.idle(bob))
        with bob.store() as store:
            (contact,) = store.contacts()
        assert contact.trust is Trust.RING


async def test_forwarding_makes_no_new_senders(tmp_path: Path) -> None:
    """Of sixty links that one person forwards into a group, as many are read as of sixty links that they write."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, trust=Trust.RING)
        bob.bot.privacy = False
        group = world.group("Friends", anna.human, bob.human, bob.bot)
        await bob.begin()
        for _ in range(3 * LINKS_PER_MINUTE):
            anna.human.says(group, call_link(anna, bob, age=3600), forwarded=True)
        bob.says("/status")
        await bob.reads(says.idle(bob))
        await bob.reads(says.missed(*["anna"] * LINKS_PER_MINUTE))


async def test_an_anonymous_admin_teaches_nothing(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, bots=False)
        bob.bot.bot_to_bot, bob.bot.privacy = True, False
        group = world.group("Friends", anna.human, bob.human, bob.bot)
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        link = await anna.reads(says.send_this("bob"))
        anna.human.says(group, anna.human.taps_button(link, "Copy"), under=group)
        await asyncio.gather(anna.media(), bob.media())
        with bob.store() as store:
            (contact,) = store.contacts()
        assert (contact.telegram_bot, contact.telegram_user, contact.telegram_name) == (None, None, None)


async def test_a_changed_user_name_follows_the_id(tmp_path: Path) -> None:
    """The old name belongs to somebody else now. The button opens Bob's chat, not theirs."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, bots=False)
        change(anna, "bob", telegram_user=bob.human.id, telegram_name="bob_example")
        bob.human.tells(anna.bot, "Hello")  # so it knows him
        bob.human.username = "bob_renamed"
        stranger = world.human(3, "Mallory", "bob_example")
        await anna.begin()
        anna.says("/call bob")
        link = await anna.reads(says.send_this("bob"))
        chat, _ = anna.human.taps_link(link.button("Send it to bob")["url"])  # type: ignore[misc]
        assert bob.human in chat.members
        assert stranger not in chat.members


async def test_a_user_whom_nobody_can_look_up_leaves_the_chat_to_be_chosen(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, bots=False)
        change(anna, "bob", telegram_user=bob.human.id, telegram_name="bob_example")
        await anna.begin()
        anna.says("/call bob")
        link = await anna.reads(says.send_this("bob"))
        assert link.button("Send it")["url"].startswith("https://t.me/share/url?url=")


async def test_a_strangers_inline_queries_cost_no_row_and_no_request(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, server):
        bob.bot.inline = True
        await bob.begin()
        for number in range(50):
            anna.human.types_inline(bob.bot, f"call {number}")
        bob.says("/status")
        await bob.reads(says.idle(bob))
        assert server.count(bob.bot, "answerinlinequery") == 0
        with bob.store() as store:
            assert store.rows("SELECT count(*) FROM inbox")[0][0] == 1


async def test_a_relayed_request_isnt_answered_to_whoever_brings_it(tmp_path: Path) -> None:
    """Mallory sees Anna's first request in a group, and gives it to Bob's bot first. She doesn't get the answer."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, paired=False, trust=Trust.RING, bots=False)
        change(bob, "anna", telegram_user=anna.human.id)
        mallory = world.human(3, "Mallory", "mallory_example")
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        request = await anna.reads(says.send_this("bob"))
        mallory.tells(bob.bot, anna.human.taps_button(request, "Copy"))
        ringing = await bob.reads(says.rings("anna"))
        bob.human.taps_button(ringing, "Answer")
        await bob.reads(says.send_this("anna"))
        mallorys = world.between(mallory, bob.bot)
        assert not [each for each in mallorys.messages if each.sender is bob.bot]


async def test_a_request_that_somebody_brings_into_their_own_group_isnt_answered_there(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, paired=False, trust=Trust.RING, bots=False)
        change(bob, "anna", telegram_user=anna.human.id)
        mallory = world.human(3, "Mallory", "mallory_example")
        trap = world.group("Trap", mallory, bob.bot)
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        request = await anna.reads(says.send_this("bob"))
        mallory.says(trap, f"/answer@bob_bot {anna.human.taps_button(request, 'Copy')}")
        ringing = await bob.reads(says.rings("anna"))
        bob.human.taps_button(ringing, "Answer")
        await bob.reads(says.send_this("anna"))
        assert not [each for each in trap.messages if each.sender is bob.bot]


async def test_telegram_is_asked_once_about_a_connection_to_somebody_elses_account(tmp_path: Path) -> None:
    """Anybody may connect Bob's bot to their own account, and write there as much as they like."""
    async with two_people(tmp_path) as (_, bob, world, _):
        mallory, eve = world.human(3, "Mallory", "mallory_example"), world.human(4, "Eve", "eve_example")
        await bob.begin()
        world.connect(bob.bot, mallory)
        for _ in range(5):
            eve.says(world.between(eve, mallory), LINK)
        bob.says("/contact show zebedee")
        await bob.reads("zebedee")
        methods = [method for _, method, _ in bob.server.requests]
        assert methods.count("getbusinessconnection") == 1


async def test_the_owner_is_heard_while_telegram_does_not_say_whose_a_strangers_connection_is(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, world, server):
        mallory, eve = world.human(3, "Mallory", "mallory_example"), world.human(4, "Eve", "eve_example")
        await bob.begin()
        asked = 0

        async def silent(_: BotAccount, method: str) -> None:
            nonlocal asked
            if method == "getbusinessconnection":
                asked += 1
                await asyncio.Event().wait()

        server.before = silent
        world.connect(bob.bot, mallory)
        for _ in range(5):
            eve.says(world.between(eve, mallory), LINK)
        bob.says("/contact show zebedee")
        await bob.reads("zebedee")
        assert asked == 1


async def test_the_name_of_who_has_a_key_is_not_changed_where_others_can_write(tmp_path: Path) -> None:
    """The page would show somebody else under that name, and their key would seem to prove it."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob)
        await bob.begin()
        bob.says("/contact rename anna friend")
        await bob.reads("Rename them on the page")
        with bob.store() as store:
            assert [each.name for each in store.contacts()] == ["anna"]


async def test_the_name_of_who_has_a_key_is_not_made_free_where_others_can_write(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob)
        await bob.begin()
        bob.says("/contact remove anna")
        await bob.reads("/contact block anna")
        bob.says(f"/contact add anna {NodeId(b'other' + bytes(27))}")
        await bob.reads("anna is already in your contacts")
        with bob.store() as store:
            assert [each.node for each in store.contacts()] == [anna.id]


async def test_files_are_not_taken_without_asking_because_telegram_says_so(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob)
        await bob.begin()
        bob.says("/contact files anna always")
        await bob.reads("copybara contacts files anna always")
        with bob.store() as store:
            assert [each.files for each in store.contacts()] == [False]
