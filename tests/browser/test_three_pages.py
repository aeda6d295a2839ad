"""Three people at their pages, in one conversation between real programs: each sees and hears both others."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.kinds import Kind
from tests.bot.console import Person, befriend, people
from tests.browser.chromium import ONE_HEADLESS_SHELL, PageView
from tests.browser.people import AT_THE_PAGE, Somebody, somebody
from tests.browser.shown_people import PATTERN, PLACES, SIGNS, SMALL, meets, sends

SMALL_PATTERN = "[media]\nwidth = 160\nheight = 120\nfps = 5\n"

pytestmark = [*ONE_HEADLESS_SHELL, pytest.mark.slow]


class AtPage(Somebody):
    """Somebody whose page sends their own colour and tone."""

    async def open(self, *scripts: str) -> PageView:
        """Open the page. See Somebody."""
        await super().open(sends(SIGNS[self.node.name]), PLACES, *scripts)
        await self.page.page.set_viewport_size(SMALL)
        return self.page


@contextlib.asynccontextmanager
async def at_pages(folder: Path) -> AsyncIterator[tuple[list[AtPage], Person]]:
    """Anna, Bob and Carol at pages, and Dora without a page. Bob knows all, and the others know only him."""
    names = ("anna", "bob", "carol", "dora")
    configs = {**dict.fromkeys(names, AT_THE_PAGE), "dora": SMALL_PATTERN}
    async with (
        people(folder, *names, configs=configs) as (anna, bob, carol, dora),
        contextlib.AsyncExitStack() as stack,
    ):
        for other in (anna, carol, dora):
            await befriend(other, bob)
        sitting = []
        for node in (anna, bob, carol):
            there = await stack.enter_async_context(somebody(node, open_page=False))
            person = AtPage(node, there.browser, there.page)
            await person.open()
            sitting.append(person)
        yield sitting, dora


async def two_calls(anna: AtPage, bob: AtPage, carol: AtPage) -> None:
    """Put Bob into a call with each of the two, with Anna's call on hold."""
    await bob.page.place("anna")
    await anna.page.answer()
    await bob.page.call("active")
    await carol.page.place("bob")
    await bob.page.shows("is also calling (video)")
    await bob.page.press("Hold and answer")
    await anna.page.shows("You are on hold")
    await meets(carol.page, {"bob": SIGNS["bob"]})


async def told(person: AtPage) -> str:
    """All that the program has sent to the page, and all text on the page."""
    heard = await person.page.page.evaluate("JSON.stringify(watched.sockets.flatMap((each) => each.heard))")
    return str(heard) + str(await person.page.page.inner_text("body"))


async def test_three_pages_are_one_conversation_a_fourth_joins_and_it_goes_on_without_the_one_who_made_it(
    tmp_path: Path,
) -> None:
    async with at_pages(tmp_path) as ((anna, bob, carol), dora):
        await two_calls(anna, bob, carol)

        # Carol refuses: the calls stay as they were, and neither side has learned more about the other than a name.
        await bob.page.press("Merge calls")
        await anna.page.shows("the one with “carol”")
        await carol.page.shows("the one with “anna”")
        await anna.page.press("Agree")
        await carol.page.press("Refuse")
        await anna.page.shows("You are on hold")
        for person, other in ((anna, carol), (carol, anna)):
            assert other.node.node[:8] not in await told(person)

        # Both agree.
        await bob.page.press("Merge calls")
        await anna.page.press("Agree")
        await carol.page.press("Agree")
        annas, carols = {"bob": SIGNS["bob"]}, {"bob": SIGNS["bob"]}
        annas[stranger(carol.node)] = SIGNS["carol"]
        carols[stranger(anna.node)] = SIGNS["anna"]
        bobs = {name: SIGNS[name] for name in ("anna", "carol")}
        for person, others in ((anna, annas), (bob, bobs), (carol, carols)):
            await meets(person.page, others)
        for person in (anna, carol):
            await person.page.shows("not in your contacts")

        # Dora calls Bob, who brings her in. All of them are asked again, and dora is a contact of bob only.
        dora.write("/call bob")
        await bob.page.shows("is also calling (video)")
        await bob.page.press("Hold and answer")
        await dora.call("active")
        await anna.page.shows("has you on hold")
        await bob.page.press("Merge calls")
        for person in (anna, carol):
            await person.page.shows("the one with “dora”")
            assert dora.node[:8] not in await told(person)
            await person.page.press("Agree")
        assert "“anna” and “carol”" in await dora.told(kind=Kind.CONVERSATION_ASKED)
        await dora.asked("/agree", kind=Kind.CONVERSATION_AGREED)
        annas[stranger(dora)] = bobs["dora"] = carols[stranger(dora)] = PATTERN
        for person, others in ((anna, annas), (bob, bobs), (carol, carols)):
            await meets(person.page, others)
        calls = (await dora.status())["calls"]
        assert len({call["conversation"] for call in calls}) == 1
        assert all(call["audio_packets_received"] and call["video_packets_received"] for call in calls)

        # Bob leaves. The others, who met through him, continue.
        await bob.page.press("Hang up")
        for person, others in ((anna, annas), (carol, carols)):
            del others["bob"]
            await meets(person.page, others)
        dora.write("/hangup")
        for person, others in ((anna, annas), (carol, carols)):
            del others[stranger(dora)]
            (sign,) = others.values()
            await meets(person.page, {"Somebody you haven't saved": sign})


def stranger(node: Person) -> str:
    """The name that a conversation shows for a person who isn't in one's contacts."""
    return f"node {node.node[:8]}…"
