"""The button that opens the handset page: it works once, and Telegram never gets the key."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from bot.kinds import Kind
from peer.handset.devices.authority import Authority
from shared.call.table import EndReason
from shared.contacts import Trust
from shared.media import Media
from tests.bot.phone import Phone, trusting
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import Person, friends, two_people
from tests.bot.telegram.server import error
from tests.bot.telegram.transcript import Transcript
from tests.bot.telegram.world import BotAccount, Message
from tests.browser.chromium import browser, until
from tests.peer.handset.wire import lets_in, page_at

pytestmark = pytest.mark.slow

WORDS = "Open page (on the computer)"

SENT = """
watched.connections.at(-1).getSenders().filter(({track}) => track)
  .map(({track}) => [track.kind, track.enabled])
"""
"A script for what a page sends: the kind of each track, and whether it is more than silence."

AT_THE_PAGE = '[answer]\nendpoint = "handset"\n[handset]\nport = 0\n'


async def ring(anna: Person, bob: Person) -> Message:
    """Bob talks at his page. Anna calls, and his bot asks him."""
    await friends(anna, bob, trust=Trust.RING)
    anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
    bob.configure(AT_THE_PAGE)
    await asyncio.gather(anna.begin(), bob.begin())
    anna.says("/call bob")
    return await bob.reads(says.rings("anna"))


def address_under(message: Message) -> str:
    """The present address of a message's button."""
    return str(message.button(WORDS)["url"])


async def another_address(bob: Person, message: Message, address: str) -> str:
    """The button's address, once it has changed."""
    await bob.server.world.until(lambda: address_under(message) != address)
    return address_under(message)


async def test_the_button_of_a_ringing_call_opens_the_page_to_answer_at(tmp_path: Path) -> None:
    seen = Transcript("handset")
    async with two_people(tmp_path) as (anna, bob, world, _):
        ringing = await ring(anna, bob)
        seen.sees("Bob's bot", ringing)
        address = bob.human.taps_button(ringing, WORDS)
        seen.taps(bob, f"[{WORDS}], and answers there")
        assert bob.handset is not None
        assert urlsplit(address).netloc == urlsplit(bob.handset).netloc
        async with page_at(address) as (page, hello):
            (call,) = hello["calls"]
            assert (call["state"], call["name"]) == ("ringing", "anna")
            await page.say("answer", call=call["id"], media="audio")
            connected = await bob.reads(says.connected("anna", Media.AUDIO), "127.")
            assert connected is ringing
            assert [[button["text"] for button in row] for row in connected.rows] == [["Hang up"], [WORDS]]
            seen.sees("Bob's bot", connected)
            seen.check()
            await page.say("hang-up", call=call["id"])
            await bob.reads(says.ended(EndReason.HUNG_UP, "anna"))
        assert ringing.rows == []
        assert world.taps == [("Bob", WORDS)]


async def test_a_button_works_once_and_the_message_gets_another(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        first = address_under(ringing)
        assert await lets_in(first)
        assert not await lets_in(first)
        second = await another_address(bob, ringing, first)
        async with page_at(second) as (_, hello):
            assert hello["calls"][0]["state"] == "ringing"
        assert not await lets_in(second)


async def test_a_call_at_the_page_has_the_button_and_a_call_elsewhere_has_none(tmp_path: Path) -> None:
    """Bob's program answers automatically, with nobody at the page yet. Anna's sends the pattern."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        anna.configure("[handset]\nport = 0\n")
        bob.configure(AT_THE_PAGE)
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        ours, theirs = await asyncio.gather(anna.reads(says.connected("bob")), bob.reads(says.connected("anna")))
        assert [[button["text"] for button in row] for row in ours.rows] == [["Hang up"]]
        bob.human.taps_button(theirs, "Hang up")
        await anna.reads(says.ended(EndReason.REMOTE_HUNG_UP, "bob"))
        bob.says("/call anna")
        placed = await bob.reads(says.calling("anna"))
        assert [[button["text"] for button in row] for row in placed.rows] == [["Hang up"], [WORDS]]


async def test_after_a_kill_an_old_button_opens_nothing_and_a_new_one_stands_there(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        old = address_under(ringing)
        port = urlsplit(old).port
        bob.says("/contacts")
        await bob.reads(anna.id.short)  # so it knows the call's message
        await bob.kill()
        bob.configure(AT_THE_PAGE.replace("port = 0", f"port = {port}"))
        await bob.begin()
        new = await another_address(bob, ringing, old)
        assert urlsplit(new).port == port
        assert not await lets_in(old)
        async with page_at(new) as (_, hello):
            assert hello["calls"][0]["state"] == "ringing"


async def test_the_command_gives_a_button_in_telegram_and_the_address_in_the_console(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, world, _server):
        bob.configure(AT_THE_PAGE)
        await bob.begin()
        await world.until(lambda: 1002 in bob.bot.commands)
        assert "handset" in [each["command"] for each in bob.bot.commands[1002]]
        bob.says("/handset")
        answer = await bob.reads(says.about_handset())
        bob.says("/handset")
        other = await bob.reads(says.about_handset(), since=bob.chat.messages.index(answer) + 1)
        assert address_under(other) != address_under(answer)
        for message in (other, answer):  # a new one leaves the old one as it is
            async with page_at(address_under(message)):
                pass
            assert not await lets_in(address_under(message))
        bob.write("/handset")
        said = await bob.posted("owner", kind=Kind.HANDSET_PAGE)
        assert bob.handset is not None
        assert said["text"].endswith(bob.handset)
        assert await lets_in(bob.handset)
        bob.says("/help")
        assert "/handset" in (await bob.reads(says.help_(page=True))).text


async def test_a_button_that_is_sent_after_a_kill_is_of_the_run_that_sends_it(tmp_path: Path) -> None:
    """Telegram takes no message at first. Nothing about the page is stored with the waiting messages."""
    async with two_people(tmp_path) as (_, bob, world, server):
        bob.configure(AT_THE_PAGE)
        await bob.begin()

        async def takes_nothing(_: BotAccount, method: str) -> web.Response | None:
            return error(502, "Bad Gateway") if method == "sendmessage" else None

        before = server.count(bob.bot, "sendmessage")
        server.before = takes_nothing
        bob.says("/handset")
        await world.until(lambda: server.count(bob.bot, "sendmessage") > before)
        await bob.kill()
        kept = b"".join(path.read_bytes() for path in bob.home.iterdir() if path.is_file())
        assert says.handset_page().encode() in kept
        assert b"ticket=" not in kept
        server.before = None
        await bob.begin()
        answer = await bob.reads(says.about_handset())
        async with page_at(address_under(answer)) as (_, hello):
            assert hello["node"] == bob.node


async def test_without_a_page_there_is_nothing_about_it(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob, trust=Trust.RING)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        ringing = await bob.reads(says.rings("anna"))
        bob.human.taps_button(ringing, "Answer")
        await bob.reads(says.connected("anna"), "127.")
        bob.says("/help")
        await bob.reads(says.help_())
        await world.until(lambda: 1002 in bob.bot.commands)
        assert "handset" not in repr(server.requests).lower()
        bob.says("/handset")
        assert (await bob.reads("enabled = true")).rows == []


async def test_a_browser_that_opens_the_button_shows_the_call_and_no_key(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        async with browser() as chromium:
            page = await chromium.open(address_under(ringing))
            await page.answer("audio")
            await page.call("active")
            await page.receives("audio")
            assert bob.handset is not None
            assert page.page.url == bob.handset.partition("#")[0]
            assert await page.page.evaluate("Object.values(localStorage)") == []
            # The ticket is used up, and the browser keeps the key that it got for it.
            await page.page.reload()
            await page.call("active")
            assert not chromium.problems, chromium.problems


async def test_a_call_that_telegram_begins_has_no_microphone_before_somebody_switches_it_on_at_the_page(
    tmp_path: Path,
) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        async with browser() as chromium:
            page = await chromium.open(address_under(ringing))
            await page.call("ringing")
            bob.human.taps_button(ringing, "Answer")
            await page.call("active")
            await page.receives("audio")
            await page.shows("Turn them on here.")
            await page.shows("Camera on")
            assert await page.page.evaluate(SENT) == [["audio", False]]
            await page.press("Unmute")
            await page.press("Camera on")
            await until(lambda: page.page.evaluate("document.getElementById('stage-devices').hidden"), "no more words")

            async def both() -> bool:
                return bool(await page.page.evaluate(SENT) == [["audio", True], ["video", True]])

            await until(both, "sound and picture")
            # It isn't off again when the page comes back.
            await page.reload()
            await page.call("active")
            await page.receives("audio")
            await page.shows("Mute")
            assert not chromium.problems, chromium.problems


async def test_a_call_that_is_begun_at_the_page_has_microphone_and_camera(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob)
        anna.configure(AT_THE_PAGE)
        await asyncio.gather(anna.begin(), bob.begin())
        assert anna.handset is not None
        async with page_at(anna.handset) as (page, _):
            await page.say("place", whom="bob", media="video")
            assert not (await page.next("call"))["begins_off"]


async def test_telegram_lets_nobody_else_hear_what_is_switched_on_at_the_page(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        async with page_at(address_under(ringing)) as (page, hello):
            await page.say("answer", call=hello["calls"][0]["id"], media="video")
            await page.next("call", state="active")
            for command in ("/merge", "/agree"):
                seen = len(bob.chat.messages)
                bob.says(command)
                await bob.reads("let somebody in who would hear you", since=seen)
            for command in ("/resume", "/swap"):
                await page.say("hold", call=hello["calls"][0]["id"])
                await page.next("call", on_hold=True)
                bob.says(command)
                assert (await page.next("call", on_hold=False))["begins_off"]
                await page.say("set-media", call=hello["calls"][0]["id"], audio=True, video=True, screen=False)
            bob.says("/hangup")
            await page.next("call", state="ended")
            bob.says("/call echo")
            call = await page.next("call", state="active")
            assert call["begins_off"]
            await page.say("hang-up", call=call["id"])
            await page.next("call", state="ended")


async def test_what_is_typed_after_the_bots_name_opens_nothing_at_the_page(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        anna.bot.inline = anna.bot.inline_feedback = True
        anna.configure(AT_THE_PAGE)
        await asyncio.gather(anna.begin(), bob.begin())
        assert anna.handset is not None
        async with page_at(anna.handset) as (page, _):
            query = anna.human.types_inline(anna.bot, "call copybara.azero")
            result = (await anna.human.answer_to(query))["results"][0]
            assert (await page.ask("explain", text="nothing"))["type"]
            assert not [each for each in page.heard if each["type"] in ("call", "link", "offer")]
            anna.human.chooses(anna.bot, query, result, world.between(anna.human, bob.human))
            assert (await page.next("call"))["state"] == "calling"


async def test_automatic_answers_that_telegram_allows_begin_off_at_the_page_and_none_open_a_room(
    tmp_path: Path,
) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        ringing = await ring(anna, bob)
        async with page_at(address_under(ringing)) as (page, hello):
            await page.say("decline", call=hello["calls"][0]["id"])
            await page.next("call", state="ended")
            bob.says("/contact trust anna")
            await bob.reads("begins with your microphone and camera off")
            anna.says("/call bob")
            call = await page.next("call", state="active", automatic=True)
            assert call["begins_off"]
            await page.say("hang-up", call=call["id"])
            await page.next("call", state="ended")
            # Nobody else can have said what is said on the page.
            await page.ask("set-trust", name="anna", node=anna.node, trust="auto")
            anna.says("/call bob")
            call = await page.next("call", state="active", automatic=True)
            assert not call["begins_off"]
            await page.say("hang-up", call=call["id"])
        for endpoint in ("devices", "pattern+devices", "camera"):
            bob.says(f"/contact endpoint anna {endpoint}")
            await bob.reads(f"{endpoint} lets anna into the room")


async def test_telegram_reads_neither_an_address_nor_the_secret_of_a_device(tmp_path: Path) -> None:
    at = "127.90.0.7"
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, trust=Trust.RING)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        bob.configure(f"{AT_THE_PAGE}device_port = 0\n")
        await asyncio.gather(anna.begin(), bob.begin())
        bob.says("/devices add tablet")
        await bob.reads("tablet can be added now", "copybara devices add tablet")
        bob.write(f"/devices add phone {at}")
        invitation = (await bob.posted("owner", "Open this on phone"))["text"]
        with bob.store() as store:
            authority = store.device_authority()
        assert authority is not None
        (address,) = re.findall(r"https://\S+", str(invitation))
        phone = Phone(at, address, trusting(Authority.of_pem(authority).to_install()))
        async with phone.pairing() as (sock, meeting, first):
            assert first is not None
            await bob.reads("wants to be phone", first["code"])
            bob.says(f"/devices confirm {first['code']}")
            await phone.becomes_a_device(sock, meeting)
        bob.says("/devices")
        await bob.reads("phone: last seen")
        anna.says("/call bob")
        await bob.reads(says.rings("anna"), "To answer on phone, open its page there")
        written = "\n".join(each.text for each in bob.chat.messages if each.sender is bob.bot)
        for private in (at, phone.host, phone.secret.decode(), "pair="):
            assert private not in written
