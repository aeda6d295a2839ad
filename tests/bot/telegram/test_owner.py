"""Whose bot it is: one owner, one sentence for strangers, and no trace of other people's business."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from bot.messengers.rate_limit import LINKS_PER_MINUTE
from bot.messengers.telegram.conversations import OWNER
from bot.messengers.telegram.incoming import TelegramMessage, to_bytes
from bot.texts.chat import clocks_differ
from shared.contacts import Trust
from shared.links.card import Card
from shared.links.kinds import as_copybara, decode, find
from shared.node_id import NodeId
from shared.store.journal import UNFINISHED, Journal
from tests.bot.console import environment_of_a_person
from tests.bot.telegram import sentences as says
from tests.bot.telegram.burst import foreign_link
from tests.bot.telegram.people import friends, two_people
from tests.bot.telegram.test_reliability import call_link
from tests.wide_terminal import wide_terminal


async def set_up(home: Path, **answers: str) -> str:
    """`copybara setup` in a terminal. A question with one of these words gets its answer. Returns the screen."""
    ours, theirs = wide_terminal()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.cli", "--home", str(home), "setup"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=environment_of_a_person(),
    )
    os.close(theirs)
    loop = asyncio.get_running_loop()
    left = {word: iter(texts.split()) for word, texts in answers.items()}
    screen, asked = "", 0
    while True:
        try:
            screen += (await loop.run_in_executor(None, os.read, ours, 4096)).decode()
        except OSError:  # the other end is closed
            break
        # One answer per question, once it is asked.
        if re.search(r"(\)|\]|\?) $", screen):
            question, asked = screen[asked:].splitlines()[-1], len(screen)
            answer = next((next(texts, "") for word, texts in left.items() if word in question), "")
            os.write(ours, f"{answer}\n".encode())
    os.close(ours)
    assert await process.wait() == 0, screen
    return screen


async def test_the_code_that_setup_prints_makes_the_owner(tmp_path: Path) -> None:
    async with two_people(tmp_path, claimed=False) as (anna, bob, world, server):
        bob.home = tmp_path / "new"
        bob.home.mkdir(mode=0o700)
        (bob.home / "copybara.toml").write_text(f'[handset]\nenabled = false\n[telegram]\nbase_url = "{server.url}"\n')
        screen = await set_up(bob.home, one="3 2", machine="yes", friends="Bob", Telegram=bob.bot.token)
        assert bob.bot.token not in screen
        file = tmp_path / "new" / "telegram.token"
        assert (file.stat().st_mode & 0o777, file.read_text().strip()) == (0o600, bob.bot.token)
        (code,) = re.findall(r"/start ([A-Z0-9]+)", screen)
        await bob.begin("--overlay", "loopback")
        await bob.complains(f"/start {code}")  # shown again, while nobody has used it
        anna.human.tells(bob.bot, "/start AAAAAAAAAAAAAAAA")
        anna.human.tells(bob.bot, "/status")
        chat = world.between(anna.human, bob.bot)
        await bob.read_in(chat, says.unclaimed())
        bob.human.taps_link(f"https://t.me/bob_bot?start={code}")
        await bob.reads(says.claimed())
        await world.until(lambda: 1002 in bob.bot.commands)
        bob.says("/status")
        await bob.reads(says.idle(bob))
        anna.human.tells(bob.bot, f"/start {code}")  # it is useless now
        anna.human.tells(bob.bot, "/status")
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        assert [each.text for each in chat.messages if each.sender is bob.bot] == [says.unclaimed()]
        assert list(bob.bot.commands) == [1002]


async def test_a_bot_runs_without_a_terminal(tmp_path: Path) -> None:
    """As a service, without a console."""
    async with two_people(tmp_path) as (_, bob, _world, _server):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.cli", "--home", str(bob.home), "run"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment_of_a_person(),
        )
        bob.says("/status")
        await bob.reads(says.idle(bob))
        process.terminate()
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert says.listening("bob_bot").encode() in out
        assert bob.bot.token.encode() not in out


async def test_a_stranger_gets_one_sentence_and_no_bot_gets_any(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, world, _):
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await bob.begin()
        for text in ("/start", "Who are you?", "/call bob", foreign_link()):
            anna.human.tells(bob.bot, text)
        world.write(world.between(anna.bot, bob.bot), anna.bot, "Hello, I am a bot too")
        await bob.kill()
        await bob.begin()
        anna.human.tells(bob.bot, "Are you still there?")
        bob.says("/contacts")
        await bob.reads(says.no_contacts())
        said = [each.text for each in world.between(anna.human, bob.bot).messages if each.sender is bob.bot]
        assert len(said) == 1
        assert said[0] == says.stranger()
        assert [each.sender for each in world.between(anna.bot, bob.bot).messages] == [anna.bot]


async def test_two_bots_never_talk_in_circles(tmp_path: Path) -> None:
    """Only a limited number of a bot's messages is read, valid links included, and each gets at most one link back."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        anna.bot.bot_to_bot = bob.bot.bot_to_bot = True
        await bob.begin()
        chat = world.between(anna.bot, bob.bot)
        world.write(chat, anna.bot, call_link(anna, bob))  # answered automatically, though the caller isn't there
        await bob.call("connecting")
        for _ in range(3 * LINKS_PER_MINUTE):
            world.write(chat, anna.bot, call_link(anna, bob))
        bob.says("/help")
        await bob.reads(says.help_())  # messages are carried out in order, so all links have been read
        taken = len({said["id"] for said in bob.calls})
        assert 1 < taken <= LINKS_PER_MINUTE + 1, "the first may have been a minute before the others"
        said = [each.text for each in chat.messages if each.sender is bob.bot]
        assert len(said) <= LINKS_PER_MINUTE + 1
        assert all(text == as_copybara(find(text)[0].token) for text in said), "links, and nothing else"


async def test_private_talk_leaves_no_trace(tmp_path: Path) -> None:
    """A connected bot sees everything that the owner and others write to each other. None of it is stored anywhere."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob)
        world.connect(bob.bot, bob.human)
        carol = world.human(7_654_321, "Caroline", "caroline_example")
        await bob.begin("-v")
        chat = world.between(bob.human, carol)
        talk = [
            "I have a zebrasecret.",
            "What zebrasecret?",
            "/status zebrasecret",
            "see https://t.me/zebra_bot?start=x",
        ]
        for number in range(40):
            (bob.human if number % 2 else carol).says(chat, talk[number % 4])
        carol.says(chat, f"zebrasecret {foreign_link()} zebrasecret")
        carol.says(chat, f"zebrasecret {call_link(anna, bob, age=3600)} zebrasecret")
        bob.says("/contacts")
        await bob.reads(anna.id.short)
        # Our link is an hour older than the message, and the program notices that.
        await bob.reads(clocks_differ("anna", -3600, sure=True).text)
        await bob.stop()
        kept = b"".join(path.read_bytes() for path in bob.home.iterdir() if path.is_file())
        for trace in ("zebra", "7654321", "Caroline", "caroline"):
            assert trace.encode() not in kept, trace
            assert trace not in bob.errors
            assert trace not in repr(bob.said)
        with bob.store() as store:
            assert store.rows("SELECT count(*) FROM inbox")[0][0] <= 4, "no count of what was said"


async def test_a_connection_of_somebody_else_is_none_of_ours(tmp_path: Path) -> None:
    """Carol connects Bob's bot to her account. It does nothing there."""
    async with two_people(tmp_path) as (anna, bob, world, _):
        await friends(anna, bob, trust=Trust.RING)
        carol = world.human(3, "Carol", "carol_example")
        world.connect(bob.bot, carol)
        await bob.begin()
        anna.human.says(world.between(anna.human, carol), call_link(anna, bob))
        bob.says("/status")
        await bob.reads(says.idle(bob))
        assert not [each for each in bob.chat.messages if says.rings("anna") in each.text]


async def test_what_the_owner_before_has_commanded_is_not_carried_out_for_the_next(tmp_path: Path) -> None:
    """The program was still running when the bot was given another owner."""
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, trust=Trust.RING)
        commands = [f"/contact {what} anna" for what in ("trust", "block")]
        trust, block = (to_bytes(TelegramMessage(each, OWNER.chat, from_owner=True, alone=True)) for each in commands)
        with bob.store() as store:
            journal = Journal(store, "telegram")
            journal.set_facts({"owner": None, f"{UNFINISHED}1": trust})
            journal.store([(1, block)], 1)
        await bob.begin()
        await bob.stop()
        with bob.store() as store:
            (contact,) = store.contacts()
            assert contact.trust is Trust.RING
            journal = Journal(store, "telegram")
            assert not [*journal.waiting(), *journal.facts(UNFINISHED)]


async def test_a_card_changes_nothing_by_itself(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (anna, bob, _world, _):
        await friends(anna, bob, trust=Trust.RING)
        await bob.begin()
        known = Card(node=anna.id, sealing_key=bytes(32), name="anna", telegram_bot="evil_bot").token
        new = Card(node=NodeId(bytes(31) + b"\x10"), sealing_key=bytes(32), name="mallory").token
        anna.human.tells(bob.bot, as_copybara(known))
        shown = await bob.reads("@evil_bot", "/contact add anna")
        assert "/contact add anna" in shown.text
        anna.human.tells(bob.bot, as_copybara(new))
        await bob.reads(says.card_seen(), "/contact add mallory")
        with bob.store() as store:
            (contact,) = store.contacts()
        assert (contact.telegram_bot, contact.trust, contact.sealing_key) == ("anna_bot", Trust.RING, None)


async def test_the_own_card_names_the_bot_and_its_owner(tmp_path: Path) -> None:
    async with two_people(tmp_path) as (_, bob, _world, _server):
        await bob.begin()
        bob.says("/card")
        message = await bob.reads(says.own_card(bob))
        token = message.button("Copy")["copy_text"]["text"].removeprefix("copybara:")
        card = decode(token)
        assert isinstance(card, Card)
        assert (card.telegram_bot, card.telegram_user) == ("bob_bot", 1002)
