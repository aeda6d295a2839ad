"""The call after `/contact renew NAME`: a person who must confirm its words reads how, and nobody else does.

A key that both sides still have proves who they are (docs/protocol.md, pair-kept). Without one, the words must.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from bot.kinds import Kind
from tests.bot.console import Person, connect, hang_up, people
from tests.peer.handset.wire import AT_THE_PAGE, wire_page

pytestmark = pytest.mark.slow


async def words_of(person: Person) -> tuple[str, str]:
    """The four words that a person reads, and the text below them."""
    words, _, below = (await person.told("Compare these words", kind=Kind.WORDS)).partition("\n")
    return words.partition(": ")[2], below


async def answered_at_the_page(caller: Person, callee: Person) -> None:
    async with wire_page(callee) as (page, _):
        caller.write(f"/call {callee.name} audio")
        ringing = await page.next("ring")
        await page.say("answer", call=ringing["call"], media="audio")
        while not (call := await page.next("call"))["phrase"]:
            pass
        assert not call["to_confirm"]
        await nothing_to_confirm(caller, callee)


async def answered_in_the_chat(caller: Person, callee: Person) -> None:
    caller.write(f"/call {callee.name} audio")
    await callee.told(kind=Kind.UNPROVEN_RINGS)
    callee.write("/answer")
    await nothing_to_confirm(caller, callee)


async def nothing_to_confirm(caller: Person, callee: Person) -> None:
    """Check that both read the same words and no command, and that their new key counts on both sides."""
    told = await asyncio.gather(words_of(caller), words_of(callee))
    assert told[0][0] == told[1][0]
    for _, below in told:
        assert "nothing to confirm" in below
        assert "/contact confirm" not in below
    for person, other in ((caller, callee), (callee, caller)):
        while "one is enough" not in await person.asked(f"/contact show {other.name}", kind=Kind.CONTACT_DETAILS):
            pass
        with person.store() as store:
            assert store.quarantined_secrets(other.id) == []
    await hang_up(caller, callee)


@pytest.mark.parametrize("both", [False, True], ids=["one", "both"])
@pytest.mark.parametrize("door", ["chat", "page", "trusted"])
@pytest.mark.parametrize("names", [("anna", "bob"), ("bob", "anna")], ids="-".join)
async def test_whoever_still_has_the_same_key_has_nothing_to_confirm(
    friends: Path, tmp_path: Path, names: tuple[str, str], door: str, both: bool
) -> None:
    configs = {names[1]: AT_THE_PAGE} if door == "page" else {}
    async with people(tmp_path, *names, homes=friends, configs=configs) as (caller, callee):
        if door == "trusted":  # it rings all the same, because its link has no key
            await callee.asked(f"/contact trust {caller.name}", kind=Kind.CONTACT_TRUSTED)
        renewing = ((caller, callee), (callee, caller)) if both else ((caller, callee),)
        for person, other in renewing:
            said = await person.asked(f"/contact renew {other.name}", kind=Kind.CONTACT_RENEWS)
            assert "If you both still have the same key, there is nothing to confirm." in said
        await (answered_at_the_page if door == "page" else answered_in_the_chat)(caller, callee)
        link = await connect(callee, caller)
        assert len(link["token"]) == 64, "the new key is written with"
        await hang_up(caller, callee)


async def test_only_the_side_whose_key_the_other_one_lacks_has_to_confirm(friends: Path, tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", homes=friends) as (anna, bob):
        await bob.asked("/contact remove anna", kind=Kind.CONTACT_REMOVED)
        await bob.asked(f"/contact add anna {anna.node}", kind=Kind.CONTACT_SAVED)
        await anna.asked("/contact renew bob", kind=Kind.CONTACT_RENEWS)
        anna.write("/call bob audio")
        await bob.told("You share no key yet", kind=Kind.RINGS)
        bob.write("/answer")
        (words, below), (theirs, nothing) = await asyncio.gather(words_of(anna), words_of(bob))
        assert words == theirs
        assert ("nothing to confirm" in nothing, "/contact confirm" in nothing) == (True, False)
        assert "nothing to confirm" not in below
        (command,) = re.findall(r"/contact confirm .*", below)
        assert command == f"/contact confirm bob {words}"
        await anna.asked(command, kind=Kind.CONTACT_CONFIRMED)
        await hang_up(anna, bob)
        assert len((await connect(bob, anna))["token"]) == 64
        await hang_up(anna, bob)
