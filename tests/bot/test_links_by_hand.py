"""Two people without a messenger carry the links themselves. Nobody waits for something that nobody has sent."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.kinds import Kind
from bot.terminal import texts as says
from bot.texts import chat as chat_texts
from bot.texts import foreign
from bot.texts import page as page_texts
from shared.node_id import NodeId
from tests.bot.console import cli
from tests.bot.test_start import Running, home_in, running
from tests.peer.handset.wire import WirePage, page_at

LINK = re.compile(r"copybara:\S+")


@dataclass
class Starter:
    """A person with `copybara start` in a terminal, and their page."""

    home: Path
    program: Running
    address: str
    "The address of the page, which may be opened again."

    page: WirePage
    card: str

    async def runs(self, *arguments: str) -> str:
        """The output of another `copybara` of theirs."""
        code, out, err = await cli("--home", str(self.home), *arguments)
        assert code == 0, err
        return out

    async def rings(self, link: str) -> dict[str, Any]:
        """Paste the link of a call into the page."""
        assert (await self.page.ask("act", text=link))["type"] == "done"
        return await self.page.next("ring")

    async def calls(self, whom: str) -> dict[str, Any]:
        """Place a call at the page. Returns the link to send."""
        assert (await self.page.ask("place", whom=whom, media="audio"))["type"] == "done"
        return await self.page.next("link")

    async def pastes(self, link: str) -> dict[str, Any]:
        """Paste a later link of a call into the page, which uses it at once."""
        assert (await self.page.ask("explain", text=link))["kind"] == "said"
        return await self.page.ask("act", text=link)


@contextlib.asynccontextmanager
async def starter(folder: Path, name: str) -> AsyncIterator[Starter]:
    folder = folder / name
    folder.mkdir()
    home = home_in(folder, "[handset]\nport = 0\n")
    async with running(home, "start", "--no-open", terminal=True) as program:
        lines = await program.until(says.STAYS)
        (address,) = (line.split()[-1] for line in lines if "#key=" in line)
        async with page_at(address) as (page, hello):
            yield Starter(home, program, address, page, hello["card"]["text"])


async def befriended(anna: Starter, bob: Starter) -> None:
    """A first call by hand. After it, each has saved the other, and they share a key."""
    link = await anna.calls(bob.card)
    ring = await bob.rings(link["link"]["text"])
    await bob.page.ask("answer", call=ring["call"], media="audio")
    answer = await bob.page.next("link")
    await anna.page.ask("act", text=answer["link"]["text"])
    for person, call, other in ((anna, link["call"], "bob"), (bob, ring["call"], "anna")):
        up = await person.page.next("call", state="active")
        while not up["phrase"]:
            up = await person.page.next("call")
        assert (await person.page.ask("save-contact", call=call, name=other))["type"] == "done"
    for person, call in ((anna, link["call"]), (bob, ring["call"])):
        await person.page.ask("confirm-words", call=call, words=up["phrase"])
    await anna.page.ask("hang-up", call=link["call"])
    for person in (anna, bob):
        await person.page.next("call", state="ended")


async def test_a_contact_who_declines_or_gives_up_has_a_link_that_the_other_page_takes_at_once(tmp_path: Path) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        await befriended(anna, bob)

        link = await anna.calls("bob")
        assert link["sentence"].endswith("If they decline, they have a link to send back: paste it here.")
        ring = await bob.rings(link["link"]["text"])
        again = await bob.page.ask("explain", text=link["link"]["text"])
        assert (again["kind"], "that you see here" in again["sentence"]) == ("unusable", True)
        await bob.page.ask("decline", call=ring["call"])
        declined = await bob.page.next("link")
        assert declined["kind"] == Kind.LINK_REFUSAL
        await anna.pastes(declined["link"]["text"])
        assert (await anna.page.next("call", id=link["call"], state="ended"))["sentence"] == "bob declined."
        late = await anna.page.ask("explain", text=declined["link"]["text"])
        assert (late["kind"], late["sentence"]) == ("unusable", page_texts.OVER)

        link = await anna.calls("bob")
        ring = await bob.rings(link["link"]["text"])
        await anna.page.ask("hang-up", call=link["call"])
        given_up = await anna.page.next("link")
        assert (given_up["kind"], given_up["sentence"]) == (Kind.LINK_CANCEL, "Send this to bob so that they know.")
        assert (await bob.pastes(given_up["link"]["text"]))["sentence"] == "anna cancelled their call."
        assert "cancelled" in (await bob.page.next("call", id=ring["call"], state="ended"))["sentence"]


async def test_a_page_that_comes_while_a_call_waits_shows_its_link(tmp_path: Path) -> None:
    home = home_in(tmp_path, "[handset]\nport = 0\n")
    async with running(home, "start", "--no-open", terminal=True) as program:
        (address,) = (line.split()[-1] for line in await program.until(says.STAYS) if "#key=" in line)
        _, called, _ = await cli("--home", str(home), "call", str(NodeId(b"bob".ljust(32))))
        async with page_at(address) as (_, hello):
            (waiting,) = hello["links"]
    assert waiting["link"]["text"] in called
    assert waiting["link"]["qr"].startswith("data:image/svg+xml")


async def test_who_declines_a_first_call_gets_the_link_that_says_so_and_it_ends_the_callers_waiting(
    tmp_path: Path,
) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        called = await anna.runs("call", bob.card)
        link = LINK.search(called)
        assert link is not None
        assert "Send this to the other person:" in called
        assert re.search(r"works until \d+:\d\d.* that they decline", called)

        ring = await bob.rings(link[0])
        declined = await bob.runs("decline")
        back = LINK.search(declined)
        assert back is not None
        assert "Send this to the other person, so that they know:" in declined
        assert chat_texts.TELL_THEM in declined
        # The terminal of `start` and the page show it too, because the person who declined may be at either.
        lines = await bob.program.until(chat_texts.TELL_THEM)
        assert any(back[0] in line for line in lines)
        shown = await bob.page.next("link", call=ring["call"])
        assert shown["link"]["text"] == back[0]
        assert "so that they know" in shown["sentence"]
        assert "You declined" in (await bob.page.next("call", state="ended"))["sentence"]

        await anna.page.ask("act", text=back[0])
        assert "declined" in (await anna.page.next("call", state="ended"))["sentence"]


async def test_the_page_of_a_caller_says_how_long_it_waits_and_for_what(tmp_path: Path) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        await anna.page.ask("place", whom=bob.card, media="video")
        shown = await anna.page.next("link")
        assert re.search(r"an answer, or that they decline\. The call waits until \d+:\d\d\.$", shown["sentence"])


async def test_the_link_that_says_so_is_there_again_on_a_page_that_is_loaded_again_until_its_owner_needs_it_no_more(
    tmp_path: Path,
) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        ring = await bob.rings((await anna.calls(bob.card))["link"]["text"])
        await bob.page.ask("decline", call=ring["call"])
        declined = await bob.page.next("link")
        ended = await bob.page.next("call", state="ended")
        async with page_at(bob.address) as (again, hello):
            (call,) = hello["calls"]
            assert [call[each] for each in ("id", "state", "sentence")] == [ring["call"], "ended", ended["sentence"]]
            assert hello["links"] == [declined]
            await anna.page.ask("act", text=hello["links"][0]["link"]["text"])
            assert "declined" in (await anna.page.next("call", state="ended"))["sentence"]
            await again.ask("seen-end", call=ring["call"])
        async with page_at(bob.address) as (_, hello):
            assert (hello["calls"], hello["links"]) == ([], [])


async def test_who_declines_another_programs_call_reads_that_nothing_tells_them(tmp_path: Path) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        await bob.runs("contacts", "add", "anna", anna.card)
        offered = json.loads(await anna.runs("sdp", "offer", bob.card, "--json"))
        (offer,) = (post["text"] for post in offered["posts"] if post["to"] == "chat")
        await bob.rings(offer)
        assert foreign.TELL_THEM in await bob.runs("decline")
