"""Calls with the call button of a person's own Delta Chat: real cores on both sides, and a real connection.

Bob has Delta Chat and a node, Anna has a bot.
"""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from deltachat_rpc_client import Rpc

from bot.kinds import Kind
from peer.overlay.loopback import loopback_address
from shared.media import Media
from tests.bot.console import as_before
from tests.bot.deltachat.friends import Friend, friend, meet
from tests.bot.deltachat.mail import MailServer
from tests.bot.deltachat.world import App, Owner, number_of, owners
from tests.peer.calls.nodes import active, over

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@dataclass
class Both:
    """Anna, whose bot Bob's app can call."""

    anna: Owner
    bob: Friend

    async def meet_as_strangers(self) -> None:
        """Let Anna's bot know nothing of Bob."""
        with self.anna.bot.store() as store:
            bob = store.contact_named("bob")
        if bob is not None:
            await self.anna.bot.asked("/contact remove bob", kind=Kind.CONTACT_REMOVED)

    async def meet_as_friends(self) -> None:
        """Let Anna's bot know Bob's node and his app."""
        with self.anna.bot.store() as store:
            bob = store.contact_named("bob")
        if bob is None:
            await self.anna.bot.asked(f"/contact add bob {self.bob.node}", kind=Kind.CONTACT_SAVED)
        if bob is None or bob.deltachat_contact is None:
            await self.say_whose()

    async def say_whose(self) -> None:
        """Let Anna say which app is Bob's."""
        asked = await self.anna.asks("/contact deltachat bob", "Which of these is bob's own Delta Chat?")
        self.anna.says(number_of("Bob", asked))
        await asyncio.to_thread(self.anna.reads, "now prove who is calling")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory, server: MailServer, rpc: Rpc) -> AsyncIterator[Both]:
    folder: Path = tmp_path_factory.mktemp("bots")
    async with owners(folder, server, rpc, "Anna") as (anna,):
        bob = await asyncio.to_thread(App, rpc, server, "Bob")
        bot = await asyncio.to_thread(meet, anna.app, anna.chat, bob)
        async with friend(folder, bob, bot) as somebody:
            yield Both(anna, somebody)


@pytest_asyncio.fixture(loop_scope="module")
async def strangers(running: Both) -> AsyncIterator[Both]:
    """Anna and Bob. Her bot knows neither his node nor his app."""
    await running.meet_as_strangers()
    yield running
    await _end_all(running)


@pytest_asyncio.fixture(loop_scope="module")
async def both(running: Both) -> AsyncIterator[Both]:
    """Anna and Bob. Her bot knows his node and his app, his calls ring, and hers ring his app."""
    await running.meet_as_friends()
    await running.anna.bot.asked("/contact ring bob", kind=Kind.CONTACT_RINGS)
    await running.anna.bot.asked("/contact program bob deltachat", kind=Kind.CONTACT_PROGRAM)
    yield running
    await _end_all(running)


async def _end_all(both: Both) -> None:
    """End what a test has left."""
    await as_before(both.anna.bot)
    lines = list(both.bob.carries.lines)
    for line in lines:
        both.bob.carries.switchboard.hang_up(line)
    await over(*lines)
    both.bob.carries.posts.clear()
    both.bob.rpc.clear_all_events(both.bob.app.number)


async def test_without_an_overlay_address_of_a_contact_nothing_is_answered_and_the_owner_learns_what_bob_needs(
    strangers: Both,
) -> None:
    anna, bob = strangers.anna, strangers.bob
    _, call = await bob.calls(anna.bot.id)
    said = await asyncio.to_thread(anna.reads, "call button")
    assert "Bob called me" in said
    assert "/contact add NAME NODE-ID" in said
    assert bob.state(call) == "Alerting"
    bob.rpc.end_call(bob.app.number, call)


async def test_the_first_call_from_a_contacts_node_rings_as_unproven_and_asks_whose_app_it_is(
    strangers: Both,
) -> None:
    anna, bob = strangers.anna, strangers.bob
    await anna.asks(f"/contact add bob {bob.node}", "Saved")
    await anna.asks("/contact trust bob", "answered")
    line, call = await bob.calls(anna.bot.id)
    rings = await asyncio.to_thread(anna.reads, "is calling (video) with Delta Chat")
    assert "Nothing proves who it is" in rings
    asked = await asyncio.to_thread(anna.reads, "The call names bob's address")
    anna.says(number_of("Answer", rings))
    accepted = await bob.event("OutgoingCallAccepted", call)
    answer = await bob.takes(accepted["accept_call_info"])
    assert {str(candidate.address) for candidate in answer.candidates} == {str(loopback_address(anna.bot.id))}
    await active((bob.carries, line))
    await anna.bot.call("active")
    anna.says(number_of("This is bob", asked))
    await asyncio.to_thread(anna.reads, "now prove who is calling")
    bob.carries.switchboard.hang_up(line)
    assert (await anna.bot.call("ended"))["reason"] == "remote-hung-up"
    await over(line)


async def test_once_the_owner_has_said_whose_app_it_is_its_calls_prove_who_calls(both: Both) -> None:
    anna, bob = both.anna, both.bob
    await anna.asks("/contact trust bob", "answered")
    line, call = await bob.calls(anna.bot.id, video=False)
    accepted = await bob.event("OutgoingCallAccepted", call)
    answer = await bob.takes(accepted["accept_call_info"])
    assert [section.kind for section in answer.sections if not section.rejected] == ["audio", "application"]
    await active((bob.carries, line))
    up = await anna.bot.call("active")
    assert (up["program"], up["with"]) == ("deltachat", "bob")
    anna.says("/hangup")
    await bob.event("CallEnded", call)
    await over(line)
    assert (await anna.bot.call("ended"))["reason"] == "hung-up"


async def test_a_proven_app_whose_offer_names_no_address_of_its_node_is_not_answered(both: Both) -> None:
    anna, bob = both.anna, both.bob
    await anna.bot.asked("/contact trust bob", kind=Kind.CONTACT_TRUSTED)
    line = await bob.carries.switchboard.place(anna.bot.id, Media.BOTH, program="deltachat")
    await bob.carries.until(lambda: bool(bob.carries.posts))
    elsewhere = bob.carries.posts.pop().replace(str(loopback_address(bob.node)), "203.0.113.7")
    call = bob.rings(elsewhere)
    assert "bob's node" in await asyncio.to_thread(anna.reads, "call button")
    assert bob.state(call) == "Alerting"
    bob.rpc.end_call(bob.app.number, call)
    bob.carries.switchboard.hang_up(line)
    await over(line)


async def test_a_call_that_bob_takes_back_stops_ringing(both: Both) -> None:
    anna, bob = both.anna, both.bob
    line, call = await bob.calls(anna.bot.id)
    rings = await asyncio.to_thread(anna.reads, "bob is calling (video) with Delta Chat.")
    assert "Nothing proves" not in rings
    bob.rpc.end_call(bob.app.number, call)
    assert (await anna.bot.call("ended"))["reason"] == "remote-cancelled"
    bob.carries.switchboard.hang_up(line)
    await over(line)


async def test_what_the_owner_declines_is_over_in_bobs_app(both: Both) -> None:
    anna, bob = both.anna, both.bob
    line, call = await bob.calls(anna.bot.id)
    rings = await asyncio.to_thread(anna.reads, "bob is calling (video) with Delta Chat.")
    anna.says(number_of("Decline", rings))
    await bob.event("CallEnded", call)
    assert bob.state(call) == "Declined"
    assert (await anna.bot.call("ended"))["reason"] == "declined"
    bob.carries.switchboard.hang_up(line)
    await over(line)


async def test_whom_the_owner_blocks_learns_nothing(both: Both) -> None:
    anna, bob = both.anna, both.bob
    line, call = await bob.calls(anna.bot.id)
    rings = await asyncio.to_thread(anna.reads, "bob is calling (video) with Delta Chat.")
    anna.says(number_of("Block", rings))
    await anna.bot.call("ended")
    await asyncio.to_thread(anna.reads, "bob is blocked")
    again = bob.rings("v=0")
    await anna.asks("/contact ring bob", "will ring")
    assert [bob.state(each) for each in (call, again)] == ["Alerting", "Alerting"]
    for each in (call, again):
        bob.rpc.end_call(bob.app.number, each)
    bob.carries.switchboard.hang_up(line)
    await over(line)


async def test_a_call_to_a_contact_marked_so_rings_their_app(both: Both) -> None:
    anna, bob = both.anna, both.bob
    await anna.bot.asked("/contact program bob copybara", kind=Kind.CONTACT_PROGRAM)
    await anna.asks("/contact program bob deltachat", "ring their Delta Chat")
    assert "Calling bob (video): it rings in their Delta Chat." in await anna.asks("/call bob", "Calling bob")
    incoming = await bob.event("IncomingCall")
    assert incoming["has_video"]
    offer = incoming["place_call_info"]
    assert set(re.findall(r"127\.\d+\.\d+\.\d+", offer)) == {str(loopback_address(anna.bot.id))}
    line, answer = await bob.answers(offer, anna.bot.id)
    bob.rpc.accept_incoming_call(bob.app.number, incoming["msg_id"], answer)
    await active((bob.carries, line))
    assert (await anna.bot.call("active"))["program"] == "deltachat"
    anna.says("/hangup")
    await bob.event("CallEnded", incoming["msg_id"])
    await over(line)
    await anna.bot.call("ended")


async def test_bob_declines_in_his_app(both: Both) -> None:
    anna, bob = both.anna, both.bob
    anna.says("/call bob audio")
    incoming = await bob.event("IncomingCall")
    assert not incoming["has_video"]
    bob.rpc.end_call(bob.app.number, incoming["msg_id"])
    assert (await anna.bot.call("ended"))["reason"] == "remote-declined"


async def test_a_call_that_the_owner_takes_back_stops_ringing_in_bobs_app(both: Both) -> None:
    anna, bob = both.anna, both.bob
    anna.says("/call bob")
    incoming = await bob.event("IncomingCall")
    anna.says("/hangup")
    assert (await anna.bot.call("ended"))["reason"] == "cancelled"
    await bob.event("CallEnded", incoming["msg_id"])
    assert bob.state(incoming["msg_id"]) == "Missed"


async def test_an_answer_that_names_no_address_of_the_node_ends_the_call(both: Both) -> None:
    anna, bob = both.anna, both.bob
    anna.says("/call bob")
    incoming = await bob.event("IncomingCall")
    line, answer = await bob.answers(incoming["place_call_info"], anna.bot.id)
    elsewhere = answer.replace(str(loopback_address(bob.node)), "203.0.113.7")
    bob.rpc.accept_incoming_call(bob.app.number, incoming["msg_id"], elsewhere)
    ended = await anna.bot.call("ended")
    assert ended["reason"] == "failed"
    assert "overlay" in await asyncio.to_thread(anna.reads, "failed")
    await bob.event("CallEnded", incoming["msg_id"])
    bob.carries.switchboard.hang_up(line)
    await over(line)


async def test_the_owner_can_say_whose_app_is_whose_and_take_it_back(both: Both) -> None:
    anna = both.anna
    asked = await anna.asks("/contact deltachat bob", "Which of these is bob's own Delta Chat?")
    anna.says(number_of("None of them", asked))
    await asyncio.to_thread(anna.reads, "No Delta Chat is bob's")
    assert "/contact deltachat bob" in await anna.asks("/call bob", "don't know which Delta Chat")
    await both.say_whose()
    assert "key " in await anna.asks("/contact show bob", "deltachat")


async def test_a_call_that_rang_at_a_kill_rings_again_and_one_that_was_up_is_over_in_bobs_app(both: Both) -> None:
    anna, bob = both.anna, both.bob
    line, call = await bob.calls(anna.bot.id)
    await asyncio.to_thread(anna.reads, "bob is calling (video) with Delta Chat.")
    await anna.bot.call("ringing")
    assert await anna.bot.signalled(signal.SIGKILL) == -signal.SIGKILL
    await anna.bot.begin()
    rings = await asyncio.to_thread(anna.reads, "bob is calling (video) with Delta Chat.")
    assert bob.state(call) == "Alerting"
    anna.says(number_of("Answer", rings))
    accepted = await bob.event("OutgoingCallAccepted", call)
    await bob.takes(accepted["accept_call_info"])
    await active((bob.carries, line))
    await anna.bot.call("active")

    assert await anna.bot.signalled(signal.SIGKILL) == -signal.SIGKILL
    await anna.bot.begin()
    await bob.event("CallEnded")
    bob.carries.switchboard.hang_up(line)
    await over(line)
