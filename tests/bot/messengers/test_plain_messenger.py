"""A messenger without buttons as it runs: what its owner reads and what their replies do."""

from __future__ import annotations

import re
from pathlib import Path

from bot.conversation import RINGING, Act, Action, Post
from bot.messengers.numbered_choices import MOST_KEPT
from bot.texts import chat as texts
from peer.calls.line import Line
from shared.call.table import State
from shared.node_id import NodeId
from shared.reasons import Reason
from tests.bot.messengers.wire import OWNER, call, plain_messenger

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
            await wire.until_sent(str(line.peer))  # each is told, with a number or with the command
        shown = {str(line.peer): await wire.until_sent(str(line.peer)) for line in (strangers[0], strangers[-1])}
        assert "1: Answer" in shown[str(strangers[0].peer)].text
        assert "/answer" in shown[str(strangers[-1].peer)].text
        anna = call(5000, ANNA, name="anna", proven=True)
        messenger.post(rings(anna))
        said = await wire.until_sent("anna is calling")
        wire.comes(number_of(said.text, "Answer"))
        assert await ear.acted.get() == Action(Act.ANSWER, anna.id)


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
