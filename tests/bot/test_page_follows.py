"""What is changed elsewhere reaches a page that is open: that words differ, and who somebody is in the contact book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bot.test_links_by_hand import Starter, befriended, starter
from tests.peer.handset.wire import page_at

pytestmark = pytest.mark.slow


async def met(anna: Starter, bob: Starter) -> dict[str, Any]:
    """A first call that anna has placed, as bob's page shows it once there are words to compare."""
    link = await anna.calls(bob.card)
    ring = await bob.rings(link["link"]["text"])
    await bob.page.ask("answer", call=ring["call"], media="audio")
    answer = await bob.page.next("link")
    await anna.page.ask("act", text=answer["link"]["text"])
    call = await bob.page.next("call", state="active")
    while not call["phrase"]:
        call = await bob.page.next("call")
    return call


async def entry(person: Starter, **values: Any) -> dict[str, Any]:
    """The only contact on their page, once it has these values."""
    while True:
        for contact in (await person.page.next("contacts"))["contacts"]:
            if values.items() <= contact.items():
                return dict(contact)


@pytest.mark.parametrize("saved", [False, True])
async def test_the_page_of_a_call_that_is_over_says_so_when_its_words_are_said_to_differ_elsewhere(
    tmp_path: Path, saved: bool
) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        call = await met(anna, bob)
        if saved:
            await bob.page.ask("save-contact", call=call["id"], name="anna")
            await entry(bob, paired=True)
        await bob.page.ask("hang-up", call=call["id"])
        over = await bob.page.next("call", state="ended")
        assert not over["differed"]
        await bob.runs("differ")
        if saved:
            await entry(bob, name="anna", paired=False)
        over = await bob.page.next("call", id=call["id"], differed=True)
        assert over["state"] == "ended"
        async with page_at(bob.address) as (again, hello):
            assert [(each["id"], each["differed"]) for each in hello["calls"]] == [(call["id"], True)]
            await again.ask("seen-end", call=call["id"])
        async with page_at(bob.address) as (_, hello):
            assert hello["calls"] == []


async def test_what_a_command_changes_in_the_contacts_reaches_a_call_and_the_log(tmp_path: Path) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        await befriended(anna, bob)
        link = await anna.calls("bob")
        ring = await bob.rings(link["link"]["text"])
        await bob.page.ask("answer", call=ring["call"], media="audio")
        await bob.page.next("call", state="active", name="anna", trust="contact")
        await bob.runs("contacts", "rename", "anna", "dora")
        await bob.page.next("call", id=ring["call"], name="dora", contact="dora")
        assert {each["contact"] for each in (await bob.page.next("log"))["log"]} == {"dora"}
        await bob.runs("contacts", "trust", "dora")
        await bob.page.next("call", id=ring["call"], trust="trusted")
        await bob.runs("contacts", "renew", "dora")
        await entry(bob, name="dora", paired=False)
        await bob.runs("contacts", "remove", "dora")
        await bob.page.next("call", id=ring["call"], trust="stranger", contact=None)
        assert {each["contact"] for each in (await bob.page.next("log"))["log"]} == {None}
        await bob.page.ask("hang-up", call=ring["call"])
