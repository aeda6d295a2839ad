"""A server or a proxy may reply anything once. A token counts as revoked only if Telegram says so again and again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from bot.messengers.clock import Clock, ClockNews
from bot.messengers.inbox import STARTS
from bot.messengers.telegram.incoming import Tapped, TelegramMessage, to_bytes
from bot.messengers.telegram.limits import REPLY_BYTES
from bot.texts.overlay import LOOPBACK
from shared.contacts import Trust
from shared.store import Store
from shared.store.journal import ASIDE_IN, ASIDE_KEPT, ASIDE_OUT, Journal
from tests.bot.disk import small_disk
from tests.bot.telegram import sentences as says
from tests.bot.telegram.people import friends, two_people
from tests.bot.telegram.server import Drop, Server, error
from tests.bot.telegram.test_reliability import call_link
from tests.bot.telegram.world import BotAccount

Make = Callable[[], Awaitable[web.StreamResponse]]


def page(status: int, body: bytes = b"<html>Blocked</html>", kind: str = "text/html", **headers: str) -> Make:
    async def make() -> web.StreamResponse:
        return web.Response(status=status, body=body, headers={"Content-Type": kind, **headers})

    return make


def _refused(parameters: dict[str, object]) -> bytes:
    refusal = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": parameters}
    return json.dumps(refusal).encode()


def _paused(seconds: object) -> bytes:
    return _refused({"retry_after": seconds})


ANSWERS: dict[str, Make] = {
    "404 with HTML": page(404),
    "401 with HTML": page(401),
    "400 with HTML": page(400),
    "403 with HTML": page(403),
    "407 with HTML": page(407),
    "500 with HTML": page(500),
    "200 with HTML": page(200),
    "204 without anything": page(204, b""),
    "200 without anything": page(200, b""),
    "a redirect": page(302, b"", Location="http://127.0.0.1:9/elsewhere"),
    "a permanent redirect": page(308, b"", Location="/elsewhere"),
    "JSON of somebody else": page(403, b'{"error": "blocked by policy"}', "application/json"),
    "JSON that is no object": page(200, b"[1, 2]", "application/json"),
    "ok without a result": page(200, b'{"ok": true}', "application/json"),
    "half an answer": page(200, b'{"ok": true, "result": {"message_', "application/json"),
    "a result that is none": page(200, b'{"ok": true, "result": 7}', "application/json"),
    "nested without end": page(200, b'{"ok": true, "result": ' + b"[" * 100_000, "application/json"),
    "bytes that are no text": page(200, b"\xff\xfe\x00" * 100, "application/json"),
    "a gigantic answer": page(200, b"x" * (REPLY_BYTES + 1)),
    "a pause without end": page(429, _paused(10**30), "application/json"),
    "a pause that is no number": page(429, _paused("5"), "application/json"),
    "a pause in the past": page(429, _paused(-5), "application/json"),
    "a group that has moved nowhere": page(400, _refused({"migrate_to_chat_id": {}}), "application/json"),
    "one 404 in Telegram's form": lambda: _json_error(404, "Not Found"),
    "one 401 in Telegram's form": lambda: _json_error(401, "Unauthorized"),
}


async def _json_error(code: int, description: str) -> web.StreamResponse:
    return error(code, description)


class Once:
    """The first request of each of these methods gets this reply. All others pass."""

    def __init__(self, make: Make, *methods: str) -> None:
        self._make = make
        self._methods = set(methods)

    async def __call__(self, _: BotAccount, method: str) -> web.StreamResponse | None:
        if method not in self._methods:
            return None
        self._methods.discard(method)
        return await self._make()

    @property
    def happened(self) -> bool:
        return not self._methods


async def test_answers_that_arent_telegrams_cost_nothing_but_time(tmp_path: Path) -> None:
    """Fetching and sending meet each of these faults once."""
    async with two_people(tmp_path) as (_, bob, _world, server):
        await bob.begin()
        for name, make in ANSWERS.items():
            since = len(bob.chat.messages)
            server.before = once = Once(make, "sendmessage", "getupdates")
            bob.says("/status")
            await bob.reads(says.idle(bob), since=since)
            assert once.happened, name
            assert sum(says.idle(bob) in each.text for each in bob.chat.messages[since:]) == 1, name
        assert says.revoked() not in bob.errors
        assert "<html>" not in bob.errors
        lines = [line for line in bob.errors.splitlines() if "isn't Telegram's" in line]
        assert len(lines) == len(set(lines)), "each once"


@pytest.mark.parametrize("name", ["404 with HTML", "200 with HTML", "one 401 in Telegram's form"])
async def test_the_first_answer_of_all_may_be_somebody_elses(tmp_path: Path, name: str) -> None:
    async with two_people(tmp_path) as (_, bob, _world, server):
        server.before = once = Once(ANSWERS[name], "getme")
        await bob.launch()
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        assert once.happened
        assert says.revoked() not in bob.errors


async def test_a_token_that_holds_again_is_used_again(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, _world, server):
        await bob.begin()
        token, bob.bot.token = bob.bot.token, "1:another"
        _end_polls(server)
        await bob.complains(says.revoked())
        bob.bot.token = token
        bob.says("/status")
        await bob.reads(says.idle(bob))
        await bob.complains(says.token_holds())


async def test_a_message_that_telegram_refuses_is_told_and_kept_aside(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, _world, server):
        await bob.begin()

        async def refuse() -> web.StreamResponse:
            return error(400, "Bad Request: can't parse entities")

        server.before = Once(refuse, "sendmessage")
        bob.says("/status")
        told = await bob.reads(says.not_delivered())
        assert "Can't parse entities" in told.text
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        await bob.stop()
        assert "didn't accept one of my messages" in bob.errors
        assert "No calls" not in bob.errors, "a service's journal has it"
        with bob.store() as store:
            (aside,) = Journal(store, "telegram").facts(ASIDE_OUT).values()
        assert b"No calls" in aside


# Entries that can't be handled.


@pytest.mark.parametrize(
    "entry",
    [
        b"\xff\x00nonsense",
        b'{"type": "pigeon"}',
        b'{"type": "heard", "text": 7}',
        to_bytes(TelegramMessage("/call bob", "telegram:group:not-a-number:x", from_owner=True)),
        to_bytes(Tapped("", "answer:" + "x" * 500)),
    ],
    ids=["garbage", "another version's", "of the wrong type", "a chat that is none", "a tap on nothing"],
)
async def test_a_poisoned_entry_blocks_no_start_and_nothing_behind_it(tmp_path: Path, entry: bytes) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob)
        with bob.store() as store:
            journal = Journal(store, "telegram")
            journal.store([(1, entry)], 1)
            journal.set_facts({"unfinished:1": entry, "connection:1": entry, "greeted": entry})
            journal.done([], outgoing=[(None, entry)], shown={"0011": entry})
        for _ in range(2):
            await bob.begin()
            since = len(bob.chat.messages)
            bob.says("/status")
            await bob.reads(says.status_of(bob), since=since)
            await bob.kill()
        with bob.store() as store:
            assert Journal(store, "telegram").waiting() == []
            told = sum(says.set_aside() in each.text for each in bob.chat.messages)
            assert told == len(Journal(store, "telegram").facts(ASIDE_IN)) <= 2


async def test_an_entry_that_the_program_dies_of_at_three_starts_is_set_aside(tmp_path: Path) -> None:
    """The entry makes the program ask Telegram whose the connection is, and the program is killed each time it asks."""
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob, trust=Trust.RING)
        world.connect(bob.bot, bob.human)
        bob.bot.updates.clear()  # so the program doesn't know the connection when the message comes
        anna.human.says(world.between(anna.human, bob.human), call_link(anna, bob))
        launched, dead = asyncio.Event(), asyncio.Event()

        async def kill(_: BotAccount, method: str) -> None:
            if method == "getbusinessconnection":
                await launched.wait()
                bob.process.kill()
                await bob.process.wait()
                dead.set()
                raise Drop

        server.before = kill
        for _ in range(1 + STARTS):
            launched.clear()
            dead.clear()
            await bob.launch()
            launched.set()
            await asyncio.wait_for(dead.wait(), 60)
            await bob.stop()
        await bob.begin()
        await bob.reads(says.set_aside())
        bob.says("/status")
        await bob.reads(says.idle(bob))
        assert not [said for said in bob.said if said["type"] == "call"]
        with bob.store() as store:
            journal = Journal(store, "telegram")
            assert (len(journal.facts(ASIDE_IN)), journal.waiting()) == (1, [])


def test_of_entries_that_were_set_aside_only_the_newest_are_kept(tmp_path: Path) -> None:
    with Store(tmp_path / "db") as store:
        journal = Journal(store, "telegram")
        for number in range(2 * ASIDE_KEPT):
            journal.done([number], aside=[b"%d" % number])
        kept = [int(value) for value in journal.facts(ASIDE_IN).values()]
        assert kept == list(range(ASIDE_KEPT, 2 * ASIDE_KEPT))


async def test_the_owner_hears_that_the_disk_is_full_and_is_obeyed_once_when_it_isnt(tmp_path: Path) -> None:
    with small_disk(tmp_path / "bob_example") as disk:
        async with two_people(tmp_path) as (_, bob, _world, _):
            await bob.begin()
            bob.says("/contacts")
            await bob.reads(says.no_contacts())
            disk.fill()
            bob.says("/status")
            await bob.reads(says.cannot_store())
            disk.make_room()
            await bob.reads(says.can_store())
            bob.says("/contacts")
            await bob.reads(says.no_contacts(), since=len(bob.chat.messages))
            assert sum(says.idle(bob) in each.text for each in bob.chat.messages) == 1


# The clock.


async def test_a_machine_an_hour_ahead_is_told_so_and_still_calls(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        await anna.begin()
        world.clock_ahead = -3600
        anna.says("/call bob")
        await anna.reads(says.calling("bob"))
        await anna.reads(says.clock_is_off(3600))
        assert not [each for each in anna.chat.messages if says.too_late("/call bob") in each.text]


def test_clocks() -> None:
    clock = Clock()
    clock.server_said(1000.0, 4600.0)
    assert (ClockNews().due(clock.ahead, 0.0), clock.age(990.0, 4600.0)) == (True, 10.0)
    clock.new_message(4595.0, 4600.0, at_most=30.0)
    assert (ClockNews().due(clock.ahead, 0.0), clock.age(4595.0, 4600.0)) == (False, 5.0)
    clock.new_message(4600.0 - 900, 4600.0, at_most=1200.0)  # it waited for the network to come back
    assert (ClockNews().due(clock.ahead, 0.0), clock.age(4600.0 - 900, 4600.0)) == (False, 900.0)
    clock.new_message(8200.0, 4600.0, at_most=1200.0)
    assert (ClockNews().due(clock.ahead, 0.0), clock.ahead) == (True, -3600.0)


# Notices at the program's start.


async def test_notices_reach_the_owner_once_and_the_status(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, _world, _):
        bob.configure("[handset]\nport = 0\n")
        await bob.begin()
        await bob.reads(LOOPBACK.text)
        process = await asyncio.create_subprocess_exec(
            *bob.command("status"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await process.communicate()
        assert b"loopback network gives no privacy" in out
        await bob.kill()
        await bob.begin()
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        assert sum(LOOPBACK.text in each.text for each in bob.chat.messages) == 1
        assert bob.handset is not None
        assert bob.handset not in bob.errors, "the log of a service may be read by others"


def _end_polls(server: Server) -> None:
    """Telegram ends the connections of a revoked token."""
    for event in server._polls.values():
        event.set()
    server.world.changed()
