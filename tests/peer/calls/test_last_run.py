"""What happens to the calls of a program that was killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from peer.calls.last_run import SETTLE_SECONDS
from peer.calls.line_keeping import AWAITED_SECONDS
from shared.call.records import RunningCall
from shared.call.table import EndReason, State
from shared.config.schema import Calls
from shared.contacts import Contact, Trust
from shared.media import Media
from shared.node_id import NodeId
from shared.store import Store
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import node

NOW = 1_700_000_000
"The initial time of a Node's clock."

UP = RunningCall(
    reference=b"r" * 8,
    peer=NodeId(b"ben".ljust(32)),
    role="callee",
    media=Media.BOTH,
    started=NOW - 60,
    secret=b"s" * 32,
    created=NOW - 61,
    alive=NOW - 5,
    port=40_000,
    remote_port=40_001,
)

RANG = replace(UP, started=0, secret=b"", alive=0, port=0, remote_port=0)


async def killed(folder: Path, call: RunningCall) -> None:
    """Store what Anna's program had stored when it was killed in that call."""
    async with node(folder, "anna", MemoryNetwork()) as anna:
        anna.store.save_call(call)


async def test_a_call_whose_other_side_may_be_dialling_is_taken_up(tmp_path: Path) -> None:
    await killed(tmp_path, UP)
    async with node(tmp_path, "anna", MemoryNetwork()) as anna:
        last_run = anna.switchboard.last_run
        assert (last_run.interrupted, last_run.rejoins, anna.store.call_log(9)) == ([], True, [])
        await last_run.rejoin()
        (line,) = anna.lines
        assert (line.id, line.call.state) == (UP.reference.hex(), State.RECONNECTING)
        assert not last_run.rejoins


CHANGES: dict[str, Callable[[Store, Contact], object]] = {
    "nothing": lambda store, contact: None,
    "they are trusted less": lambda store, contact: store.save_contact(structs.replace(contact, trust=Trust.RING)),
    "they are blocked": lambda store, contact: store.save_contact(structs.replace(contact, trust=Trust.BLOCK)),
    "they are removed": lambda store, contact: store.remove_contact(contact.name),
    "their key proves nothing": lambda store, contact: store.quarantine_secrets(contact.node),
}
"What the owner does at the command line before they start the program again."


@pytest.mark.parametrize("change", CHANGES)
async def test_what_was_answered_without_asking_goes_on_so_only_if_it_would_be_answered_now(
    tmp_path: Path, change: str
) -> None:
    contact, key = Contact(name="ben", node=UP.peer, trust=Trust.AUTO, created=0), b"k" * 32
    async with node(tmp_path, "anna", MemoryNetwork()) as anna:
        anna.store.save_contact(contact)
        anna.store.propose_secret(contact.node, key, 0)
        anna.store.commit_secret(contact.node, key)
        chain = anna.store.chain_of(contact.node, key)
        anna.store.save_call(replace(UP, automatic=True, endpoint="devices", proven=True, chain=chain, name="ben"))
        CHANGES[change](anna.store, contact)
    async with node(tmp_path, "anna", MemoryNetwork()) as anna:
        await anna.switchboard.last_run.rejoin()
        (line,) = anna.lines
        (occasion,) = anna.occasions
        assert line.call.state is State.RECONNECTING
        assert (occasion.wait_for_owner is not None) is (change != "nothing")
        assert line.shown.begins_off is (change != "nothing")


@pytest.mark.parametrize(
    "call",
    [
        replace(UP, alive=NOW - int(AWAITED_SECONDS) - 1),
        replace(UP, alive=NOW + 3600),
        replace(UP, secret=b""),
        replace(UP, remote_port=0),
        RANG,
    ],
    ids=["too long ago", "the clock was set back", "another program's", "no port", "it only rang"],
)
async def test_one_that_nobody_can_be_waiting_in_is_logged_and_reported(tmp_path: Path, call: RunningCall) -> None:
    await killed(tmp_path, call)
    async with node(tmp_path, "anna", MemoryNetwork()) as anna:
        last_run = anna.switchboard.last_run
        assert [each.reference for each in last_run.interrupted] == [call.reference]
        assert not last_run.rejoins
        assert [each.reason for each in anna.store.call_log(9)] == [str(EndReason.STOPPED)]
        assert anna.store.running_calls() == []


async def test_one_that_its_messenger_may_bring_again_is_logged_once_its_link_is_too_old(tmp_path: Path) -> None:
    await killed(tmp_path, RANG)
    async with node(tmp_path, "anna", MemoryNetwork(), rings_again=lambda chat: chat == RANG.chat) as anna:
        assert anna.switchboard.last_run.interrupted == []
        await anna.switchboard.upkeep()
        assert anna.store.call_log(9) == []
        anna.now = RANG.created + Calls().lifetime + SETTLE_SECONDS + 1
        await anna.switchboard.upkeep()
        assert [each.reason for each in anna.store.call_log(9)] == [str(EndReason.STOPPED)]


async def test_of_our_own_call_the_messenger_says_what_became_of_it(tmp_path: Path) -> None:
    await killed(tmp_path, replace(RANG, role="caller"))
    async with node(tmp_path, "anna", MemoryNetwork(), rings_again=lambda chat: True) as anna:
        assert anna.switchboard.last_run.interrupted == []
        assert [each.reason for each in anna.store.call_log(9)] == [str(EndReason.STOPPED)]
