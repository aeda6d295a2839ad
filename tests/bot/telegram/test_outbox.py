"""The outbox: links and answers first, a queue per chat, bounded whatever others do, and nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from bot.messengers.journal_writer import JournalWriter
from bot.messengers.outbox import (
    MAX_AGE_SECONDS,
    MAX_WAITING,
    MAX_WAITING_OF_OTHERS,
    MAX_WAITING_OF_SOURCE,
    NotNow,
    Outbox,
    Pace,
    Priority,
    Refused,
)
from bot.messengers.telegram.outgoing import TelegramPost, outgoing_from, to_bytes
from shared.call.table import State
from shared.links.card import Card
from shared.links.kinds import as_copybara
from shared.node_id import NodeId
from shared.store import Store, StoreThread
from shared.store.journal import ASIDE_KEPT, ASIDE_OUT, Journal
from tests.bot.telegram import sentences as says
from tests.bot.telegram.burst import foreign_link
from tests.bot.telegram.people import friends, two_people

FAST = Pace(per_second=1000, burst=1000, seconds_each=0.001, urgent_too=False)


class Office:
    """An outbox with a messenger that the test controls."""

    def __init__(self, journal: Journal, thread: StoreThread, pace: Pace) -> None:
        self.sent: list[str] = []
        self.lost: list[str] = []
        self.answer: Callable[[TelegramPost], Awaitable[None]] | None = None
        self.journal = journal
        self.thread = thread
        self.writer = JournalWriter("test", thread.write, lambda _: None)
        self.outbox: Outbox[TelegramPost] = Outbox(
            journal,
            self.writer,
            read=outgoing_from,
            to_bytes=to_bytes,
            send=self._send,
            pace=lambda _: pace,
            lost=lambda message, why: self.lost.append(why),
        )

    async def put(self, *messages: TelegramPost, call: str | None = None) -> None:
        rows = [(call, to_bytes(each)) for each in messages if self.outbox.has_room(each)]
        await self.thread.write(lambda store: Journal(store, "test").done([], outgoing=rows))
        self.outbox.take_up()

    async def done(self) -> None:
        """Wait until nothing waits any more."""
        await self.outbox.flush(30)
        await self.writer.flush(30)
        assert self.journal.outgoing() == []

    async def _send(self, message: TelegramPost, _: int) -> None:
        if self.answer is not None:
            await self.answer(message)
        self.sent.append(message.text)


@contextlib.asynccontextmanager
async def office(
    folder: Path, pace: Pace = FAST, before: Callable[[Journal], None] | None = None
) -> AsyncIterator[Office]:
    with Store(folder / "db") as store:
        if before is not None:
            before(Journal(store, "test"))
        async with StoreThread(store) as thread, asyncio.TaskGroup() as group:
            made = Office(Journal(store, "test"), thread, pace)
            tasks = [group.create_task(made.writer.run()), group.create_task(made.outbox.run())]
            yield made
            for task in tasks:
                task.cancel()


def news(text: str, chat: int = 0, source: str = "", **more: object) -> TelegramPost:
    return TelegramPost(text, chat=chat, source=source, written=int(time.time()), **more)  # type: ignore[arg-type]


async def test_links_leave_first_then_answers_then_news(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        await made.put(
            news("news"), news("answer", urgency=Priority.ANSWER), news("link", urgency=Priority.LINK), news("more")
        )
        await made.done()
        assert made.sent == ["link", "answer", "news", "more"]


async def test_a_slow_chat_holds_up_no_other_and_its_link_passes_the_news(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        tried = asyncio.Event()

        async def answer(message: TelegramPost) -> None:
            if message.text == "first" and not tried.is_set():
                tried.set()
                raise NotNow(1.0)

        made.answer = answer
        await made.put(news("first", 1))
        await tried.wait()
        await made.put(news("link", 1, urgency=Priority.LINK), news("elsewhere", 2))
        await made.done()
        assert made.sent == ["elsewhere", "link", "first"]


async def test_one_message_that_always_fails_lets_the_next_pass(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        good = asyncio.Event()

        async def answer(message: TelegramPost) -> None:
            if message.text == "bad":
                raise NotNow(0.01)
            good.set()

        made.answer = answer
        await made.put(news("bad"), news("good"))
        await good.wait()
        assert next(outgoing_from(kept.value).text for kept in made.journal.outgoing()) == "bad", "it is still tried"


async def test_a_message_that_is_refused_goes_its_other_way_or_is_set_aside_and_told(tmp_path: Path) -> None:
    async with office(tmp_path) as made:

        async def answer(message: TelegramPost) -> None:
            if message.text.startswith("bad"):
                raise Refused("Bad Request: because")

        made.answer = answer
        await made.put(news("bad", instead=(news("other way"),)), news("bad and alone"))
        await made.done()
        assert made.sent == ["other way"]
        assert made.lost == ["Bad Request: because"]
        (kept,) = made.journal.facts(ASIDE_OUT).values()
        assert outgoing_from(kept).text == "bad and alone"


async def test_what_nobody_can_read_and_what_is_too_old_is_set_aside(tmp_path: Path) -> None:
    old = msgspec.structs.replace(news("old"), written=int(time.time()) - MAX_AGE_SECONDS - 1)

    def before(journal: Journal) -> None:
        rows = [b"\xff\x00", b'{"text": 7}', b'{"pigeon": true}', to_bytes(old), to_bytes(news("good"))]
        journal.done([], outgoing=[(None, row) for row in rows])

    async with office(tmp_path, before=before) as made:
        made.outbox.take_up()
        await made.done()
        assert made.sent == ["good"]
        assert len(made.lost) == 4
        assert len(made.journal.facts(ASIDE_OUT)) == 4


async def test_of_what_nobody_takes_only_the_newest_is_kept(tmp_path: Path) -> None:
    old = msgspec.structs.replace(news("old"), written=int(time.time()) - MAX_AGE_SECONDS - 1)

    def before(journal: Journal) -> None:
        journal.done([], outgoing=[(None, to_bytes(old))] * 3 * ASIDE_KEPT)
        journal.set_facts({f"{ASIDE_OUT}7": b"by an earlier version"})

    async with office(tmp_path, before=before) as made:

        async def refuse(_: TelegramPost) -> None:
            raise Refused("no")

        made.answer = refuse
        made.outbox.take_up()
        await made.done()
        await made.put(*(news(f"new {number}") for number in range(ASIDE_KEPT - 1)))
        await made.done()
        texts = [outgoing_from(kept).text for kept in made.journal.facts(ASIDE_OUT).values()]
        assert texts == ["old", *(f"new {number}" for number in range(ASIDE_KEPT - 1))]


async def test_what_one_source_says_is_joined_and_bounded(tmp_path: Path) -> None:
    slow = Pace(per_second=1000, burst=4, seconds_each=3600.0, urgent_too=False)
    async with office(tmp_path, slow) as made:
        gate = asyncio.Event()

        async def answer(_: TelegramPost) -> None:
            await gate.wait()

        made.answer = answer
        for number in range(10 * MAX_WAITING_OF_SOURCE):
            await made.put(news(f"line {number}", source="call 1"))
        assert len(made.journal.outgoing()) <= MAX_WAITING_OF_SOURCE
        await made.put(news("status", urgency=Priority.ANSWER))
        gate.set()
        await made.done()
        assert made.sent[:2] == ["line 0", "status"]
        (joined,) = made.sent[2:]
        assert joined.startswith("line 1\nline 2\n")
        assert f"and {9 * MAX_WAITING_OF_SOURCE} more messages" in joined


async def test_what_all_others_cause_together_leaves_room_for_the_owners_news(tmp_path: Path) -> None:
    async with office(tmp_path) as made:

        async def refuse(_: TelegramPost) -> None:
            raise NotNow(3600.0)

        made.answer = refuse
        for batch in range(2 * MAX_WAITING // 20):
            await made.put(*(news("hello", chat=1000 * batch + n, source=f"user {batch}") for n in range(1, 21)))
        kept = len(made.journal.outgoing())
        assert MAX_WAITING_OF_OTHERS <= kept < MAX_WAITING_OF_OTHERS + 20
        assert not made.outbox.has_room(news("hello", chat=1, source="another user"))
        for _ in range(MAX_WAITING - kept):
            await made.put(news("for the owner"))
        assert len(made.journal.outgoing()) == MAX_WAITING


async def test_strangers_who_are_left_out_and_never_come_back_are_forgotten(tmp_path: Path) -> None:
    async with office(tmp_path) as made:
        goes_on = asyncio.Event()

        async def answer(message: TelegramPost) -> None:
            await goes_on.wait()

        made.answer = answer
        await made.put(*(news("hello", number, f"stranger {number}") for number in range(MAX_WAITING_OF_OTHERS)))
        others = range(MAX_WAITING_OF_OTHERS, 4 * MAX_WAITING)
        assert not any(made.outbox.has_room(news("hello", number, f"stranger {number}")) for number in others)
        assert len(made.outbox._left_out) == MAX_WAITING
        goes_on.set()
        await made.done()


def test_a_stranger_hears_nothing_of_what_others_were_not_told() -> None:
    greeting = news("this is somebody's bot", chat=8, source="strangers")
    assert greeting.others_left_out(3) == greeting
    assert news("for the owner", source="call 1").others_left_out(3).text.startswith("for the owner\n")


@pytest.mark.parametrize("fails", [NotNow(), Refused("no"), KeyError("x")])
async def test_something_that_is_made_when_it_is_written_is_made_once(tmp_path: Path, fails: Exception) -> None:
    async with office(tmp_path) as made:
        times = 0

        async def make() -> None:
            nonlocal times
            times += 1
            if times == 1:
                raise fails

        for _ in range(3):
            made.outbox.offer("chat", "call 1", make)
        await made.done()
        assert times == (2 if isinstance(fails, NotNow) else 1)


# From the outside, through a real program.


async def test_two_messages_full_of_cards_are_two_posts_and_the_owners_link_leaves_at_once(tmp_path: Path) -> None:
    """Telegram takes one message per second from Bob's bot in his chat."""
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await bob.begin()
        before = len(bob.chat.messages)
        server.slow[bob.human.id] = 1.0
        for message in range(2):
            cards = [
                as_copybara(Card(node=NodeId(bytes(30) + bytes([message, number])), sealing_key=bytes(32)).token)
                for number in range(1, 30)
            ]
            anna.human.tells(bob.bot, " ".join(cards)[:4096])
        bob.says("/call anna")
        await bob.read_in(world.between(anna.bot, bob.bot), "copybara:")
        await bob.reads(says.calling("anna"))
        bob.says("/status")
        await bob.reads(says.status_of(bob))
        await world.until(lambda: sum(says.card_seen() in each.text for each in bob.chat.messages) == 2)
        assert len([each for each in bob.chat.messages[before:] if says.card_seen() in each.text]) == 2


async def test_cards_of_one_stranger_stop_after_a_few_messages(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await bob.begin()
        for number in range(1, 13):
            card = Card(node=NodeId(bytes(31) + bytes([number])), sealing_key=bytes(32))
            anna.human.tells(bob.bot, as_copybara(card.token))
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        await bob.reads(says.many_cards())
        text = "\n".join(each.text for each in bob.chat.messages)
        assert (text.count("That is a contact card"), text.count("many contact cards")) == (5, 1)


async def test_a_429_in_a_group_doesnt_hold_up_the_owners_chat(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, server):
        await friends(anna, bob, bots=False)
        group = world.group("Friends", anna.human, bob.human, anna.bot)
        await anna.begin()
        server.slow[group.group] = 600.0
        server.full[group.group] = asyncio.get_running_loop().time() + 600.0
        anna.human.says(group, "/call@anna_bot bob")
        await world.until(lambda: server.refused)
        anna.says("/status")
        await anna.reads(says.status_of(anna), State.CALLING)
        assert server.refused[0][0] == group.group


async def test_the_links_of_others_leave_nothing_in_the_outbox(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, server):
        await bob.begin()
        sent = server.count(bob.bot, "sendmessage")
        for _ in range(30):
            anna.human.tells(bob.bot, foreign_link())
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        assert server.count(bob.bot, "sendmessage") == sent + 1
