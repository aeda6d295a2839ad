"""A contact may have a name such as Ann Lee: people read it everywhere, and can type or paste it."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest

from bot.kinds import Kind
from bot.messengers.telegram.inline import whom_and_media
from shared.media import Media
from shared.node_id import NodeId
from tests.bot.console import Person, hang_up, people

ANN = NodeId(b"ann".ljust(32))
"Another contact, whose name is the beginning of Ann Lee's."


async def named_alike(bob: Person) -> None:
    """Bob's contacts are Ann Lee, who was anna, and Ann, who isn't there."""
    assert await bob.asked("/contact rename anna Ann  Lee", kind=Kind.CONTACT_RENAMED) == "anna is now called Ann Lee."
    await bob.asked(f"/contact add Ann {ANN}", "Saved Ann, ", kind=Kind.CONTACT_SAVED)


async def test_a_name_with_spaces_is_what_people_read_and_type(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await named_alike(bob)
        assert "Ann Lee" in await bob.asked("/contacts", kind=Kind.CONTACT_LIST)
        for said in ("Ann Lee audio", "ann  lee", "Ann-Lee audio"):
            bob.write(f"/call {said}")
            assert "Calling Ann Lee" in await bob.told(kind=Kind.CALLING)
            await anna.told("bob", kind=Kind.RINGS)
            anna.write("/answer")
            calls = await asyncio.gather(*(person.call("active") for person in (anna, bob)))
            assert calls[1]["with"] == "Ann Lee"
            await bob.asked("/say ann lee: hello", "Ann Lee")
            assert "Ann Lee: active" in await bob.asked("/status", kind=Kind.STATUS)
            assert "Ann Lee" in (await bob.cli("status"))[1]
            bob.write(f"/hangup {said.removesuffix(' audio')}")
            assert "Ann Lee" in await bob.told(kind=Kind.ENDED)
            await asyncio.gather(*(person.call("ended") for person in (anna, bob)))
        assert "Ann Lee" in await bob.asked("/log", kind=Kind.LOG)
        anna.write("/call bob")
        assert "Ann Lee is calling" in await bob.told(kind=Kind.RINGS)
        bob.write("/decline Ann Lee in a meeting")
        assert "I can't take your call: in a meeting" in (await bob.posted("chat"))["text"]
        await anna.call("ended")


async def test_the_shell_takes_a_name_in_quotes_and_suggests_it_so(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await named_alike(bob)
        code, out, _ = await bob.cli("call", "Ann Lee", "audio")
        assert (code, "Calling Ann Lee" in out) == (0, True)
        await anna.told("bob", kind=Kind.RINGS)
        anna.write("/answer")
        await asyncio.gather(*(person.call("active") for person in (anna, bob)))
        await hang_up(bob, anna)
        code, out, _ = await bob.cli("contacts", "renew", "ann lee")
        (call,) = re.findall(r"copybara (call .+)$", out, flags=re.MULTILINE)
        assert (code, call) == (0, "call 'Ann Lee'")
        assert (await bob.cli(*shlex.split(call)))[0] == 0
        await anna.told("bob")
        assert (await bob.cli("hangup", "Ann Lee"))[0] == 0
        assert (await bob.cli("contacts", "confirm", "Ann Lee"))[0] == 1
        listed = json.loads((await bob.cli("contacts", "list", "--json"))[1])
        assert [each["name"] for each in listed if each["node"] in (anna.node, str(ANN))] == ["Ann", "Ann Lee"]
        exported = json.loads((await bob.cli("export"))[1])
        assert "Ann Lee" in {each["name"] for each in exported["contacts"]}
        assert exported["calls"][0]["name"] == "Ann Lee"
        assert "Ann Lee" in (await bob.cli("log"))[1]
        for unquoted in (["call", "Ann", "Lee"], ["contacts", "remove", "Ann", "Lee"], ["hangup", "Ann", "Lee"]):
            code, _, err = await bob.cli(*unquoted)
            assert (code, 'needs quotes: "Ann Lee"' in err) == (2, True), err


async def test_a_command_that_is_suggested_with_a_name_works_when_it_is_pasted(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await named_alike(bob)
        trusted = await bob.asked("/contact trust ann lee", kind=Kind.CONTACT_TRUSTED)
        assert trusted.endswith("To undo it: /contact ring Ann Lee")
        await bob.asked("/contact ring Ann Lee", "Ann Lee", kind=Kind.CONTACT_RINGS)
        renewed = await bob.asked("/contact renew Ann Lee", kind=Kind.CONTACT_RENEWS)
        assert renewed.endswith("To call: /call Ann Lee")
        bob.write("/call Ann Lee")
        await anna.told("bob", kind=Kind.UNPROVEN_RINGS)


async def test_a_stranger_is_saved_under_a_name_with_spaces(tmp_path: Path) -> None:
    async with people(tmp_path, "dora", "emil") as (dora, emil):
        dora.write(f"/call {emil.node}")
        await emil.told(kind=Kind.STRANGER_RINGS)
        emil.write("/answer")
        await asyncio.gather(*(person.told(kind=Kind.WORDS) for person in (dora, emil)))
        await asyncio.gather(dora.media(), emil.media())
        await dora.asked("/contact add Emil van Dyck", "Saved Emil van Dyck, ", kind=Kind.CONTACT_SAVED)
        await hang_up(dora, emil)
        saved = await emil.asked(f"/contact add Dora Maar {dora.node}", "Saved Dora Maar, ", kind=Kind.CONTACT_SAVED)
        (confirm,) = re.findall(r"/contact confirm Dora Maar(?: [a-z]+){4}", saved)
        await emil.asked(confirm, "Confirmed Dora Maar by the words", kind=Kind.CONTACT_CONFIRMED)
        with dora.store() as store:
            contact = store.contact_named("emil van dyck")
            assert contact is not None
            assert (contact.name, str(contact.node)) == ("Emil van Dyck", emil.node)


@pytest.mark.parametrize(
    ("said", "meant"),
    {
        "bob": ("bob", Media.BOTH),
        "bob audio": ("bob", Media.AUDIO),
        "Ann Lee": ("Ann Lee", Media.BOTH),
        "Ann Lee audio": ("Ann Lee", Media.AUDIO),
        "audio": ("audio", Media.BOTH),
    }.items(),
)
def test_what_is_typed_after_the_bots_name_may_have_spaces(said: str, meant: tuple[str, Media]) -> None:
    assert whom_and_media(said.split()) == meant
