"""Real calls run through the functions that docs/architecture.md names, each called by the one before it."""

from __future__ import annotations

import asyncio
import itertools
import re
from pathlib import Path

from bot.kinds import Kind
from tests.bot.console import befriend, hang_up, people
from tests.bot.watched import ROOT, Watched

STEP = re.compile(r"^ +(?P<number>in|\d+)  (?P<name>[\w.]+)(?: +(?P<text>.*))?$", flags=re.MULTILINE)
CALLS = re.compile(r"^\| [^|]+ \| [^|]+ \| (\d+) \|$", flags=re.MULTILINE)


def ways() -> list[list[re.Match[str]]]:
    """The ways on the page: the steps of each of its blocks."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [steps for block in blocks if (steps := list(STEP.finditer(block)))]


def test_each_way_has_as_many_calls_as_the_page_says() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    for way in ways():
        numbers = [int(step["number"]) for step in way if step["number"] != "in"]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [int(way[-1]["number"]) for way in ways()] == [int(calls) for calls in CALLS.findall(page)]


async def test_real_calls_run_through_the_functions_that_the_page_names(tmp_path: Path) -> None:
    async with people(tmp_path, "anna", "bob", kind=Watched) as everybody:
        anna, bob = everybody
        await befriend(anna, bob)
        await bob.asked("/contact trust anna", kind=Kind.CONTACT_TRUSTED)
        anna.write("/call bob")
        await asyncio.gather(*(person.call("active") for person in everybody))
        anna.write("/say hello")
        await bob.told("hello")
        await hang_up(anna, bob)
    made = {call for person in everybody if isinstance(person, Watched) for call in person.made}
    named = set()
    for caller, callee in itertools.chain.from_iterable(map(itertools.pairwise, ways())):
        begins = (callee["text"] or "").startswith("a task")
        named.add((None if begins else caller["name"], callee["name"]))
    assert named - made == set()
