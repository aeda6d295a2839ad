"""Two people without a messenger, who carry the links themselves: nobody waits for what nobody has sent."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.texts import chat as chat_texts
from bot.texts import foreign
from bot.texts import terminal as says
from tests.bot.console import cli
from tests.bot.test_start import Running, home_in, running
from tests.peer.handset.wire import WirePage, page_at

LINK = re.compile(r"copybara:\S+")


@dataclass
class Starter:
    """Somebody with `copybara start` in a terminal, and their page."""

    home: Path
    program: Running
    page: WirePage
    card: str

    async def runs(self, *arguments: str) -> str:
        """What another `copybara` of theirs prints."""
        code, out, err = await cli("--home", str(self.home), *arguments)
        assert code == 0, err
        return out

    async def rings(self, link: str) -> dict[str, Any]:
        """Paste the link of a call into the page."""
        assert (await self.page.ask("act", text=link))["type"] == "done"
        return await self.page.next("ring")


@contextlib.asynccontextmanager
async def starter(folder: Path, name: str) -> AsyncIterator[Starter]:
    folder = folder / name
    folder.mkdir()
    home = home_in(folder, "[handset]\nport = 0\n")
    async with running(home, "start", "--no-open", terminal=True) as program:
        lines = await program.until(says.STAYS)
        (address,) = (line.split()[-1] for line in lines if "#key=" in line)
        async with page_at(address) as (page, hello):
            yield Starter(home, program, page, hello["card"]["text"])


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
        # The terminal of `start` and the page show it as well: the one who declined may be at either.
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


async def test_who_declines_another_programs_call_reads_that_nothing_tells_them(tmp_path: Path) -> None:
    async with starter(tmp_path, "anna") as anna, starter(tmp_path, "bob") as bob:
        await bob.runs("contacts", "add", "anna", anna.card)
        offered = json.loads(await anna.runs("sdp", "offer", bob.card, "--json"))
        (offer,) = (post["text"] for post in offered["posts"] if post["to"] == "chat")
        await bob.rings(offer)
        assert foreign.TELL_THEM in await bob.runs("decline")
