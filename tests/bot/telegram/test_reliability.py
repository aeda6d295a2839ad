"""Killed at any point, cut off at any time: nothing is lost, nothing is done twice, and calls go on."""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.messengers.telegram.outgoing import TelegramPost, to_bytes
from shared.call.table import EndReason, State
from shared.contacts import Trust
from shared.links.kinds import as_copybara
from shared.links.paired import Operation, PairedBody, seal
from shared.media import Media
from shared.store.journal import Journal
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import SECRET, Person, change, friends, two_people
from tests.bot.telegram.server import Drop, Server, error
from tests.bot.telegram.world import BotAccount

pytestmark = pytest.mark.slow


def call_link(caller: Person, callee: Person, *, age: int = 0) -> str:
    """A link with which one calls the other, written `age` seconds ago by a program that is gone."""
    said = PairedBody(Operation.CALL, Media.BOTH, int(time.time()) - age, 40_000)
    token = seal(said, secret=SECRET, source=caller.id, destination=callee.id, nonce=secrets.token_bytes(12))
    return as_copybara(token.token)


async def packets(person: Person) -> int:
    """How many audio packets have arrived in the running call."""
    return int((await person.call_now())["audio_packets_received"])


async def hears_more(person: Person) -> None:
    """Wait for half a second more of sound."""
    before = await packets(person)
    async with asyncio.timeout(60):
        while await packets(person) < before + 25:
            pass


class Fail:
    """A fault that happens only the first time that a method is used."""

    def __init__(self, method: str, response: Any) -> None:
        self.method = method
        self.response = response
        self.at = 0.0
        self.happened = asyncio.Event()

    async def __call__(self, _: BotAccount, method: str) -> web.StreamResponse | None:
        if method != self.method or self.at:
            return None
        self.at = time.monotonic()
        self.happened.set()
        if self.response is Drop:
            raise Drop
        response: web.StreamResponse = self.response
        return response


async def test_without_a_network_at_the_start_it_waits_for_one(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, _world, server):
        await server.stop()
        await bob.launch()  # ready: calls can be made over the console
        await bob.complains(says.unreachable())
        await server.start()
        bob.says("/status")
        await bob.reads(says.idle(bob))
        await bob.complains(says.reachable())


async def test_an_outage_during_a_run_delays_and_loses_nothing_and_calls_dont_notice(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await asyncio.gather(anna.media(), bob.media())
        await server.stop()
        await asyncio.gather(hears_more(anna), hears_more(bob))
        said = anna.human.tells(anna.bot, "/hangup")  # Telegram has it, and the program can't fetch it
        await hears_more(bob)
        await server.start()
        await bob.reads(says.ended(EndReason.REMOTE_HUNG_UP, "anna"))
        await anna.reads(says.ended(EndReason.HUNG_UP, "bob"))
        assert world.between(anna.human, anna.bot).messages.index(said) >= 0


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (error(429, "Too Many Requests: retry after 1", retry_after=1), 1.0),
        (error(502, "Bad Gateway"), 0.4),
    ],
    ids=["429", "502"],
)
async def test_a_message_is_sent_again_and_once(tmp_path: Path, fault: web.Response, pause: float) -> None:
    async with two_people(tmp_path) as (_, bob, _world, server):
        await bob.begin()
        server.before = fail = Fail("sendmessage", fault)
        bob.says("/status")
        await bob.reads(says.idle(bob))
        assert time.monotonic() - fail.at >= pause
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        assert sum(says.idle(bob) in each.text for each in bob.chat.messages) == 1


async def test_a_link_whose_fate_is_unknown_is_sent_again_and_used_once(tmp_path: Path) -> None:
    """Telegram takes the message, and the connection breaks before the reply."""
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        server.after = Fail("sendmessage", Drop)
        anna.says("/call bob")
        await asyncio.gather(anna.media(), bob.media())
        bots = world.between(anna.bot, bob.bot)
        await world.until(lambda: len(bots.messages) == 2)
        assert bots.messages[0].text == bots.messages[1].text
        bob.says("/status")
        await bob.reads(says.status_of(bob), State.ACTIVE)
        assert len({said["id"] for said in bob.said if said["type"] == "call"}) == 1


async def test_updates_that_come_twice_are_acted_on_once(tmp_path: Path) -> None:
    """The reply to getUpdates gets lost, so Telegram repeats it."""
    async with two_people(tmp_path) as (anna, bob, _world, server):
        await friends(anna, bob, trust=Trust.RING)
        await bob.begin()

        async def lose(_: BotAccount, method: str) -> web.StreamResponse | None:
            if method == "getupdates" and bob.bot.updates:
                server.after = None
                raise Drop
            return None

        server.after = lose
        anna.human.tells(bob.bot, call_link(anna, bob))
        bob.says("/help")
        await bob.reads(says.rings("anna"))
        await bob.reads(says.help_())
        assert len(bob.bot.delivered) > len(set(bob.bot.delivered)) == 2
        assert sum(says.rings("anna") in each.text for each in bob.chat.messages) == 1
        assert sum(says.help_() in each.text for each in bob.chat.messages) == 1


async def test_an_update_that_cant_be_read_costs_only_itself(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, world, _server):
        world.update(bob.bot, "message", {"message_id": "what", "chat": 7})
        bob.says("/help")
        await bob.begin()
        await bob.reads(says.help_())


async def test_another_program_with_the_token_is_named(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, _world, server):
        await bob.begin()
        async with aiohttp.ClientSession() as client:
            other = await client.post(f"{server.url}/bot{bob.bot.token}/getUpdates", data={"timeout": 0})
            assert other.status == 200
        await bob.complains(says.conflict())


async def test_a_revoked_token_is_said_plainly_and_calls_go_on(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await asyncio.gather(anna.media(), bob.media())
        old, bob.bot.token = bob.bot.token, "1:another"
        anna.says("/help")
        for event in server._polls.values():
            event.set()  # Telegram ends the connections of a revoked token
        server.world.changed()
        await hears_more(bob)
        await bob.complains(says.revoked())
        await hears_more(bob)
        bob.bot.token = old


# Killed.


class Kill:
    """Kills Bob's program when it makes a request: before or after Telegram has carried it out."""

    def __init__(self, bob: Person, server: Server, method: str, *, answered: bool) -> None:
        self._bob = bob
        self._server = server
        self._method = method
        self._reached = asyncio.Event()
        if answered:
            server.after = self
        else:
            server.before = self

    async def __call__(self, bot: BotAccount, method: str) -> web.StreamResponse | None:
        if bot is not self._bob.bot or method != self._method or self._reached.is_set():
            return None
        if method == "getupdates" and not bot.updates:
            return None
        self._bob.process.kill()
        await self._bob.process.wait()
        self._reached.set()
        raise Drop

    async def done(self) -> None:
        """Wait until it has happened."""
        await asyncio.wait_for(self._reached.wait(), 60)
        self._server.after = self._server.before = None
        await self._bob.stop()


POINTS = [
    ("getupdates", True),
    ("sendmessage", False),
    ("sendmessage", True),
]


@pytest.mark.parametrize(("method", "answered"), POINTS, ids=[f"{m}-{'after' if a else 'before'}" for m, a in POINTS])
async def test_killed_before_it_rang_it_rings_after_the_restart(tmp_path: Path, method: str, answered: bool) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, server):
        await friends(anna, bob, trust=Trust.RING)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        killing = Kill(bob, server, method, answered=answered)
        anna.says("/call bob")
        await killing.done()
        await bob.begin()
        ringing = await bob.reads(says.rings("anna"))
        assert {button["text"] for row in ringing.rows for button in row} >= {"Answer", "Decline"}
        bob.human.taps_button(ringing, "Answer")
        await asyncio.gather(anna.media(), bob.media())
        # One in each run.
        assert len({said["id"] for said in bob.said if said["type"] == "call"}) <= 2


async def test_killed_after_the_tap_it_answers_after_the_restart(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, server):
        await friends(anna, bob, trust=Trust.RING)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        ringing = await bob.reads(says.rings("anna"))
        bob.says("/help")
        await bob.reads(says.help_())  # so it knows that the previous message was taken
        killing = Kill(bob, server, "getupdates", answered=True)
        bob.human.taps_button(ringing, "Answer")
        await killing.done()
        await bob.begin()
        await asyncio.gather(anna.media(), bob.media())
        await bob.reads(says.connected("anna"))
        assert says.connected("anna") in ringing.text, "all in the message that rang"


async def test_a_call_that_was_placed_before_the_kill_is_over_and_isnt_placed_twice(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await anna.begin()  # nobody is there to answer
        anna.says("/call bob")
        await anna.reads(says.calling("bob"))
        await anna.kill()
        await anna.begin()
        await anna.reads(says.interrupted())
        anna.says("/status")
        await anna.reads(says.idle(anna))
        assert len(world.between(anna.bot, bob.bot).messages) == 1


@pytest.mark.parametrize("who", ["the caller", "the callee"])
async def test_killed_in_a_call_it_goes_on_with_it_in_the_same_message(tmp_path: Path, who: str) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await asyncio.gather(anna.begin(), bob.begin())
        anna.says("/call bob")
        await asyncio.gather(anna.media(), bob.media())
        victim, other = (anna, bob) if who == "the caller" else (bob, anna)
        them, us = other.name.lower(), victim.name.lower()
        shown = await victim.reads(says.connected(them))
        links = len(world.between(anna.bot, bob.bot).messages)
        await victim.kill()
        await victim.begin()
        await victim.until(lambda said: said["type"] == "call" and said["state"] == "active")
        await asyncio.gather(hears_more(anna), hears_more(bob))
        await world.until(lambda: says.connected(them) in shown.text)
        assert [each for each in victim.chat.messages if says.connected(them) in each.text] == [shown]
        assert len(world.between(anna.bot, bob.bot).messages) == links
        assert not [each for each in victim.chat.messages if each.text in (says.interrupted(), says.rejoining(them))]
        victim.human.taps_button(shown, "Hang up")
        await other.reads(says.ended(EndReason.REMOTE_HUNG_UP, us))
        await victim.reads(says.ended(EndReason.HUNG_UP, them))
        assert says.ended(EndReason.HUNG_UP, them) in shown.text


async def test_links_that_are_too_old_are_told_in_one_message(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _server):
        await friends(anna, bob)
        for _ in range(3):
            anna.human.tells(bob.bot, call_link(anna, bob, age=3600))
            bob.bot.updates[-1]["message"]["date"] -= 3600  # it has waited at Telegram
        await bob.begin()
        missed = await bob.reads(says.missed("anna", "anna", "anna"))
        assert missed.text.count("anna") == 3
        bob.says("/status")
        await bob.reads(says.idle(bob))
        assert sum(missed.text == each.text for each in bob.chat.messages) == 1
        assert not [said for said in bob.said if said["type"] == "call"]
        await bob.kill()
        await bob.begin()
        bob.says("/help")
        await bob.reads(says.help_())
        assert sum(missed.text == each.text for each in bob.chat.messages) == 1


async def test_a_call_that_rang_when_the_program_was_killed_is_missed_if_it_comes_back_too_late(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _server):
        await friends(anna, bob, trust=Trust.RING)
        await bob.begin()
        anna.human.tells(bob.bot, call_link(anna, bob, age=300))
        await bob.reads(says.rings("anna"))
        await bob.kill()
        bob.configure("[calls]\nlifetime = 60")
        await bob.begin()
        await bob.reads(says.missed("anna"))
        await bob.reads(says.over())
        change(bob, "anna", trust=Trust.BLOCK)
        anna.human.tells(bob.bot, call_link(anna, bob, age=3600))
        bob.says("/help")
        await bob.reads(says.help_())
        assert sum(says.missed("anna") in each.text for each in bob.chat.messages) == 1


@pytest.mark.parametrize("is_killed", [True, False])
async def test_a_name_that_was_being_looked_up_is_looked_up_again(tmp_path: Path, is_killed: bool) -> None:
    """The name's server doesn't reply, and the program is killed meanwhile, or ended as by an update."""
    async with two_people(tmp_path) as (anna, bob, _world, _server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        with socket.create_server(("127.0.0.1", 0)) as silent:
            anna.configure(rpc=f"ws://127.0.0.1:{silent.getsockname()[1]}")
            await asyncio.gather(anna.begin(), bob.begin())
            anna.says("/call copybara.azero")
            await anna.reads(says.looking_up("copybara.azero"))
            await (anna.kill() if is_killed else anna.stop())
        anna.configure()
        await anna.begin()
        await asyncio.gather(anna.media(), bob.media())
        with anna.store() as store:
            assert Journal(store, "telegram").facts("unfinished:") == {}


async def test_a_command_from_long_ago_is_not_carried_out(tmp_path: Path) -> None:
    """Nobody is called out of the blue because a program comes back."""
    async with two_people(tmp_path) as (anna, bob, world, _server):
        await friends(anna, bob)
        written = anna.says("/call bob")
        written.date -= 3600
        anna.bot.updates[-1]["message"]["date"] -= 3600
        anna.says("/contacts")
        await anna.begin()
        await anna.reads(says.too_late("/call bob"))
        await anna.reads(bob.id.short)
        anna.says("/status")
        await anna.reads(says.idle(anna))
        assert not world.between(anna.bot, bob.bot).messages


async def test_a_recording_goes_along_as_a_file_if_the_owner_wants_that(tmp_path: Path) -> None:
    recording = tmp_path / "talk.mkv"
    recording.write_bytes(b"sound" * 100)
    async with two_people(tmp_path) as (_, bob, _world, server):
        with bob.store() as store:
            journal = Journal(store, "telegram")
            for path in (recording, tmp_path / "gone.mkv"):
                words = TelegramPost(f"A message: {path.name}")
                with_file = TelegramPost(words.text, file=str(path), instead=(words,))
                journal.done([], outgoing=[(None, to_bytes(with_file))])
        await bob.begin()
        message = await bob.reads("A message: talk.mkv")
        assert message.file == ("talk.mkv", 500)
        assert (await bob.reads("A message: gone.mkv")).file is None
        assert server.count(bob.bot, "senddocument") == 1
