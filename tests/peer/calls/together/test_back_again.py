"""How a call whose program was killed or whose path was lost comes back into a conversation, while calls merge."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from peer.calls.line import Line
from peer.calls.together_news import AskedToJoin, AskOver, CantMeet, CircleChanged
from shared.call.events import HangUp
from shared.call.table import State
from shared.errors import CantMerge
from shared.messages import JoinAnswer, JoinAsk, JoinNode, JoinOver, Text
from tests.peer.calls.nodes import PATIENCE, Node
from tests.peer.calls.together.test_three_people import (
    CONVERSATION,
    agree,
    anna_and,
    calls_with,
    knows_of,
    line_with,
    merged,
    met,
    reads_on,
    says,
)

_texts = itertools.count(1)

ANOTHER = b"another".ljust(16)


async def merge(anna: Node) -> None:
    """Merge the calls as Anna would, once the people that she introduced before count as connected."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await anna.switchboard.together.merge()
                return
            except CantMerge as error:
                if "being connected" not in error.sentence:
                    raise
            await asyncio.sleep(0.05)  # nothing reports this


async def in_order(who: Node, other: Node) -> None:
    """Wait until `who` has read all that `other` has sent so far."""
    text = f"read {next(_texts)}"
    line = line_with(who, other)
    other.switchboard.write(line_with(other, who), text)
    await who.until(lambda: any(about is line and news == Text(text) for about, news in who.heard))


async def merged_again(anna: Node, *others: Node) -> None:
    """Merge again, once all have said that they have lost each other."""
    for who in others:
        who.heard.clear()
        await in_order(anna, who)
    await merge(anna)
    await agree(*others)


async def test_two_of_a_conversation_who_lost_each_other_are_merged_again(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (wire, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        with pytest.raises(CantMerge, match="one conversation already"):
            await merge(anna)
        for who, other in ((ben, carl), (carl, ben)):
            line_with(who, other).put(HangUp())
        await ben.until(lambda: not knows_of(ben, carl))
        await carl.until(lambda: not knows_of(carl, ben))
        await merged_again(anna, ben, carl)
        await wire.flows(*lines, *await met(ben, carl))
        assert {line.together for who in (anna, ben, carl) for line in who.lines} == {lines[0].together}


async def test_who_has_given_up_a_lost_call_is_met_although_the_other_side_still_dials_in_it(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (wire, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        lost = await met(ben, carl)
        wire.cut(lost[0])
        for who, line in zip((ben, carl), lost, strict=True):
            await who.until(lambda line=line: line.call.state is State.RECONNECTING)  # type: ignore[misc]
        lost[1].put(HangUp())
        await carl.until(lambda: not knows_of(carl, ben))
        await merged_again(anna, ben, carl)
        await ben.until(lambda: lost[0] not in ben.lines)
        await wire.flows(*lines, *await met(ben, carl))
        assert not any(isinstance(news, CantMeet) for who in (ben, carl) for _, news in who.heard)


async def test_one_word_of_the_owner_gives_all_calls_of_the_conversation_their_microphone_back(tmp_path: Path) -> None:
    """After a restart no call has a microphone until the owner is known to be present."""
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        released: list[Line] = []
        for line in lines:

            async def release(line: Line = line) -> None:
                released.append(line)

            line.wait_for_owner(release)
        await anna.switchboard.answer(lines[1])
        assert released == lines
        assert not any(line.connection.waits_for_owner for line in lines)


async def test_a_question_that_comes_again_is_the_same_one(tmp_path: Path) -> None:
    """The program that asked was killed and has forgotten the question. A yes to it doesn't count for other people."""
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        await calls_with(anna, ben, carl)
        says(
            anna, carl, *(JoinAsk(CONVERSATION, ("ben",)), JoinAsk(ANOTHER, ("ben",)), JoinAsk(CONVERSATION, ("eve",)))
        )
        assert await anna.hears(JoinAnswer) == JoinAnswer(CONVERSATION, agrees=False)
        assert [news.names for _, news in carl.heard if isinstance(news, AskedToJoin)] == [("ben",)]
        anna.heard.clear()
        await agree(carl)
        assert await anna.hears(JoinAnswer) == JoinAnswer(ANOTHER, agrees=True)


async def test_a_yes_is_said_again_to_who_asks_again(tmp_path: Path) -> None:
    """The program that asks again can't know whether ours was killed in between."""
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        await agree(ben)
        await anna.hears(JoinAnswer, lines[0])
        anna.heard.clear()
        says(anna, ben, await ben.hears(JoinAsk))
        assert (await anna.hears(JoinAnswer, lines[0])).agrees
        assert [news.names for _, news in ben.heard if isinstance(news, AskedToJoin)] == [("carl",)]
        await agree(carl)
        await met(ben, carl)


async def test_a_yes_to_a_question_that_was_forgotten_comes_to_nothing_at_once(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        await calls_with(anna, ben, carl)
        says(anna, carl, JoinAsk(CONVERSATION, ("ben",)))
        await agree(carl)
        await carl.hears(AskOver)
        assert carl.switchboard.together.asked() == []


async def test_who_was_named_somebody_who_does_not_come_reads_it_and_is_in_a_call_of_two(tmp_path: Path) -> None:
    """The program that asked was killed after naming one person and before naming the other."""
    async with anna_and(tmp_path, "ben", "carl", hurry=30) as (_, anna, (ben, carl)):
        (line, _) = await calls_with(anna, ben, carl)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl", "dora")))
        await agree(ben)
        says(anna, ben, JoinNode(CONVERSATION, carl.id.key, calls=False))
        await ben.until(lambda: line_with(ben, anna).together == CONVERSATION)
        await ben.until(lambda: line_with(ben, anna).together == b"")
        missed = [(about, news) for about, news in ben.heard if isinstance(news, CantMeet)]
        came_late = "They haven't come in time."
        assert missed == [(line_with(ben, anna), CantMeet(name, came_late)) for name in ("carl", "dora")]
        assert line.call.state is State.ACTIVE


async def test_who_is_named_nobody_else_before_the_one_who_named_them_is_gone_reads_it(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        (line, _) = await calls_with(anna, ben, carl)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl",)))
        await agree(ben)
        says(anna, ben, JoinNode(CONVERSATION, carl.id.key, calls=False))
        await ben.until(lambda: line_with(ben, anna).together == CONVERSATION)
        line.put(HangUp())
        assert await ben.hears(CantMeet) == CantMeet("carl", "Your call with anna is over.")


async def test_who_says_nothing_of_a_conversation_is_not_in_it_and_its_owner_reads_that(tmp_path: Path) -> None:
    """Ben's program has forgotten what he agreed to, because it was killed."""
    async with anna_and(tmp_path, "ben", "carl", hurry=30) as (_, anna, (ben, carl)):
        await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        asked = await ben.hears(JoinAsk)
        await agree(ben)
        says(anna, ben, JoinOver(asked.conversation))
        await reads_on(ben, anna)
        await agree(carl)
        assert (await anna.hears(CircleChanged)).apart == (("ben", "carl"),)
        assert (await carl.hears(CantMeet)).name == "ben"
