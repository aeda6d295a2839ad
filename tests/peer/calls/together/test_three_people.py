"""Conversations of several people between whole nodes in memory: who is asked, who meets whom, and what is sent."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from peer.calls.line import Line
from peer.calls.news import Paired
from peer.calls.reading import Reading
from peer.calls.repeats import HEARD, Repeated, Telling
from peer.calls.session import Session
from peer.calls.session_events import HelloHeard
from peer.calls.together.members import SETTLE_SECONDS
from peer.calls.together_news import AskedToJoin, AskOver, CantMeet, CircleChanged, Joined, Left, NotMerged
from shared.call.table import EndReason, State
from shared.config.schema import Calls
from shared.contacts import Trust
from shared.errors import CallRefused, CantMerge, CopybaraError, LocalProtocolError, NotAsked
from shared.links.introduced import introduced_node
from shared.links.kinds import Request
from shared.media import Media
from shared.messages import JoinAnswer, JoinAsk, JoinLink, JoinMessage, JoinNode, Members, Text
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store
from shared.store.restored import restored
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import PATIENCE, Node, active, node, over
from tests.peer.calls.test_hold import Talking, Wire, connect, sees

pytestmark = pytest.mark.slow

KEYS = {"ben": b"b" * 32, "carl": b"c" * 32, "dora": b"d" * 32, "emma": b"e" * 32}

CONVERSATION = bytes(16)


@contextlib.asynccontextmanager
async def anna_and(
    folder: Path, *names: str, calls: Calls | None = None, hurry: float = 1.0
) -> AsyncIterator[tuple[Wire, Node, list[Node]]]:
    """Anna and contacts of hers who don't know each other. Everybody sends a tone in each call."""
    network = MemoryNetwork()
    async with contextlib.AsyncExitStack() as stack:
        anna = await stack.enter_async_context(node(folder, "anna", network, calls=calls, hurry=hurry))
        others = [await stack.enter_async_context(node(folder, name, network, hurry=hurry)) for name in names]
        for other in others:
            anna.knows(other, key=KEYS[other.name])
            other.knows(anna, key=KEYS[other.name])
        for each in (anna, *others):
            each.endpoint = Talking
        yield Wire(network), anna, others


async def calls_with(anna: Node, *others: Node) -> list[Line]:
    """Let Anna call each of the others. All calls but the last are on hold."""
    lines: list[Line] = []
    for other in others:
        if lines:
            await anna.switchboard.hold(lines[-1])
            await sees(others[len(lines) - 1], line_with(others[len(lines) - 1], anna), on_hold=True)
        ours, theirs = await connect(anna, other)
        for who, line in ((anna, ours), (other, theirs)):
            await who.hears(HelloHeard, line)
        lines.append(ours)
    return lines


async def agree(*people: Node) -> None:
    """Wait until each person is asked, and let them agree."""
    for who in people:
        await who.hears(AskedToJoin)
        (line,) = who.switchboard.together.asked()
        await who.switchboard.together.agree(line)


def line_with(who: Node, other: Node) -> Line:
    """The line of the call with somebody."""
    (line,) = [line for line in who.lines if line.peer == other.id]
    return line


def knows_of(who: Node, other: Node) -> bool:
    """Whether there is a call with somebody."""
    return any(line.peer == other.id for line in who.lines)


async def met(one: Node, other: Node) -> tuple[Line, Line]:
    """Wait until the two are connected with each other."""
    await one.until(lambda: knows_of(one, other))
    await other.until(lambda: knows_of(other, one))
    lines = line_with(one, other), line_with(other, one)
    await active((one, lines[0]), (other, lines[1]))
    return lines


async def merged(anna: Node, ben: Node, carl: Node) -> list[Line]:
    """Merge three people into one conversation. Returns anna's two lines."""
    lines = await calls_with(anna, ben, carl)
    await anna.switchboard.together.merge()
    await agree(ben, carl)
    await met(ben, carl)
    await anna.until(lambda: not lines[0].on_hold)
    return lines


def says(who: Node, other: Node, *messages: JoinMessage) -> None:
    """Send messages that another program could send."""
    session = line_with(who, other).session
    assert isinstance(session, Session)
    for message in messages:
        session.say(message)


async def reads_on(who: Node, other: Node) -> None:
    """Wait until `who` has read all that `other` has sent so far."""
    line = line_with(other, who)
    other.switchboard.write(line, "read")
    await who.hears(Text, line_with(who, other))


async def test_two_calls_become_one_conversation_in_which_each_sends_to_both(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (wire, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        between = await met(ben, carl)
        await wire.flows(*lines, *between, line_with(ben, anna), line_with(carl, anna))
        for who in (anna, ben, carl):
            assert len(who.lines) == 2
            assert {line.together for line in who.lines} == {lines[0].together} != {b""}
        joined = await ben.hears(Joined, between[0])
        assert (joined.called, joined.others) == ("carl", ("anna",))
        # Their links went through no chat.
        assert ben.posts == carl.posts == []
        # They share no key, so each pair gets its own words to compare.
        await ben.until(lambda: between[0].shown.phrase != "")
        await carl.until(lambda: between[1].shown.phrase != "")
        assert between[0].shown.phrase == between[1].shown.phrase
        assert not between[0].proven


async def test_two_who_share_a_key_prove_to_each_other_who_they_are(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        ben.knows(carl, key=b"k" * 32)
        carl.knows(ben, key=b"k" * 32)
        await merged(anna, ben, carl)
        assert all(line.proven for line in await met(ben, carl))


@pytest.mark.parametrize("impostor_calls", [True, False])
async def test_who_comes_at_a_contacts_node_without_their_key_is_not_met(tmp_path: Path, impostor_calls: bool) -> None:
    """The person who merges the calls sees an honest stranger, as the caller or as the callee."""
    names = ("carl", "ben") if impostor_calls else ("ben", "carl")
    async with anna_and(tmp_path, *names) as (_, anna, others):
        ben = next(each for each in others if each.name == "ben")
        carl = next(each for each in others if each.name == "carl")
        ben.knows(carl, key=b"k" * 32)
        await calls_with(anna, *others)
        await anna.switchboard.together.merge()
        await agree(*others)
        # Ben refuses the link without the key, or Carl can't read the link with it.
        hearing = [asyncio.create_task(each.hears(CantMeet)) for each in (ben, carl)]
        done, others_hear = await asyncio.wait(hearing, return_when=asyncio.FIRST_COMPLETED)
        for task in others_hear:
            task.cancel()
        assert all("key" in task.result().why or "link" in task.result().why for task in done)
        assert all(line.peer == anna.id or not line.engaged for line in ben.lines)


async def test_one_leaves_and_the_two_others_go_on_in_a_call_of_two(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (wire, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        # The two others don't need the person who has merged the calls.
        anna.switchboard.hang_up(lines[0])
        await over(*lines)
        assert anna.lines == []
        bens, carls = await met(ben, carl)
        assert (await ben.hears(Left)) == Left("anna", (bens.label,))
        await ben.until(lambda: not bens.together)
        await carl.until(lambda: not carls.together)
        await wire.flows(bens, carls)
        with pytest.raises(CantMerge):
            await ben.switchboard.together.merge()


async def test_a_line_of_text_is_read_by_all_and_hold_holds_all(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (wire, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        anna.switchboard.write(lines[1], "hello")
        for who in (ben, carl):
            assert (await who.hears(Text, line_with(who, anna))).text == "hello"
        await anna.switchboard.hold(lines[0])
        for who in (ben, carl):
            await sees(who, line_with(who, anna), on_hold=True)
        await anna.switchboard.resume(lines[1])
        for who in (ben, carl):
            await sees(who, line_with(who, anna), on_hold=False)
        await wire.flows(*lines, *await met(ben, carl))


async def test_a_conversation_that_cannot_be_held_as_a_whole_is_not_held_in_part(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_wire, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        *_, last = anna.switchboard.lines.of_conversation(lines[0])
        assert isinstance(last.session, Session)
        with contextlib.suppress(LocalProtocolError):
            while True:
                last.session.own_limits.hold()
        with pytest.raises(LocalProtocolError, match="too often"):
            await anna.switchboard.hold(lines[0])
        assert [line.on_hold for line in lines] == [False, False]


async def test_a_late_yes_takes_no_call_off_hold_that_the_owner_has_put_there_meanwhile(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (wire, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        await agree(ben)
        await carl.hears(AskedToJoin)
        await anna.switchboard.hold(lines[1])
        sent = [wire.of(line) for line in lines]
        await carl.switchboard.together.agree(line_with(carl, anna))
        await met(ben, carl)
        await reads_on(anna, ben)
        assert [line.on_hold for line in lines] == [True, True]
        assert [wire.of(line) for line in lines] == sent
        await anna.switchboard.resume(lines[0])
        await wire.flows(*lines)


@pytest.mark.parametrize("holds", ["before they are named", "while they connect"])
async def test_who_joins_a_conversation_that_is_on_hold_gets_nothing_until_it_is_resumed(
    tmp_path: Path, holds: str
) -> None:
    async with anna_and(tmp_path, "ben", "carl", "emma") as (wire, anna, (ben, carl, emma)):
        for one, other in ((carl, emma), (emma, carl)):
            one.knows(other, key=b"f" * 32)
        await calls_with(anna, ben)
        await calls_with(emma, carl)
        theirs = line_with(ben, anna)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl",)))
        await agree(ben)
        if holds == "before they are named":
            await ben.switchboard.hold(theirs)
        says(anna, ben, JoinNode(CONVERSATION, carl.id.key, calls=True))
        token = (await anna.hears(JoinLink)).link
        if holds == "while they connect":
            await ben.switchboard.hold(theirs)
        # Emma passes Carl's half on, so only Ben's hold is between them.
        says(emma, carl, JoinAsk(CONVERSATION, ("ben",)))
        await agree(carl)
        says(emma, carl, JoinNode(CONVERSATION, ben.id.key, calls=False), JoinLink(CONVERSATION, ben.id.key, token))
        answer = (await emma.hears(JoinLink)).link
        says(anna, ben, JoinLink(CONVERSATION, carl.id.key, answer))
        bens, carls = await met(ben, carl)
        await sees(carl, carls, on_hold=True)
        assert bens.on_hold
        if holds == "before they are named":
            # A page opens microphone and camera at the first news of a call that isn't on hold.
            assert all(on_hold for line, on_hold in ben.on_hold if line is bens)
        assert wire.of(bens) == 0
        await ben.switchboard.resume(theirs)
        await sees(carl, carls, on_hold=False)
        await wire.flows(bens)


async def test_a_call_that_an_introduced_one_makes_in_a_chat_is_a_call_of_its_own(tmp_path: Path) -> None:
    """The callee is busy here: the owner has agreed to meet the others in the conversation, and to nothing else."""
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl",)))
        await agree(ben)
        says(anna, ben, JoinNode(CONVERSATION, carl.id.key, calls=True))
        await anna.hears(JoinLink)
        await carl.switchboard.place(ben.id, Media.AUDIO)
        (reading,) = await ben.reads_all(carl)
        assert reading.line is not None
        assert reading.line.call.reason is EndReason.BUSY
        (introduced,) = [line for line in ben.lines if line.shown.introduced]
        assert introduced.call.state is State.CALLING


async def test_one_who_refuses_leaves_the_calls_as_they_were_and_nobody_gets_to_know_anybody(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        await agree(ben)
        await carl.hears(AskedToJoin)
        await carl.switchboard.together.refuse(line_with(carl, anna))
        assert (await anna.hears(NotMerged, lines[1])).why == "refused"
        await ben.hears(AskOver)
        assert [line.on_hold for line in lines] == [True, False]
        assert [line.together for line in lines] == [b"", b""]
        assert [len(who.lines) for who in (ben, carl)] == [1, 1]
        for who, line in ((ben, line_with(ben, anna)), (carl, line_with(carl, anna))):
            with pytest.raises(NotAsked):
                await who.switchboard.together.agree(line)


async def test_until_all_agree_a_name_is_all_that_is_told_about_anybody(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        lines[1].is_with(None)
        await anna.switchboard.together.merge()
        # A person without a name gets no name: the beginning of the node id would be more than the owner agreed to
        # show.
        assert (await ben.hears(AskedToJoin)).names == ("",)
        assert (await carl.hears(AskedToJoin)).names == ("ben",)
        await agree(ben)
        await reads_on(ben, anna)
        assert [len(who.lines) for who in (ben, carl)] == [1, 1]
        assert [*ben.heard, *carl.heard] == [
            (line, news) for line, news in (*ben.heard, *carl.heard) if line.peer == anna.id
        ]


async def test_a_call_that_ends_before_all_have_answered_ends_the_question(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        await agree(ben)
        await carl.hears(AskedToJoin)
        carl.switchboard.hang_up(line_with(carl, anna))
        await over(lines[1])
        assert (await anna.hears(NotMerged, lines[0])).why == "gone"
        await ben.hears(AskOver)
        assert lines[0].on_hold
        assert not lines[0].together


async def test_the_owner_may_take_the_question_back(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        await calls_with(anna, ben, carl)
        with pytest.raises(NotAsked):
            await anna.switchboard.together.take_back()
        await anna.switchboard.together.merge()
        with pytest.raises(CantMerge, match="already"):
            await anna.switchboard.together.merge()
        await ben.hears(AskedToJoin)
        await anna.switchboard.together.take_back()
        for who in (ben, carl):
            await who.hears(AskOver)


async def test_a_fourth_person_joins_three_and_all_hear_all(tmp_path: Path) -> None:
    calls = Calls(at_once=2)
    async with anna_and(tmp_path, "ben", "carl", "dora", calls=calls) as (wire, anna, (ben, carl, dora)):
        lines = await merged(anna, ben, carl)
        # The conversation counts as one call, so there is room for another.
        third, _ = await connect(anna, dora)
        await anna.hears(HelloHeard, third)
        for who in (ben, carl):
            who.heard.clear()
        await anna.switchboard.together.merge()
        await agree(ben, carl, dora)
        between = [line for who in (ben, carl) for line in await met(who, dora)]
        await wire.flows(*lines, third, *between, *await met(ben, carl))
        assert [len(who.lines) for who in (anna, ben, carl, dora)] == [3, 3, 3, 3]
        with pytest.raises(CantMerge):
            await anna.switchboard.together.merge()


async def test_two_who_each_bring_somebody_make_no_conversation_of_five(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        for who in (ben, carl):
            says(who, anna, JoinAsk(lines[0].together, (f"{who.name}'s friend",)))
        await anna.until(lambda: len(anna.switchboard.together.asked()) == 2)
        await anna.switchboard.together.agree(line_with(anna, ben))
        with pytest.raises(CallRefused, match="At most 4"):
            await anna.switchboard.together.agree(line_with(anna, carl))
        says(carl, anna, JoinAsk(b"another".ljust(16), ("one more",)))
        says(ben, anna, JoinNode(lines[0].together, b"friend".ljust(32), calls=True))
        await anna.until(lambda: len(anna.lines) == 3)
        # Nobody answers there, and that doesn't hinder the owner.
        await anna.switchboard.hold(lines[0])
        assert all(line.on_hold for line in anna.lines)


async def test_a_program_of_an_earlier_version_cant_be_merged_and_the_owner_reads_whose(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        lines[1].greeted(converses=False)
        with pytest.raises(CantMerge, match="carl's program"):
            await anna.switchboard.together.merge()
        await reads_on(ben, anna)
        assert ben.switchboard.together.asked() == []


async def test_a_blocked_contact_is_not_met_under_another_name(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        ben.knows(carl, trust=Trust.BLOCK)
        await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        await agree(ben, carl)
        assert "blocked" in (await ben.hears(CantMeet)).why
        assert not knows_of(ben, carl)


async def test_a_link_of_somebody_else_begins_no_call(tmp_path: Path) -> None:
    """The introducer passes links on. A link that the introducer puts in their place isn't from the other person."""
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        conversation = (await carl.hears(JoinAsk)).conversation
        await agree(carl)
        carl.posts.clear()
        await connect_link(ben, carl)
        (token,) = ben.posts
        # Carl hears that dora comes, and gets a link of ben's.
        stranger = b"dora".ljust(32)
        says(anna, carl, JoinNode(conversation, stranger, calls=False), JoinLink(conversation, stranger, token))
        assert "isn't theirs" in (await carl.hears(CantMeet)).why
        assert not knows_of(carl, ben)


@pytest.mark.parametrize("key", [b"q" * 32, None], ids=["contacts", "strangers"])
async def test_an_ordinary_call_that_the_introducer_passes_on_isnt_answered_and_can_still_be_read(
    tmp_path: Path, key: bytes | None
) -> None:
    """Ben agrees to meet "carl". Dora calls him as usual, in a chat that anna reads too."""
    async with anna_and(tmp_path, "ben", "dora") as (_, anna, (ben, dora)):
        if key is not None:
            ben.knows(dora, key=key)
            dora.knows(ben, key=key)
        await calls_with(anna, ben)
        await dora.switchboard.place(ben.id, Media.AUDIO)
        (token,) = dora.posts
        says(anna, ben, JoinAsk(CONVERSATION, ("carl",)))
        await agree(ben)
        says(anna, ben, JoinNode(CONVERSATION, dora.id.key, calls=False), JoinLink(CONVERSATION, dora.id.key, token))
        await ben.hears(CantMeet)
        assert not knows_of(ben, dora)
        assert (await ben.reads(token)).line is not None


async def test_a_link_that_was_written_for_an_introduction_begins_no_call_in_a_chat(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        ben.knows(carl, key=b"q" * 32)
        carl.knows(ben, key=b"q" * 32)
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl",)))
        await agree(ben)
        says(anna, ben, JoinNode(CONVERSATION, carl.id.key, calls=True))
        passed_on = await anna.hears(JoinLink)
        assert await carl.reads(passed_on.link) == Reading(Reason.UNKNOWN_CALLER)
        assert not knows_of(carl, ben)


async def connect_link(caller: Node, callee: Node) -> None:
    """Make a link that nobody has read yet."""
    await caller.switchboard.hold(caller.lines[0])
    await caller.switchboard.place(callee.id, Media.AUDIO)


async def test_a_link_from_before_a_restore_is_none_either_if_the_one_who_introduces_brings_it(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "carl", network) as carl:
        with Store(tmp_path / "ben.db") as store:
            restored(store, int(carl.now) - 60)
        carl.now -= 200
        async with node(tmp_path, "ben", network) as ben:
            request = Request.to(
                introduced_node(ben.id, CONVERSATION),
                media=Media.AUDIO,
                created=int(carl.now),
                seed=bytes(16),
                source=carl.id,
                fingerprint=bytes(32),
                port=9,
            )
            anna.knows(ben, key=KEYS["ben"])
            ben.knows(anna, key=KEYS["ben"])
            for who, line in zip((anna, ben), await connect(anna, ben), strict=True):
                await who.hears(HelloHeard, line)
            says(anna, ben, JoinAsk(CONVERSATION, ("carl",)))
            await agree(ben)
            says(
                anna,
                ben,
                JoinNode(CONVERSATION, carl.id.key, calls=False),
                JoinLink(CONVERSATION, carl.id.key, request.token),
            )
            assert "restored your backup" in (await ben.hears(CantMeet)).why


@pytest.mark.parametrize("name", ["ben” (in your contacts) and “mum", 'a "b"', "a --b", "(proven)", "x/y"])
async def test_a_name_that_could_be_words_of_the_program_counts_as_none(tmp_path: Path, name: str) -> None:
    async with anna_and(tmp_path, "ben") as (_, anna, (ben,)):
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl", name)))
        assert (await ben.hears(AskedToJoin)).names == ("carl", "")


async def test_a_name_of_several_words_is_one_that_others_are_called_by(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben") as (_, anna, (ben,)):
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl", "Ann Lee")))
        assert (await ben.hears(AskedToJoin)).names == ("carl", "Ann Lee")


async def test_what_was_agreed_before_a_merger_brings_nobody_out_of_it(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        says(carl, anna, JoinAsk(CONVERSATION, ("xavier",)))
        await agree(anna)
        await anna.switchboard.together.merge()
        await agree(ben, carl)
        await met(ben, carl)
        says(carl, anna, JoinNode(CONVERSATION, b"xavier".ljust(32), calls=True))
        await reads_on(anna, carl)
        assert lines[0].together == lines[1].together != CONVERSATION
        assert len(anna.lines) == 2


async def test_who_has_lost_the_contacts_proof_since_the_owner_agreed_introduces_nobody(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("carl",)))
        await agree(ben)
        ben.store.remove_contact("anna")
        ben.switchboard.look_at_book()
        says(anna, ben, JoinNode(CONVERSATION, carl.id.key, calls=True))
        await reads_on(ben, anna)
        assert not knows_of(ben, carl)


@contextlib.asynccontextmanager
async def slow_disk(who: Node, *lines: Line) -> AsyncIterator[None]:
    """Let nothing be kept, so that what has ended takes a while to be closed. The lines agree on their keys before."""
    for line in lines:
        await who.hears(Paired, line)
    ends = threading.Event()
    writing = asyncio.create_task(who.writes.write(lambda store: ends.wait(60)))
    await asyncio.sleep(0)  # from here on others wait behind it
    try:
        yield
    finally:
        ends.set()
        await writing


@pytest.mark.parametrize("calls", [True, False], ids=["we call", "they call"])
async def test_who_has_agreed_and_hangs_up_meets_nobody_whatever_still_comes(tmp_path: Path, calls: bool) -> None:
    async with anna_and(tmp_path, "ben") as (_, anna, (ben,)):
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("dora",)))
        await agree(ben)
        line = line_with(ben, anna)
        stranger = b"dora".ljust(32)
        async with slow_disk(ben, line):
            ben.switchboard.hang_up(line)
            await line.until(lambda: line.call.ended)
            says(anna, ben, JoinNode(CONVERSATION, stranger, calls=calls), JoinLink(CONVERSATION, stranger, "link"))
            await reads_on(ben, anna)
        await over(line)
        await ben.hears(AskOver)
        assert ben.lines == []
        assert {about.peer for about, _ in ben.heard} == {anna.id}


async def test_who_names_somebody_and_leaves_at_once_brings_nobody_past_a_hold(tmp_path: Path) -> None:
    """A call that has ended isn't on hold any more, and the owner may be talking to somebody else."""
    async with anna_and(tmp_path, "ben") as (_, anna, (ben,)):
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("dora",)))
        await agree(ben)
        line = line_with(ben, anna)
        await ben.switchboard.hold(line)
        await ben.writes.write(lambda store: None)  # the hold is kept
        async with slow_disk(ben, line):
            says(anna, ben, JoinNode(CONVERSATION, b"dora".ljust(32), calls=True))
            anna.switchboard.hang_up(line_with(anna, ben))
            await line.until(lambda: line.call.ended)
        await over(line)
        # Which of the two depends on what is looked at first: her word, or that she has gone.
        await ben.until(lambda: any(isinstance(news, CantMeet | AskOver) for _, news in ben.heard))
        assert ben.lines == []
        assert {about.peer for about, _ in ben.heard} == {anna.id}


async def test_a_yes_that_comes_as_the_owner_hangs_up_on_another_takes_no_call_off_hold(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (wire, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        await anna.switchboard.together.merge()
        await agree(carl)
        await ben.hears(AskedToJoin)
        await reads_on(anna, carl)
        sent = wire.of(lines[0])
        async with slow_disk(anna, *lines):
            anna.switchboard.hang_up(lines[1])
            await lines[1].until(lambda: lines[1].call.ended)
            await ben.switchboard.together.agree(line_with(ben, anna))
            await reads_on(anna, ben)
        await over(lines[1])
        assert (await anna.hears(NotMerged)).why == "gone"
        await ben.hears(AskOver)
        assert lines[0].on_hold
        assert wire.of(lines[0]) == sent
        assert not knows_of(ben, carl)


async def test_messages_out_of_place_change_nothing(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        lines = await calls_with(anna, ben, carl)
        stranger = b"dora".ljust(32)
        says(
            carl,
            anna,
            JoinAnswer(CONVERSATION, agrees=True),
            JoinNode(CONVERSATION, ben.id.key, calls=True),
            JoinLink(CONVERSATION, ben.id.key, "link"),
            Members(CONVERSATION, (ben.id.key, stranger)),
        )
        await reads_on(anna, carl)
        assert [line.together for line in lines] == [b"", b""]
        assert len(anna.lines) == 2
        # Before the owner has agreed, no node is dialled.
        says(anna, carl, JoinAsk(CONVERSATION, ("dora",)), JoinNode(CONVERSATION, stranger, calls=True))
        await carl.hears(AskedToJoin)
        await reads_on(carl, anna)
        assert len(carl.lines) == 1


async def test_a_question_that_cant_be_is_refused_without_asking_anybody(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl") as (_, anna, (ben, carl)):
        await merged(anna, ben, carl)
        ben.heard.clear()
        says(anna, ben, JoinAsk(b"another".ljust(16), ("eve",)), JoinAsk(CONVERSATION, ("a", "b", "c")))
        await reads_on(ben, anna)
        assert ben.switchboard.together.asked() == []


async def test_nobody_comes_into_a_conversation_by_its_name(tmp_path: Path) -> None:
    """Everybody who was in the conversation once knows its 16 bytes."""
    async with anna_and(tmp_path, "ben", "carl", "dora") as (_, anna, (ben, carl, dora)):
        lines = await merged(anna, ben, carl)
        conversation = lines[0].together
        await anna.switchboard.hold(lines[0])
        ours, _ = await connect(anna, dora)
        await anna.hears(HelloHeard, ours)
        says(dora, anna, JoinAsk(conversation, ("mum",)))
        await reads_on(anna, dora)
        assert anna.switchboard.together.asked() == []
        # A yes to a question about another conversation doesn't help either, when others are in that one by then.
        says(dora, anna, JoinAsk(CONVERSATION, ("mum",)))
        await anna.hears(AskedToJoin, ours)
        lines[0].joins(CONVERSATION)
        with pytest.raises(CopybaraError, match="Other calls of yours"):
            await anna.switchboard.together.agree(ours)
        assert ours.together == b""


async def test_the_owner_hears_of_people_whom_only_others_are_connected_with(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl", hurry=10) as (_, anna, (ben, carl)):
        await merged(anna, ben, carl)
        stranger = b"dora".ljust(32)
        await hears_of(anna, ben, (stranger, carl.id.key), lambda news: bool(news.unseen))
        await hears_of(anna, ben, (), lambda news: news.apart == (("ben", "carl"),))


async def test_of_a_circle_that_changes_again_and_again_the_owner_hears_a_few_times(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl", hurry=10) as (_, anna, (ben, carl)):
        lines = await merged(anna, ben, carl)
        for _ in range(HEARD[Repeated.CIRCLE].at_once):
            lines[0].repeats.begins(Repeated.CIRCLE, time.monotonic())
        for number, telling in ((1, Telling.LAST), (2, Telling.NONE)):
            unseen = NodeId(bytes([number]) * 32)
            await hears_of(anna, ben, (unseen.key, carl.id.key), lambda news, node=unseen: node.short in news.unseen)  # type: ignore[misc]
            assert circles(anna)[-1].telling is telling
        await hears_of(anna, ben, (carl.id.key,), lambda news: news is circles(anna)[-1] and not news.unseen)
        assert circles(anna)[-1].telling is Telling.NONE


def circles(who: Node) -> list[CircleChanged]:
    return [news for _, news in who.heard if isinstance(news, CircleChanged)]


async def test_of_somebody_who_cant_be_met_the_owner_hears_once_however_many_links_come(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben") as (_, anna, (ben,)):
        await calls_with(anna, ben)
        says(anna, ben, JoinAsk(CONVERSATION, ("dora",)))
        await agree(ben)
        dora = b"dora".ljust(32)
        says(anna, ben, JoinNode(CONVERSATION, dora, calls=False))
        for number in range(5):
            says(anna, ben, JoinLink(CONVERSATION, dora, f"no link {number}"))
        # What comes after the links is answered after them.
        says(anna, ben, JoinAsk(b"another".ljust(16), ("eve",)))
        answer = JoinAnswer(b"another".ljust(16), agrees=False)
        await anna.until(lambda: any(news == answer for _, news in anna.heard))
        assert sum(isinstance(news, CantMeet) for _, news in ben.heard) == 1


async def hears_of(who: Node, other: Node, nodes: tuple[bytes, ...], wanted: Callable[[CircleChanged], bool]) -> None:
    """Let `other` report its connections until they are heard, because its own program may report others later."""

    def heard() -> bool:
        return any(isinstance(news, CircleChanged) and wanted(news) for _, news in who.heard)

    async with asyncio.timeout(PATIENCE):
        while not heard():
            says(other, who, Members(line_with(who, other).together, nodes))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await who.until(heard)


async def test_a_conversation_leaves_no_more_room_than_a_call(tmp_path: Path) -> None:
    async with anna_and(tmp_path, "ben", "carl", "dora") as (_, anna, (ben, carl, dora)):
        lines = await merged(anna, ben, carl)
        with pytest.raises(CopybaraError, match="There is a call with ben already"):
            await anna.switchboard.place(dora.id, Media.AUDIO)
        await anna.switchboard.hold(lines[0])
        third, _ = await connect(anna, dora)
        # Returning to the conversation returns to all of it.
        await anna.switchboard.resume(lines[0], swap=True)
        await anna.until(lambda: [line.on_hold for line in (*lines, third)] == [False, False, True])
        anna.switchboard.hang_up(lines[0])
        await over(*lines)
        assert third.call.state is State.ACTIVE
        assert lines[1].call.reason is EndReason.HUNG_UP
