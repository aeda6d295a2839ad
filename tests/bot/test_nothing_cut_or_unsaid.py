"""Every sentence that is due is there, complete."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from bot.home import Home
from bot.kinds import Kind
from bot.messengers.console import MAX_LINE
from bot.messengers.telegram.limits import MESSAGE_CHARACTERS
from bot.texts import chat as texts
from bot.texts import contacts as contact_texts
from shared.contacts import MAX_NAME, Contact
from shared.messages import MAX_TEXT, Text
from shared.node_id import NodeId
from shared.store import Store
from tests.bot.console import hang_up, people, ring
from tests.bot.test_call_floods import answered
from tests.bot.test_texts import line


async def test_a_caller_who_asked_for_video_hears_that_the_answer_was_sound_only(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await ring(anna, bob)
        bob.write("/answer audio")
        told = await anna.told(kind=Kind.MEDIA_AGREED)
        assert "bob answered with sound only, so there is no picture." in told
        assert (await anna.status())["calls"][0]["media"] == "audio"
        await hang_up(anna, bob)


async def test_a_second_answer_says_that_the_call_is_answered(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await ring(anna, bob)
        said = await bob.after_all([("owner", "/answer"), ("owner", "/answer"), ("owner", "/answer")])
        kinds = [each["kind"] for each in said if each["type"] == "post" and each["to"] == "owner"]
        assert Kind.ANSWERING in kinds
        assert not [kind for kind in kinds if kind.startswith("error.")]
        await asyncio.gather(*(person.call("active") for person in (anna, bob)))
        assert await bob.asked("/answer", kind=Kind.ANSWERED_BEFORE) == (
            "anna's call is answered already. You are connected."
        )
        # The caller has nothing to answer.
        await anna.asked("/answer", "Nobody is calling.", kind="error.nothing-rings")
        await hang_up(anna, bob)


async def test_a_long_contact_book_is_read_page_by_page(tmp_path: Path) -> None:
    folder = tmp_path / "anna"
    home = Home(folder)
    home.prepare()
    everybody = [f"person-{number:03}" for number in range(150)]
    with Store(home.database) as store:
        for number, name in enumerate(everybody):
            store.save_contact(Contact(name=name, node=NodeId(number.to_bytes(32, "big")), created=0))
    async with people(tmp_path, "anna") as (anna,):
        read: list[str] = []
        command = "/contacts"
        for _ in range(20):
            *lines, last = (await anna.asked(command, kind=Kind.CONTACT_LIST)).splitlines()
            read += [each.split()[0] for each in lines]
            more = re.search(r"of 150 contacts\. (/contacts \d+) shows the next ones$", last)
            if more is None:
                break
            command = more[1]
        assert read == everybody


def test_a_page_of_contacts_fits_into_a_message_whatever_they_are_called() -> None:
    everybody = [
        (Contact(name="\N{EARTH GLOBE EUROPE-AFRICA}" * MAX_NAME, node=NodeId(bytes(32)), created=0), False)
    ] * 150
    said = contact_texts.contacts(everybody, 2).text
    assert "26 to 50 of 150 contacts. /contacts 3 shows the next ones" in said
    assert len(said.encode("utf-16-le")) // 2 <= MESSAGE_CHARACTERS


async def test_a_long_text_is_read_whole_and_in_its_lines(tmp_path: Path) -> None:
    poem = "\n".join(f"{number}. " + "tell me the tales that to me were so dear " * 2 for number in range(12))
    async with people(tmp_path, "emil") as (emil,), answered(emil, tmp_path) as eve:
        await emil.call("active")
        eve.control.send(Text(poem))
        assert (await emil.told(kind=Kind.TEXT)).endswith(f"writes: {poem.strip()}")
        words = "word " * (MAX_TEXT // 5)
        eve.control.send(Text(words))
        pieces = [await emil.told(f" writes {which}: ", kind=Kind.TEXT) for which in ("(1 of 2)", "(2 of 2)")]
        assert " ".join(each.partition(": ")[2] for each in pieces).split() == words.split()


async def test_a_message_of_the_owners_that_is_too_long_is_said_to_be_and_a_command_does_nothing(
    tmp_path: Path,
) -> None:
    async with people(tmp_path, "emil") as (emil,):
        assert "longer than the 4096 characters" in await emil.asked("hello " * 800, kind=Kind.MESSAGE_CUT)
        await emil.asked("/contacts " + "2" * 4096, "I did nothing", kind="error.input")


async def test_a_line_on_the_console_that_is_too_long_gets_a_sentence(tmp_path: Path) -> None:
    async with people(tmp_path, "emil") as (emil,):
        emil.write("/say " + "a" * MAX_LINE)
        async with asyncio.timeout(60):
            while not (said := [line["text"] for line in emil.said if line["type"] == "error"]):
                await emil.status()
        assert said == ["A line of more than 64 KiB is no message. I read nothing of it."]
        await emil.asked("/status", kind=Kind.STATUS)


def test_every_piece_of_a_text_fits_into_a_message() -> None:
    for text in ("\N{PARTY POPPER}" * MAX_TEXT, "a" * MAX_TEXT, "\n" * (MAX_TEXT - 1) + "a", "a b\n" * (MAX_TEXT // 4)):
        pieces = [said for said, _ in texts.wrote(line(), text)]
        assert all(len(each.text.encode("utf-16-le")) // 2 < MESSAGE_CHARACTERS for each in pieces)
        shown = "".join(each.text.partition(": ")[2] for each in pieces)
        assert "".join(shown.split()) == "".join(text.split())
