"""Who a call is with, and what proves it, follows the contact book while the call rings and runs."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from bot.assistant import contacts as book
from bot.assistant import moving
from peer.calls.line import Line
from peer.calls.line_records import report
from peer.calls.news import Paired
from shared.call.events import Expired, Unanswered
from shared.call.table import EndReason, State
from shared.contacts import STRANGER, Contact, Trust
from shared.errors import InputError
from shared.links.sealed import seal_request
from shared.media import Media
from shared.node_id import NodeId
from shared.reasons import Reason
from shared.store import Store
from shared.store.store import Agreed
from tests.peer.calls.memory import MemoryNetwork
from tests.peer.calls.nodes import Node, active, node, over
from tests.peer.calls.test_deltachat_calls import connected as app_connected

KEY = b"k" * 32
OTHER = b"o" * 32
NEW = NodeId(b"n" * 32)


@contextlib.asynccontextmanager
async def strangers(folder: Path) -> AsyncIterator[tuple[Node, Node]]:
    """Ben, and Eve at a node that he hasn't saved."""
    network = MemoryNetwork()
    async with node(folder, "eve", network) as eve, node(folder, "ben", network) as ben:
        yield eve, ben


async def rings(caller: Node, callee: Node) -> tuple[Line, Line]:
    ours = await caller.switchboard.place(callee.id, Media.BOTH)
    theirs = (await callee.reads_all(caller))[0].line
    assert theirs is not None
    assert theirs.call.state is State.RINGING
    return ours, theirs


async def answers(caller: Node, callee: Node, ours: Line, theirs: Line) -> None:
    """Answer, and wait until the call is active and both have agreed on a key."""
    await callee.switchboard.answer(theirs)
    if not theirs.call.paired:
        await callee.until(lambda: bool(callee.posts))
        await caller.reads_all(callee)
    await active((caller, ours), (callee, theirs))
    await callee.hears(Paired, theirs)


async def hangs_up(caller: Node, callee: Node, ours: Line, theirs: Line) -> None:
    caller.switchboard.hang_up(ours)
    await over(ours, theirs)


def save(who: Node, name: str, other: NodeId, *, trust: Trust = Trust.RING) -> None:
    """Save a contact by a card or node id that comes from elsewhere than the call."""
    who.store.add_contact(Contact(name=name, node=other, trust=trust, created=0))
    who.switchboard.look_at_book()


async def test_a_call_with_a_strangers_key_proves_nothing_once_that_node_is_saved(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        first = await rings(eve, ben)
        await answers(eve, ben, *first)
        await hangs_up(eve, ben, *first)
        eve.knows(ben)

        ours, theirs = await rings(eve, ben)
        assert theirs.proven
        save(ben, "dora", eve.id)
        assert theirs.name == "dora"
        assert not theirs.proven
        await answers(eve, ben, ours, theirs)
        assert ben.store.writable_secret(eve.id) is None
        assert theirs.shown.quarantined, "the owner gets words to compare"


async def test_what_a_stranger_agrees_on_after_their_node_was_saved_waits_for_the_words(tmp_path: Path) -> None:
    """So holding back one's side of the pairing until then doesn't help."""
    async with strangers(tmp_path) as (eve, ben):
        ours, theirs = await rings(eve, ben)
        save(ben, "dora", eve.id)
        await answers(eve, ben, ours, theirs)
        assert not ben.store.keyed(eve.id)
        assert ben.store.confirm_secret(eve.id, *ben.store.quarantined_secrets(eve.id))


async def test_who_is_saved_in_their_call_before_it_pairs_needs_no_words(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        ours, theirs = await rings(eve, ben)
        theirs.saves()
        ben.switchboard.look_at_book()
        save(ben, "dora", eve.id)
        await answers(eve, ben, ours, theirs)
        assert ben.store.keyed(eve.id)


@pytest.mark.parametrize("looked", [False, True], ids=["unseen by the program", "seen by it"])
async def test_who_is_removed_and_added_again_by_the_command_line_gets_no_key_in_the_call_that_was_up(
    tmp_path: Path, looked: bool
) -> None:
    """Another process runs both commands, and the program need not look in between."""
    async with strangers(tmp_path) as (eve, ben):
        ben.knows(eve)
        ours, theirs = await rings(eve, ben)
        with contextlib.closing(Store(ben.store.path)) as command_line:
            command_line.remove_contact("eve")
            book.add(command_line, "eve", book.Whom(eve.id), own=None)
        if looked:
            ben.switchboard.look_at_book()
        await answers(eve, ben, ours, theirs)
        assert not ben.store.keyed(eve.id)
        assert theirs.shown.quarantined, "the owner gets words to compare"
        assert ben.store.confirm_secret(eve.id, *ben.store.quarantined_secrets(eve.id))


async def test_a_contact_who_is_renamed_or_allowed_more_in_a_call_is_still_the_one_it_began_with(
    tmp_path: Path,
) -> None:
    async with strangers(tmp_path) as (eve, ben):
        ben.knows(eve)
        ours, theirs = await rings(eve, ben)
        contact = ben.store.rename_contact("eve", "dora")
        ben.store.save_contact(msgspec.structs.replace(contact, trust=Trust.AUTO))
        ben.switchboard.look_at_book()
        await answers(eve, ben, ours, theirs)
        assert theirs.name == "dora"
        assert ben.store.keyed(eve.id)


FINDS_OUT: dict[str, Callable[[Store, NodeId], object]] = {
    "confirms the words of another call": lambda store, node: (
        store.propose_secret(node, OTHER, 0, stranger=True) or store.confirm_secret(node, OTHER)
    ),
    "blocks them": lambda store, node: book.set_trust(store, "eve", Trust.BLOCK, None),
    "removes them": lambda store, node: store.remove_contact("eve"),
}


@pytest.mark.parametrize("finds_out", FINDS_OUT.values(), ids=[*FINDS_OUT])
async def test_the_answering_machine_takes_no_call_whose_caller_isnt_welcome_any_more(
    tmp_path: Path, finds_out: Callable[[Store, NodeId], object]
) -> None:
    async with strangers(tmp_path) as (eve, ben):
        eve.knows(ben, key=KEY)
        ben.knows(eve, key=KEY)
        _, theirs = await rings(eve, ben)
        with contextlib.closing(Store(ben.store.path)) as command_line:
            finds_out(command_line, eve.id)
        theirs.put(Unanswered())
        theirs.put(Expired())
        await over(theirs)
        assert theirs.call.reason is EndReason.MISSED
        assert not theirs.shown.machine


@pytest.mark.parametrize("finds_out", FINDS_OUT.values(), ids=[*FINDS_OUT])
async def test_who_isnt_welcome_any_more_once_their_link_is_marked_as_used_is_not_answered_without_asking(
    tmp_path: Path, finds_out: Callable[[Store, NodeId], object]
) -> None:
    async with strangers(tmp_path) as (eve, ben):
        eve.knows(ben, key=KEY)
        ben.knows(eve, key=KEY, trust=Trust.AUTO)
        ours = await eve.switchboard.place(ben.id, Media.BOTH)
        (link,) = eve.posts
        with contextlib.closing(Store(ben.store.path)) as command_line:
            with command_line.transaction():
                finds_out(command_line, eve.id)
                reading = asyncio.create_task(ben.reads(link))
                await asyncio.sleep(0)  # from here on it waits for the command line
            theirs = (await reading).line
        assert theirs is not None
        assert (theirs.call.state, theirs.shown.automatic) == (State.RINGING, False)
        eve.switchboard.hang_up(ours)


async def test_a_contact_who_cant_be_read_costs_their_call_its_proof_and_nothing_else(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        eve.knows(ben, key=KEY)
        ben.knows(eve, key=KEY)
        ours, theirs = await rings(eve, ben)
        with contextlib.closing(sqlite3.connect(ben.store.path, isolation_level=None)) as disk:
            disk.execute("UPDATE contacts SET value = x'c1'")
        ben.switchboard.look_at_book()
        assert (theirs.name, theirs.proven) == ("eve", False)
        await ben.switchboard.upkeep()
        ben.switchboard.hang_up(theirs)
        await over(theirs)
        eve.switchboard.hang_up(ours)


async def test_a_call_loses_its_proof_when_the_words_of_another_one_are_confirmed(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        eve.knows(ben, key=KEY)
        ben.knows(eve, key=KEY)
        ours, theirs = await rings(eve, ben)
        ben.store.propose_secret(eve.id, OTHER, 0)
        assert ben.store.confirm_secret(eve.id, OTHER)
        ben.switchboard.look_at_book()
        assert not theirs.proven
        assert theirs.link.keyed, "the warning that it lacks the key"
        await answers(eve, ben, ours, theirs)
        assert ben.store.secrets_of(eve.id) == [OTHER]


async def test_a_call_with_a_contacts_old_node_no_longer_has_their_name(tmp_path: Path) -> None:
    """Another process accepts the notice of the new node id."""
    async with strangers(tmp_path) as (eve, ben):
        eve.knows(ben, key=KEY)
        ben.knows(eve, key=KEY, announced=NEW)
        _, theirs = await rings(eve, ben)
        assert (theirs.name, theirs.proven) == ("eve", True)
        with Store(ben.store.path) as beside:
            moving.accept(beside, "eve")
        await ben.switchboard.upkeep()
        assert theirs.name == STRANGER
        assert not theirs.proven
        assert ben.store.proves(NEW, KEY)


async def test_a_proven_call_of_another_program_is_not_the_next_ones_who_is_saved_there(tmp_path: Path) -> None:
    network = MemoryNetwork()
    async with node(tmp_path, "anna", network) as anna, node(tmp_path, "ben", network) as ben:
        _, theirs = await app_connected(anna, ben)
        book.rename(ben.store, "anna", "anne")
        ben.switchboard.look_at_book()
        assert (theirs.name, theirs.proven) == ("anne", True)
        with ben.store.transaction():
            ben.store.remove_contact("anne")
            book.add(ben.store, "mallory", book.Whom(anna.id), own=ben.id)
        ben.switchboard.look_at_book()
        assert (theirs.name, theirs.proven) == ("mallory", False)


async def test_an_honest_call_keeps_its_proof_while_keys_are_renewed(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        eve.knows(ben, key=KEY)
        ben.knows(eve, key=KEY)
        ours, theirs = await rings(eve, ben)
        await answers(eve, ben, ours, theirs)
        for newer in ben.store.secrets_of(eve.id):
            ben.store.note_secret_used(eve.id, newer)
        assert not ben.store.proves(eve.id, KEY), "the older key is erased"
        ben.switchboard.look_at_book()
        assert theirs.proven
        assert not theirs.shown.quarantined


async def test_the_call_whose_words_were_confirmed_is_told_from_an_impostors(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        ben.knows(eve, key=KEY)
        ours, theirs = await rings(eve, ben)
        await answers(eve, ben, ours, theirs)
        assert not theirs.proven
        agreed = theirs.connection.agreed_secret
        assert agreed is not None
        assert ben.store.confirm_secret(eve.id, agreed)
        ben.switchboard.look_at_book()
        assert theirs.proven
        assert not theirs.shown.quarantined
        assert report(theirs)["proven"]


async def test_a_stranger_whose_words_were_compared_has_proven_themselves_once_they_are_saved_in_the_call(
    tmp_path: Path,
) -> None:
    async with strangers(tmp_path) as (eve, ben):
        ours, theirs = await rings(eve, ben)
        await answers(eve, ben, ours, theirs)
        assert theirs.connection.agreed_secret is not None
        ben.store.words_match(eve.id, theirs.link.reference, theirs.connection.agreed_secret)
        ben.switchboard.look_at_book()
        assert not theirs.proven, "nobody has said who it is"
        with ben.switchboard.saving_in(theirs):
            ben.store.add_contact(Contact(name="dora", node=eve.id, created=0), agreed=Agreed(theirs.secrets))
        ben.switchboard.look_at_book()
        assert theirs.proven


async def test_the_next_call_of_a_stranger_whose_words_were_compared_counts_as_compared(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        ours, theirs = await rings(eve, ben)
        await answers(eve, ben, ours, theirs)
        assert theirs.connection.agreed_secret is not None
        ben.store.words_match(eve.id, theirs.link.reference, theirs.connection.agreed_secret)
        await hangs_up(eve, ben, ours, theirs)
        eve.knows(ben)
        ours, theirs = await rings(eve, ben)
        await answers(eve, ben, ours, theirs)
        assert ben.store.words_matched(eve.id, theirs.link.reference, theirs.connection.agreed_secret)


async def test_a_used_request_that_somebody_seals_once_more_rings_no_more(tmp_path: Path) -> None:
    """Anybody who reads the chat and has the callee's card can do that."""
    async with strangers(tmp_path) as (eve, ben):
        ours, theirs = await rings(eve, ben)
        ben.switchboard.decline(theirs)
        await theirs.over.wait()
        request = ours.link.request
        assert request is not None
        key = ben.sealing_key.public_key().public_bytes_raw()
        for _ in range(2):
            reading = await ben.reads(seal_request(request, key, ben.id).token)
            assert (reading.reason, reading.line) == (Reason.ALREADY_USED, None)


async def test_a_used_link_stays_used_when_the_clock_was_far_ahead_for_a_moment(tmp_path: Path) -> None:
    """The cause is a wrong time server, or a virtual machine that was resumed."""
    async with strangers(tmp_path) as (eve, ben):
        ours, theirs = await rings(eve, ben)
        ben.switchboard.decline(theirs)
        await theirs.over.wait()
        assert ours.link.request is not None
        ben.now += 2 * 86_400
        await ben.switchboard.upkeep()
        ben.now -= 2 * 86_400
        assert (await ben.reads(ours.link.request.token)).reason is Reason.ALREADY_USED


async def test_who_was_saved_in_a_call_is_no_stranger_after_saving_them_again_in_vain(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        _, theirs = await rings(eve, ben)
        with ben.switchboard.saving_in(theirs):
            save(ben, "eve", eve.id)
        assert not theirs.stranger
        with pytest.raises(InputError), ben.switchboard.saving_in(theirs):
            raise InputError("That node is in your contacts already.", "")
        assert not theirs.stranger


async def test_a_request_that_came_sealed_works_no_second_time_in_clear(tmp_path: Path) -> None:
    async with strangers(tmp_path) as (eve, ben):
        card = ben.sealing_key.public_key().public_bytes_raw()
        ours = await eve.switchboard.place(ben.id, Media.BOTH, sealing_key=card)
        theirs = (await ben.reads_all(eve))[0].line
        request = ours.link.request
        assert theirs is not None
        assert request is not None
        assert (await ben.reads(request.token)).reason is Reason.ALREADY_USED
