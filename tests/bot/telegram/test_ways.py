"""The ways: one human writes `/call copybara.azero`, and in the end media flow between the two programs.

Each test counts the taps, and writes down what the two people see for docs/telegram.md.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared.contacts import Trust
from shared.links.card import Card
from shared.links.kinds import SealedRequest, as_copybara, decode, find
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import Person, change, friends, two_people
from tests.bot.telegram.transcript import Transcript
from tests.shared.names.chain import Name

CALL = "/call copybara.azero"


async def start(anna: Person, bob: Person) -> None:
    """Start both programs, and wait until they read."""
    await asyncio.gather(anna.begin(), bob.begin())


async def card_of(person: Person) -> Card:
    """Their card, as their bot gives it."""
    person.says("/card")
    (found,) = find((await person.reads(says.own_card(person), "copybara:")).text)
    card = decode(found.token)
    assert isinstance(card, Card)
    return card


async def talk(anna: Person, bob: Person, seen: Transcript | None = None) -> None:
    """Sound and picture flow both ways. For the page, both people also read that they are connected."""
    await asyncio.gather(anna.media(), bob.media())
    if seen:
        ours, theirs = await asyncio.gather(
            anna.reads(says.connected("bob"), "127."), bob.reads(says.connected("anna"), "127.")
        )
        seen.sees("Anna's bot", ours)
        seen.sees("Bob's bot", theirs)
        seen.note("sound and picture flow both ways")
        seen.check()


async def test_the_owners_chat_takes_one_tap(tmp_path: Path) -> None:
    """Way 1: the link in Anna's own chat is tappable. Her tap gives it to Bob's bot, which trusts her."""
    seen = Transcript("owner")
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        change(anna, "bob", telegram_name="bob_example")
        await start(anna, bob)
        anna.says(CALL)
        seen.says(anna, "to her bot", CALL)
        link = await anna.reads("https://t.me/bob_bot?start=")
        seen.sees("Anna's bot", link)
        address = link.links[0]
        assert link.button("Copy")["copy_text"]["text"] == address
        chat, draft = anna.human.taps_link(link.button("Send it to bob")["url"])  # type: ignore[misc]
        assert (chat, draft) == (world.between(anna.human, bob.human), address)
        world.taps.clear()
        anna.human.taps_link(address)
        seen.taps(anna, "the link")
        await talk(anna, bob, seen)
        assert world.taps == [("Anna", "a link")]


async def test_a_deep_link_takes_one_tap_from_any_messenger(tmp_path: Path) -> None:
    """Way 2: Anna sends the link in any way. Bob taps it, and his own bot gets it."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        await start(anna, bob)
        anna.says(CALL)
        link = await anna.reads("https://t.me/bob_bot?start=")
        elsewhere = anna.human.says(world.between(anna.human, bob.human), link.links[0])
        bob.human.taps_link(elsewhere.links[0])
        await talk(anna, bob)
        assert world.taps == [("Bob", "a link")]


async def test_the_returned_response_link_takes_one_tap(tmp_path: Path) -> None:
    """Way 2, the first time: a request is pasted, and the response comes back as a link that Anna taps."""
    seen = Transcript("deep link")
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, paired=False, trust=Trust.RING)
        await start(anna, bob)
        anna.says(CALL)
        seen.says(anna, "to her bot", CALL)
        request = await anna.reads(says.send_this("bob"))
        seen.sees("Anna's bot", request)
        text = anna.human.taps_button(request, "Copy")
        chat = world.between(anna.human, bob.human)
        seen.taps(anna, "[Copy the link], and sends it to Bob")
        bob.says(anna.human.says(chat, text).text)
        seen.says(bob, "to his bot", text)
        ringing = await bob.reads(says.rings("anna"))
        seen.sees("Bob's bot", ringing)
        bob.human.taps_button(ringing, "Answer")
        seen.taps(bob, "[Answer]")
        response = await bob.reads("https://t.me/anna_bot?start=")
        seen.sees("Bob's bot", response)
        returned = bob.human.says(chat, response.links[0])
        seen.says(bob, "to Anna", response.links[0])
        world.taps.clear()
        anna.human.taps_link(returned.links[0])
        seen.taps(anna, "the link")
        await talk(anna, bob, seen)
        assert world.taps == [("Anna", "a link")]


async def test_bot_to_bot_takes_no_tap(tmp_path: Path) -> None:
    """Way 3: both bots have the mode, so Anna's bot writes to Bob's."""
    seen = Transcript("bot to bot")
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await start(anna, bob)
        anna.says(CALL)
        seen.says(anna, "to her bot", CALL)
        link = await anna.read_in(world.between(anna.bot, bob.bot), "copybara:")
        seen.sees("to Bob's bot", link)
        await talk(anna, bob, seen)
        assert world.taps == []
        assert len(world.between(anna.bot, bob.bot).messages) == 1, (
            "one message per link, and nothing is answered to it"
        )


@pytest.mark.parametrize("whom", ["copybara.azero", "their card"])
async def test_a_card_says_which_bot_the_very_first_link_is_for(tmp_path: Path, whom: str) -> None:
    """Way 3 between strangers: the card in the name's records, or a pasted one, names Bob's bot."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await start(anna, bob)
        card = await card_of(bob)
        anna.chain.names["copybara"] = Name({"staex-id": str(bob.id), "copybara-card": as_copybara(card.token)})
        anna.says(f"/call {whom if whom == 'copybara.azero' else as_copybara(card.token)}")
        link = await anna.read_in(world.between(anna.bot, bob.bot), "copybara:")
        (found,) = find(link.text)
        assert isinstance(decode(found.token), SealedRequest), "nobody but Bob can read it, Telegram neither"
        ringing = await bob.reads(says.stranger_rings())
        bob.human.taps_button(ringing, "Answer")
        await asyncio.gather(anna.media(), bob.media())
        assert world.taps == [("Bob", "Answer")]
        saved = anna.human.taps_button(await anna.reads(says.words()), "Save contact")
        assert (await anna.human.answer_to(saved))["text"] == "Saved."
        await anna.reads(says.saved())
        with anna.store() as store:
            contact = store.contact_of(bob.id)
            assert contact is not None
            assert (contact.telegram_bot, contact.sealing_key) == (bob.bot.username, card.sealing_key)


async def test_a_card_whose_bot_cant_be_written_to_leaves_the_link_to_the_owner(tmp_path: Path) -> None:
    """Without the bot-to-bot mode, Telegram refuses, and Anna gets the link to send."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await start(anna, bob)
        card = await card_of(bob)
        anna.chain.names["copybara"] = Name({"staex-id": str(bob.id), "copybara-card": as_copybara(card.token)})
        anna.says(CALL)
        link = await anna.reads(says.send_this(), "copybara:")
        bob.human.tells(bob.bot, link.text)
        ringing = await bob.reads(says.stranger_rings())
        bob.human.taps_button(ringing, "Answer")
        response = await bob.reads(says.send_this(), "copybara:")
        anna.human.tells(anna.bot, response.text)
        await asyncio.gather(anna.media(), bob.media())


async def test_bot_to_bot_brings_the_answer_of_a_first_contact_too(tmp_path: Path) -> None:
    """Way 3, the first time: Bob's tap on Answer is the only one. Then both save each other with one tap."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, paired=False, trust=Trust.RING)
        with bob.store() as store:
            store.remove_contact("anna")  # she is a stranger to him
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await start(anna, bob)
        anna.says(CALL)
        ringing = await bob.reads(says.stranger_rings())
        bob.human.taps_button(ringing, "Answer")
        await asyncio.gather(anna.media(), bob.media())
        assert world.taps == [("Bob", "Answer")]
        words = await bob.reads(says.words())
        query = bob.human.taps_button(words, "Save contact")
        assert (await bob.human.answer_to(query))["text"] == "Saved."
        saved = await bob.reads(says.saved())
        query = bob.human.taps_button(saved, "Answer automatically")
        assert (await bob.human.answer_to(query))["text"] == "Answered automatically from now on."
        with bob.store() as store:
            (contact,) = store.contacts()
        # The account that her valid link came from.
        assert (contact.telegram_bot, contact.telegram_user, contact.trust) == ("anna_bot", None, Trust.AUTO)


async def test_a_bot_connected_to_an_account_takes_no_tap(tmp_path: Path) -> None:
    """Way 4: Anna types the command to Bob himself. The link appears as hers, and his bot reads it there."""
    seen = Transcript("business")
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, bots=False)
        world.connect(anna.bot, anna.human)
        world.connect(bob.bot, bob.human)
        await start(anna, bob)
        chat = world.between(anna.human, bob.human)
        bob.human.says(chat, "Do you have a minute?")
        seen.says(bob, "to Anna", "Do you have a minute?")
        anna.human.says(chat, CALL)
        seen.says(anna, "to Bob", CALL)
        link = await anna.read_in(chat, "copybara:", by=anna.human)
        seen.sees("to Bob", link)
        await talk(anna, bob, seen)
        assert world.taps == []
        with bob.store() as store:
            learned = store.contact_named("anna")
        assert learned is not None
        assert (learned.telegram_user, learned.telegram_name) == (1001, "anna_example")


async def test_a_connected_bot_that_may_not_write_offers_a_draft(tmp_path: Path) -> None:
    """Way 4 without the right, or after 24 hours of silence: one tap, and one to send the draft."""
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob, bots=False)
        world.connect(anna.bot, anna.human)
        world.connect(bob.bot, bob.human)
        await start(anna, bob)
        chat = world.between(anna.human, bob.human)
        anna.human.says(chat, CALL)  # Bob has written nothing yet
        offered = await anna.reads(says.send_this("bob"))
        assert server.count(anna.bot, "sendmessage") >= 1
        opened, draft = anna.human.taps_link(offered.button("Send it")["url"])  # type: ignore[misc]
        assert opened is chat
        anna.human.says(chat, draft)
        await talk(anna, bob)
        assert world.taps == [("Anna", "a link")]


async def test_a_group_takes_no_tap_with_privacy_mode(tmp_path: Path) -> None:
    """Way 5: commands that name Bob's bot are all that it sees of the group. One of the two bots has the mode."""
    seen = Transcript("group")
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        bob.bot.bot_to_bot = True
        group = world.group("Friends", anna.human, bob.human, anna.bot, bob.bot)
        await start(anna, bob)
        anna.human.says(group, "/call@anna_bot copybara.azero")
        seen.says(anna, "in Friends", "/call@anna_bot copybara.azero")
        link = await anna.read_in(group, "/answer@bob_bot https://t.me/bob_bot?start=")
        seen.sees("in Friends", link)
        await talk(anna, bob, seen)
        assert world.taps == []


async def test_a_group_takes_no_tap_without_privacy_mode(tmp_path: Path) -> None:
    """Way 5: Bob's bot sees everything, so the link needs no address."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, bots=False)
        bob.bot.bot_to_bot, bob.bot.privacy = True, False
        group = world.group("Friends", anna.human, bob.human, anna.bot, bob.bot)
        await start(anna, bob)
        anna.human.says(group, "/call@anna_bot copybara.azero")
        await talk(anna, bob)
        assert world.taps == []


async def test_a_group_that_becomes_a_supergroup_while_it_rings_gets_the_answer(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, bots=False, trust=Trust.RING)
        for each in (anna.bot, bob.bot):
            each.bot_to_bot, each.privacy = True, False
        group = world.group("Friends", anna.human, bob.human, anna.bot, bob.bot)
        await start(anna, bob)
        anna.human.says(group, "/call@anna_bot copybara.azero")
        await bob.reads("anna")
        world.becomes_supergroup(group)
        bob.says("/answer")
        await asyncio.gather(anna.media(), bob.media())


async def test_a_group_takes_one_tap_where_bots_are_deaf(tmp_path: Path) -> None:
    """Way 5 without the mode: the bots don't see each other's messages, and Bob taps the link."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        group = world.group("Friends", anna.human, bob.human, anna.bot, bob.bot)
        await start(anna, bob)
        anna.human.says(group, "/call@anna_bot copybara.azero")
        link = await anna.read_in(group, "https://t.me/bob_bot?start=")
        bob.human.taps_link(link.links[0])
        await talk(anna, bob)
        assert world.taps == [("Bob", "a link")]


async def test_guest_mode_takes_one_tap(tmp_path: Path) -> None:
    """Way 6: Anna calls her bot into the chat, of which it isn't a member. Bob taps."""
    seen = Transcript("guest")
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        anna.bot.guest = True
        await start(anna, bob)
        chat = world.between(anna.human, bob.human)
        anna.human.says(chat, "@anna_bot call copybara.azero")
        seen.says(anna, "to Bob", "@anna_bot call copybara.azero")
        link = await anna.read_in(chat, "https://t.me/bob_bot?start=")
        seen.sees("to Bob", link)
        bob.human.taps_link(link.links[0])
        seen.taps(bob, "the link")
        await talk(anna, bob, seen)
        assert world.taps == [("Bob", "a link")]


async def test_inline_mode_takes_a_tap_of_each(tmp_path: Path) -> None:
    """Way 6: the link is Anna's own message. Letters before the complete name cost nothing."""
    seen = Transcript("inline")
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        anna.bot.inline = anna.bot.inline_feedback = True
        await start(anna, bob)
        chat = world.between(anna.human, bob.human)
        for typed in ("c", "call", "call copyb"):
            answer = await anna.human.answer_to(anna.human.types_inline(anna.bot, typed))
            assert answer["results"] == []
        query = anna.human.types_inline(anna.bot, "call copybara.azero")
        (result,) = (await anna.human.answer_to(query))["results"]
        seen.says(anna, "to Bob", f"@anna_bot call copybara.azero   ({result['title']})")
        link = anna.human.chooses(anna.bot, query, result, chat)
        seen.taps(anna, f"the result “{result['title']}”")
        seen.sees("to Bob", link)
        await anna.reads(says.calling("bob"))
        bob.human.taps_link(link.links[0])
        seen.taps(bob, "the link")
        await talk(anna, bob, seen)
        assert world.taps == [("Anna", "a result"), ("Bob", "a link")]


async def test_a_result_that_is_never_sent_keeps_nobody_busy(tmp_path: Path) -> None:
    """Nobody knows whether an inline result was sent. A call that comes meanwhile is answered."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        change(anna, "bob", trust=Trust.AUTO)
        anna.bot.inline = True
        bob.bot.bot_to_bot = anna.bot.bot_to_bot = True
        await start(anna, bob)
        await anna.human.answer_to(anna.human.types_inline(anna.bot, "call bob"))
        bob.says("/call anna")
        await talk(anna, bob)
        assert world.taps == []
