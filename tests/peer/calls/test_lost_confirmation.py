"""Only one of two people knows that they share a key, because the other's confirmation was lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from peer.calls.line import Line
from peer.calls.news import Paired
from shared.call.table import State
from shared.media import Media
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, active, node, over

FIRST, SECOND, OTHER = b"1" * 32, b"2" * 32, b"o" * 32


async def calls(caller: Node, callee: Node) -> tuple[Line, Line]:
    """Let the two talk until both have stored the key, and hang up. Returns the caller's line and the callee's."""
    theirs = await caller.switchboard.place(callee.id, Media.BOTH)
    await caller.until(lambda: bool(caller.posts))
    ours = (await callee.reads_all(caller))[0].line
    assert ours is not None
    await callee.switchboard.answer(ours)
    await callee.until(lambda: bool(callee.posts) or ours.call.state is State.ACTIVE)
    await caller.reads_all(callee)
    await active((caller, theirs), (callee, ours))
    await caller.hears(Paired, theirs)
    await callee.hears(Paired, ours)
    caller.switchboard.hang_up(theirs)
    await over(theirs, ours)
    return theirs, ours


async def test_a_confirmation_that_got_lost_parts_nobody(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        anna.knows(ben, key=FIRST)
        ben.knows(anna)
        ben.store.propose_secret(anna.id, FIRST, 0)
        theirs, ours = await calls(ben, anna)
        assert not ours.proven, "nothing in the call's link proves who wrote it"
        assert not theirs.shown.quarantined
        assert not ours.shown.quarantined
        theirs, ours = await calls(anna, ben)
        assert (theirs.proven, ours.proven) == (True, True)
        theirs, ours = await calls(ben, anna)
        assert (theirs.proven, ours.proven) == (True, True)


@pytest.mark.parametrize("held", [[], [OTHER], [OTHER, SECOND]])
async def test_who_shows_another_secret_or_one_that_is_quarantined_proves_nothing(
    tmp_path: Path, held: list[bytes]
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as impostor:
        anna.knows(impostor, key=FIRST)
        assert not anna.store.propose_secret(impostor.id, SECOND, 0)
        impostor.knows(anna)
        for secret in held:
            impostor.store.propose_secret(anna.id, secret, 0)
        _, ours = await calls(impostor, anna)
        assert ours.shown.quarantined
        assert anna.store.writable_secret(impostor.id) == FIRST


@pytest.mark.parametrize("held", [[], [OTHER]])
async def test_who_answers_a_call_for_a_new_key_without_the_old_one_proves_nothing(
    tmp_path: Path, held: list[bytes]
) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as impostor:
        anna.knows(impostor, key=FIRST)
        anna.store.doubt_secrets(impostor.id)
        impostor.knows(anna)
        for secret in held:
            impostor.store.propose_secret(anna.id, secret, 0)
        ours, theirs = await calls(anna, impostor)
        assert not ours.proven
        assert ours.shown.quarantined
        assert not theirs.shown.quarantined, "who has no key of hers has nothing to confirm"
        assert anna.store.writable_secret(impostor.id) is None, "neither the new key nor the one in doubt"
        assert anna.store.secrets_of(impostor.id) == [FIRST]
