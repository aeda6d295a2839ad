"""A running messenger without buttons: what its owner reads, and what their replies do."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

from bot.conversation import RINGING, Act, Action, Post
from bot.kinds import Kind, Sentence
from bot.messengers import texts as common
from bot.messengers.numbered_choices import MOST_KEPT
from bot.messengers.plain.places import Place, PlainWay
from bot.texts import chat as texts
from peer.calls.line import Line
from shared.call.table import State
from shared.contacts import Contact
from shared.node_id import NodeId
from shared.reasons import Reason
from tests.bot.messengers.wire import NAME, OWNER, call, person, plain_messenger

ANNA = NodeId(bytes(31) + b"\1")


def rings(line: Line) -> Post:
    reason = Reason.ASK if line.proven else Reason.NEW_CALLER
    return Post("owner", texts.rings(line, reason), chat=OWNER, actions=RINGING, line=line, live=True)


def node(number: int) -> NodeId:
    return NodeId((1 << 20 | number).to_bytes(32, "big"))


def number_of(text: str, words: str) -> str:
    found = re.search(rf"([0-9]+): {words}", text)
    assert found is not None
    return found[1]


async def test_a_flood_of_strangers_never_keeps_a_contacts_call_from_being_shown(tmp_path: Path) -> None:
    async with plain_messenger(tmp_path) as (messenger, wire, ear):
        strangers = [call(number, node(number)) for number in range(1, MOST_KEPT // len(RINGING))]
        for line in strangers:
            messenger.post(rings(line))
            await wire.until_sent(str(line.peer))  # each call is posted, with a number or with the command
        shown = {str(line.peer): await wire.until_sent(str(line.peer)) for line in (strangers[0], strangers[-1])}
        assert "1: Answer" in shown[str(strangers[0].peer)].text
        assert "/answer" in shown[str(strangers[-1].peer)].text
        anna = call(5000, ANNA, name="anna", proven=True)
        messenger.post(rings(anna))
        said = await wire.until_sent("anna is calling")
        wire.comes(number_of(said.text, "Answer"))
        assert await ear.acted.get() == Action(Act.ANSWER, anna.id)


async def test_the_owner_hears_at_once_that_nothing_can_be_saved_and_is_obeyed_when_it_can(tmp_path: Path) -> None:
    """Another program holds the database."""
    async with plain_messenger(tmp_path) as (_, wire, ear):
        ear.posts["/status"] = Post("owner", Sentence(Kind.STATUS, "no calls"), chat=OWNER)
        wire.comes("/status")
        await wire.until_sent("no calls")
        already = len(wire.sent)
        with contextlib.closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            wire.comes("/status")
            said = await wire.until_sent("at once: I can't save anything", already)
            assert "another process has been writing to it for too long" in said.text
            assert not [each for each in wire.sent[already:] if "no calls" in each.text]
        await wire.until_sent("no calls", already)
        await wire.until_sent(common.can_store().text, already)


async def test_a_command_that_seems_old_names_the_clocks_where_the_owners_device_dates_it(tmp_path: Path) -> None:
    async with plain_messenger(tmp_path) as (_, wire, _):
        wire.comes("/call anna", age=3600)
        assert "a clock is wrong" not in (await wire.until_sent("I was away when you wrote “/call anna”")).text
        wire.senders_date = True
        wire.comes("/call bob", age=3600)
        assert "a clock is wrong" in (await wire.until_sent("I was away when you wrote “/call bob”")).text


async def test_a_clock_that_is_off_is_told_once_and_no_command_is_too_old_for_it(tmp_path: Path) -> None:
    async with plain_messenger(tmp_path) as (_, wire, ear):
        ear.posts["/call anna"] = Post("owner", Sentence(Kind.CALLING, "Calling anna"), chat=OWNER)
        wire.clock_ahead = 3600.0
        for _ in range(2):
            already = len(wire.sent)
            wire.comes("/call anna", age=3600)
            await wire.until_sent("Calling anna", already)
        told = [each.text for each in wire.sent if "clock is about 60 minutes ahead of the wire's" in each.text]
        assert len(told) == 1


async def test_the_number_of_a_call_that_is_up_is_never_a_strangers(tmp_path: Path) -> None:
    async with plain_messenger(tmp_path) as (messenger, wire, ear):
        anna = call(1, ANNA, name="anna", proven=True, state=State.ACTIVE)
        messenger.post(Post("owner", texts.connected(anna), chat=OWNER, actions=(Act.HANG_UP,), line=anna, live=True))
        assert "1: Hang up" in (await wire.until_sent("Connected with anna")).text
        for number in range(2, 80):
            line = call(number, node(number))
            messenger.post(rings(line))
            assert not re.search(r"\b1: ", (await wire.until_sent(str(line.peer))).text)
            messenger.call_changed(call(number, node(number), state=State.ENDED))
        wire.comes("1")
        assert await ear.acted.get() == Action(Act.HANG_UP, anna.id)


async def test_who_passes_a_contacts_link_on_gets_none_of_the_next_ones_until_the_owner_says_so(tmp_path: Path) -> None:
    async with plain_messenger(tmp_path) as (messenger, wire, ear):

        def brings(number: int, account: str, *states: State) -> None:
            line = call(number, ANNA, name="anna", proven=True, chat=person(account))
            ear.posts[f"link {number}"] = rings(line)
            wire.comes(f"link {number}", account)
            stands.append([call(number, ANNA, name="anna", proven=True, chat=line.chat, state=each) for each in states])

        async def goes_to(token: str) -> str:
            said = Sentence(Kind.LINK_REQUEST, f"copybara:{token}")
            messenger.post(Post("chat", said, token, OWNER, contact=Contact(name="anna", node=ANNA, created=1)))
            return (await wire.until_sent(token)).chat

        stands: list[list[Line]] = []
        for number, account, states in (
            (1, "anna", (State.ACTIVE, State.ENDED)),
            (2, "mallory", (State.ENDED,)),
            (3, "mallory", (State.ACTIVE, State.ENDED)),
        ):
            since = len(wire.sent)
            brings(number, account, *states)
            await wire.until_sent("anna is calling", since)
            for line in stands[-1]:
                messenger.call_changed(line)
            assert await goes_to(f"token{number}") == person("anna")
        asked = await wire.until_sent("Another account than before brought anna's link: mallory")
        since = len(wire.sent)
        brings(4, "mallory", State.ACTIVE, State.ENDED)
        await wire.until_sent("anna is calling", since)
        for line in stands[-1]:
            messenger.call_changed(line)
        assert await goes_to("token4") == person("anna")
        assert not [each for each in wire.sent[since:] if "Another account" in each.text], "asked once"
        wire.comes(number_of(asked.text, "It is anna's"))
        await wire.until_sent(common.FOLLOWED.text)
        assert await goes_to("token5") == person("mallory")
    async with plain_messenger(tmp_path) as (messenger, wire, ear):
        assert await goes_to("token6") == person("mallory")


async def test_what_somebody_brings_into_their_own_group_is_answered_to_the_contact(tmp_path: Path) -> None:
    async with plain_messenger(tmp_path) as (messenger, wire, ear):
        contact = Contact(name="anna", node=ANNA, created=1)
        for number, account, group in ((1, "anna", ""), (2, "anna", "friends"), (3, "mallory", "trap")):
            chat = Place(NAME, PlainWay.GROUP, group).chat if group else person("anna")
            line = call(number, ANNA, name="anna", proven=True, chat=chat)
            ear.posts[f"link {number}"] = rings(line)
            since = len(wire.sent)
            wire.comes(f"link {number}", account, group)
            await wire.until_sent("anna is calling", since)
            said = Sentence(Kind.LINK_ANSWER, f"copybara:token{number}")
            messenger.post(Post("chat", said, f"token{number}", chat, line=line, contact=contact))
            answer = await wire.until_sent(f"token{number}")
            assert answer.chat == (chat if account == "anna" else person("anna"))
            for state in (State.ACTIVE, State.ENDED):
                messenger.call_changed(call(number, ANNA, name="anna", proven=True, chat=chat, state=state))
