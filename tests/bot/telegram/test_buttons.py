"""Buttons that the owner taps: each does what it says, for its own call and no other."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from bot.conversation import Act
from bot.messengers.telegram.texts import TAP_REFUSED
from bot.texts import refusals
from shared.call.table import EndReason, State
from shared.contacts import Trust
from shared.media import Media
from shared.node_id import NodeId
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import SECRET, Person, friends, two_people
from tests.bot.telegram.test_reliability import call_link
from tests.bot.telegram.world import Message

pytestmark = pytest.mark.slow

LONG = "the disk is full of what nobody has looked at for years, " * 4


async def ring(anna: Person, bob: Person) -> Message:
    """Anna calls Bob, and his bot asks him."""
    await friends(anna, bob, trust=Trust.RING)
    anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
    await asyncio.gather(anna.begin(), bob.begin())
    anna.says("/call bob")
    return await bob.reads(says.rings("anna"))


async def test_one_message_tells_a_whole_call(tmp_path: Path) -> None:
    """It rings, is answered with audio only, goes on, and is hung up: all in one message."""
    async with two_people(tmp_path) as (anna, bob, _world, server):
        ringing = await ring(anna, bob)
        assert [[button["text"] for button in row] for row in ringing.rows] == [
            ["Answer", "Answer with audio only"],
            ["Decline", "Block"],
        ]
        query = bob.human.taps_button(ringing, "audio only")
        assert (await bob.human.answer_to(query))["text"] == "Answering with audio only …"
        await bob.reads(says.connected("anna", Media.AUDIO), "127.", "127.")
        assert [[button["text"] for button in row] for row in ringing.rows] == [["Hang up"]]
        query = bob.human.taps_button(ringing, "Hang up")
        await bob.human.answer_to(query)
        ended = await bob.reads(says.ended(EndReason.HUNG_UP, "anna"))
        assert ended is ringing
        assert ended.rows == []
        await anna.reads(says.ended(EndReason.REMOTE_HUNG_UP, "bob"))
        assert ringing.edits <= 6, "at a humane rate"
        assert server.count(bob.bot, "editmessagetext") <= 6


async def test_a_tap_that_may_be_old_takes_no_call_off_hold_and_ends_one(tmp_path: Path) -> None:
    """Telegram keeps taps for a day, and doesn't date them."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, trust=Trust.AUTO)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await asyncio.gather(anna.media(), bob.media())
        bob.says("/hold")
        held = await world.until(lambda: bob.offers("Resume"))
        await bob.kill()
        bob.human.taps_button(held, "Resume")  # Telegram has it, and the program can't fetch it
        await bob.begin()
        await bob.reads(says.tapped_late(Act.RESUME))
        assert (await bob.call_now())["on_hold"]
        # The call's message has its state, also after the restart, with the possible actions.
        held = await bob.reads(says.connected("anna"), "You still have them on hold")
        query = bob.human.taps_button(held, "Resume")
        await bob.human.answer_to(query)
        assert not (await bob.call_now())["on_hold"]
        last = await world.until(lambda: bob.offers("Hang up"))
        await bob.kill()
        bob.human.taps_button(last, "Hang up")
        await bob.launch()
        await anna.reads(says.ended(EndReason.REMOTE_HUNG_UP, "bob"))


async def test_a_stale_button_says_so(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        before = [list(row) for row in ringing.rows]
        anna.says("/hangup")
        await bob.reads(says.ended(EndReason.REMOTE_CANCELLED, "anna"))
        ringing.rows = before  # an app that hasn't seen the edit yet
        query = bob.human.taps_button(ringing, "Answer")
        answer = await bob.human.answer_to(query)
        assert (answer["text"], answer["show_alert"]) == ("That call is over.", True)
        ringing.rows = [[{"text": "Old", "callback_data": "an-old-version:1"}]]
        answer = await bob.human.answer_to(bob.human.taps_button(ringing, "Old"))
        assert answer["text"] == says.old_button()


async def test_decline_tells_the_caller_and_block_tells_nobody(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        ringing = await ring(anna, bob)
        bob.human.taps_button(ringing, "Decline")
        await anna.reads(says.ended(EndReason.REMOTE_DECLINED, "bob"))
        await bob.reads(says.ended(EndReason.DECLINED, "anna"))
        bots = world.between(anna.bot, bob.bot)
        assert [each.sender for each in bots.messages] == [anna.bot, bob.bot]
        anna.says("/call bob")
        ringing = await bob.reads(says.rings("anna"))
        query = bob.human.taps_button(ringing, "Block")
        assert (await bob.human.answer_to(query))["text"] == "Blocked."
        await bob.reads(says.blocked("anna"))
        assert [each.sender for each in bots.messages] == [anna.bot, bob.bot, anna.bot]
        with bob.store() as store:
            (contact,) = store.contacts()
        assert contact.trust is Trust.BLOCK


async def test_what_is_too_long_for_a_tap_is_written_into_the_chat(tmp_path: Path) -> None:
    """The reason is the disk's own words about why the contact can't be blocked."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        with contextlib.closing(sqlite3.connect(bob.home / "copybara.db", isolation_level=None, timeout=60)) as disk:
            for change in ("INSERT", "UPDATE"):
                disk.execute(
                    f"CREATE TRIGGER no_{change} BEFORE {change} ON contacts BEGIN SELECT RAISE(FAIL, '{LONG}'); END"
                )
        query = bob.human.taps_button(ringing, "Block")
        assert (await bob.human.answer_to(query))["text"] == TAP_REFUSED
        await bob.reads(LONG)


async def test_only_the_owner_can_tap(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        anna.human.taps_button(ringing, "Answer")  # anybody who got hold of the message
        bob.says("/status")
        await bob.reads(says.status_of(bob), State.RINGING)


async def test_a_strangers_name_is_shown_and_saved_safely(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, paired=False)
        with bob.store() as store:
            store.remove_contact("anna")
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        anna.bot.name = "\N{RIGHT-TO-LEFT OVERRIDE}<b>nimda</b>"
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        ringing = await bob.reads(says.stranger_rings())
        assert ringing.marked == []
        bob.human.taps_button(ringing, "Answer")
        words = await bob.reads(says.words())
        bob.human.taps_button(words, "Save contact")
        await bob.reads(says.saved())
        with bob.store() as store:
            (contact,) = store.contacts()
        assert contact.name == anna.id.short


async def test_two_callers_have_their_own_buttons(tmp_path: Path) -> None:
    """Two calls ring. The tapped one is declined, not the latest."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, trust=Trust.RING)
        await bob.begin()
        for _ in range(2):
            anna.human.tells(bob.bot, call_link(anna, bob))
        await world.until(lambda: len([each for each in bob.chat.messages if says.rings("anna") in each.text]) == 2)
        first, second = (each for each in bob.chat.messages if says.rings("anna") in each.text)
        bob.human.taps_button(first, "Decline")
        await world.until(lambda: says.ended(EndReason.DECLINED, "anna") in first.text)
        assert says.rings("anna") in second.text


async def test_the_button_of_one_call_never_confirms_the_words_of_another(tmp_path: Path) -> None:
    """Anna has lost her home and is confirmed by her words. Then somebody else calls in her name."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, paired=False, trust=Trust.RING)
        with bob.store() as store:
            store.propose_secret(anna.id, SECRET, 1)
            store.commit_secret(anna.id, SECRET)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        first = await unproven_call(anna, bob)
        tapped = [list(row) for row in first.rows]
        query = bob.human.taps_button(first, "The words are the same")
        assert (await bob.human.answer_to(query))["show_alert"] is False
        await bob.human.world.until(lambda: first.rows == [])
        with bob.store() as store:
            confirmed = store.writable_secret(anna.id)
            assert confirmed not in (None, SECRET)
        await anna.stop()
        with anna.store() as store:
            contact = store.remove_contact("bob")
            store.save_contact(contact)
        await anna.begin()
        second = await unproven_call(anna, bob)
        assert second is not first
        first.rows = tapped  # an app that hasn't seen the edit, or a tap that Telegram delivers again
        answer = await bob.human.answer_to(bob.human.taps_button(first, "The words are the same"))
        assert answer["show_alert"] is True
        with bob.store() as store:
            assert store.writable_secret(anna.id) == confirmed


async def test_trust_is_for_the_contact_that_the_message_names_and_for_nobody_who_called(tmp_path: Path) -> None:
    """Anna called last. The button under `Saved dora` is tapped after a restart, and again after a rename."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        bob.human.taps_button(ringing, "audio only")
        await bob.reads(says.connected("anna", Media.AUDIO), "127.", "127.")
        bob.says("/hangup")
        await bob.reads(says.ended(EndReason.HUNG_UP, "anna"))
        bob.says(f"/contact add dora {NodeId(bytes(range(32)))}")
        saved = await bob.reads("Saved dora")
        tapped = [list(row) for row in saved.rows]
        await bob.kill()
        await bob.begin()
        query = bob.human.taps_button(saved, "Answer automatically")
        assert (await bob.human.answer_to(query))["text"] == "Answered automatically from now on."
        await bob.human.world.until(lambda: saved.rows == [])
        with bob.store() as store:
            assert {each.name: each.trust for each in store.contacts()} == {"anna": Trust.RING, "dora": Trust.AUTO}
        bob.says("/contact ring dora")
        bob.says("/contact rename dora doris")
        await bob.reads("doris")
        saved.rows = tapped  # an app that hasn't seen the edit
        answer = await bob.human.answer_to(bob.human.taps_button(saved, "Answer automatically"))
        assert (answer["text"], answer["show_alert"]) == (" ".join(refusals.NOT_THAT_CONTACT), True)
        with bob.store() as store:
            assert {each.name: each.trust for each in store.contacts()} == {"anna": Trust.RING, "doris": Trust.RING}


async def begin_as_stranger_to(bob: Person, anna: Person) -> None:
    """Both run, and their bots can write to each other. Bob doesn't have Anna in his contacts."""
    await friends(anna, bob, paired=False)
    with bob.store() as store:
        store.remove_contact("anna")
    anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
    await asyncio.gather(anna.begin(), bob.begin())


async def test_trust_saves_no_stranger(tmp_path: Path) -> None:
    """The contact is removed before the button under its message is tapped, and a stranger has called meanwhile."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await begin_as_stranger_to(bob, anna)
        bob.says(f"/contact add dora {NodeId(bytes(range(32)))}")
        saved = await bob.reads("Saved dora")
        bob.says("/contact remove dora")
        await bob.reads("Removed dora")
        anna.says("/call bob")
        bob.human.taps_button(await bob.reads(says.stranger_rings()), "Answer")
        await bob.reads(says.words())
        answer = await bob.human.answer_to(bob.human.taps_button(saved, "Answer automatically"))
        assert answer["show_alert"] is True
        with bob.store() as store:
            assert store.contacts() == []


async def test_save_is_for_the_caller_of_the_call_that_it_was_shown_for_also_after_a_restart(tmp_path: Path) -> None:
    """The stranger has hung up, and the program was killed since."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await begin_as_stranger_to(bob, anna)
        anna.says("/call bob")
        bob.human.taps_button(await bob.reads(says.stranger_rings()), "Answer")
        words = await bob.reads(says.words())
        anna.says("/hangup")
        await anna.reads(says.ended(EndReason.HUNG_UP, "bob"))
        bob.says("/status")
        await bob.reads(says.status_of(bob))
        await bob.kill()
        await bob.begin()
        bob.human.taps_button(words, "Save contact")
        await bob.reads(says.saved())
        with bob.store() as store:
            assert [each.node for each in store.contacts()] == [anna.id]


@pytest.mark.parametrize("over", [False, True])
async def test_that_the_words_differ_has_a_button_during_the_call_and_after_it(tmp_path: Path, over: bool) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await begin_as_stranger_to(bob, anna)
        anna.says("/call bob")
        bob.human.taps_button(await bob.reads(says.stranger_rings()), "Answer")
        words = await bob.reads(says.words(), "If they differ, hang up with: /differ")
        await asyncio.gather(anna.media(), bob.media())
        if over:
            anna.says("/hangup")
            await bob.reads("hung up")
        bob.human.taps_button(words, "The words differ")
        await bob.reads("proves nothing now")
        if not over:
            await anna.reads(says.ended(EndReason.REMOTE_HUNG_UP, "bob"))
        with bob.store() as store:
            assert (len(store.secrets_of(anna.id)), len(store.quarantined_secrets(anna.id))) == (0, 1)


async def unproven_call(anna: Person, bob: Person) -> Message:
    """A call in Anna's name without her key, answered and ended. Returns the message with its words."""
    since = len(bob.chat.messages)
    anna.says("/call bob")
    ringing = await bob.reads(says.unproven_rings("anna"), since=since)
    bob.human.taps_button(ringing, "Answer")
    words = await bob.reads(says.words(), since=since)
    await bob.human.world.until(lambda: words.rows != [])
    await asyncio.gather(anna.media(), bob.media())
    bob.says("/hangup")
    await bob.reads(says.ended(EndReason.HUNG_UP, "anna"), since=since)
    return words
