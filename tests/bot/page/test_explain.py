"""What the page says about a link before a click is what then happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.page.explain import Explainer
from peer.calls.link_reader import LinkReader
from shared.call.table import State
from shared.contacts import Trust
from shared.media import Media
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, active, node


def explainer(who: Node) -> Explainer:
    return Explainer(LinkReader(who.id, who.store, who.sealing_key), who.store, who.switchboard)


@pytest.mark.parametrize(("usual", "rings"), [("none", False), ("handset", True)])
async def test_a_call_that_only_the_node_id_proves_rings_where_it_would_open_the_room(
    tmp_path: Path, usual: str, rings: bool
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network, usual=usual) as ben:
        ben.knows(anna, trust=Trust.AUTO, unproven=True)
        await anna.switchboard.place(ben.id, Media.BOTH)
        said = explainer(ben).explain(anna.posts[0])
        assert (said.kind, said.rings, said.button) == ("call", rings, "Let it ring" if rings else "Answer")
        assert ("If you answer, it connects at once" in said.sentence) is not rings
        line = (await ben.reads_all(anna))[0].line
        assert line is not None
        assert (line.call.state is State.RINGING) is rings


async def test_a_call_beside_another_one_cannot_be_answered_where_nobody_can_be_asked(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with (
        node(tmp_path, "anna", network) as anna,
        node(tmp_path, "carol", network) as carol,
        node(tmp_path, "ben", network) as ben,
    ):
        ben.knows(anna, trust=Trust.AUTO, key=b"a" * 32)
        anna.knows(ben, key=b"a" * 32)
        ben.knows(carol, key=b"c" * 32)
        carol.knows(ben, key=b"c" * 32)
        ours = await anna.switchboard.place(ben.id, Media.BOTH)
        theirs = (await ben.reads_all(anna))[0].line
        assert theirs is not None
        await active((anna, ours), (ben, theirs))
        await carol.switchboard.place(ben.id, Media.BOTH)
        assert explainer(ben).explain(carol.posts[0]).kind == "unusable"
