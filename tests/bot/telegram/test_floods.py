"""Floods of text in a call whose messages go to Telegram: the owner's own messages get out, and the call ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from peer.calls.limits import LIMITS
from shared.call.table import EndReason
from shared.contacts import STRANGER
from shared.links.kinds import as_copybara
from shared.media import Media
from shared.messages import Text
from tests.bot.stranger import stranger
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import friends, two_people
from tests.bot.telegram.world import BotAccount


async def test_a_flood_of_text_in_a_call_holds_up_neither_status_nor_link_and_ends_the_call(tmp_path: Path) -> None:
    """Telegram holds the first line, so that all others wait behind it in Bob's chat."""
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        bob.configure("[calls]\nat_once = 2\n")
        with (bob.home / "copybara.toml").open("a") as configuration:  # its last section is Telegram's
            configuration.write("texts = true\n")
        await bob.begin()
        eve = world.human(3, "Eve", "eve_example")
        async with stranger(tmp_path, bob.id) as caller:
            eve.tells(bob.bot, as_copybara(caller.request.token))
            bob.human.taps_button(await bob.reads(says.stranger_rings(Media.AUDIO)), "Answer")
            response = await bob.read_in(world.between(eve, bob.bot), "copybara:")
            async with caller.connected(response.text) as leg:
                await bob.call("active")
                await bob.reads(STRANGER, "127.")
                held, released = asyncio.Event(), asyncio.Event()

                async def hold(bot: BotAccount, method: str) -> web.StreamResponse | None:
                    if method == "sendmessage" and str(server.requests[-1][2]["chat_id"]) == str(bob.human.id):
                        held.set()
                        await released.wait()
                    return None

                server.before = hold
                before = len(bob.chat.messages)
                for number in range(LIMITS[Text].at_once - 1):
                    leg.control.send(Text(f"spam {number}"))
                await held.wait()
                bob.says("/status")
                bob.says("/call anna")
                await bob.read_in(world.between(anna.bot, bob.bot), "copybara:")
                assert [said["state"] for said in bob.calls if said["reason"]] == [], "the link left during the flood"
                for number in range(20 * LIMITS[Text].at_once):
                    leg.control.send(Text(f"more spam {number}"))
                    await asyncio.sleep(0)
                assert (await bob.call("ended"))["reason"] == "flooded"
        server.slow[bob.human.id] = 1.0
        released.set()
        status = await bob.reads(says.status_of(bob), since=before)
        name = STRANGER
        await bob.reads(says.ended(EndReason.FLOODED, name, known=False))
        await bob.reads("more spam 0", since=before)
        after = bob.chat.messages[before:]
        spam = [message for message in after if "spam" in message.text]
        assert len(spam) <= 3, "the lines were joined"
        assert after.index(status) < after.index(spam[-1])
