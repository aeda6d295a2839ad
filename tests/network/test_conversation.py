"""A conversation of three on three machines: each pair uses only the overlay, and sends nothing before both agree.

Bob on B talks to Anna on A and to Carol on C, who don't know each other. He swaps the two calls and merges them. Then a
file is sent, a call is recorded, and he leaves. The captures cover both ends of each wire and the overlay on each
machine.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from bot.kinds import Kind
from tests.bot.console import Chat, befriend, connect
from tests.bot.test_conversations import agreed
from tests.bot.test_files import arrives, written
from tests.bot.test_recording import grows, has_frames, recordings
from tests.network.calls import Caller, flow_of, settings
from tests.network.capture import Capture, Conversation, capture
from tests.network.conftest import skip_without_namespaces
from tests.network.namespaces import hosts_around_r
from tests.network.overlay import OverlayNode
from tests.network.yggdrasil import YggdrasilNetwork, YggdrasilNode, yggdrasil_network

pytestmark = pytest.mark.slow

NAMES = ("anna", "bob", "carol")

Seen = list[tuple[YggdrasilNode, Capture]]


@pytest_asyncio.fixture(loop_scope="session")
async def three_leaves(tmp_path: Path) -> AsyncIterator[YggdrasilNetwork]:
    """A, B and C. They reach each other only through R."""
    skip_without_namespaces("yggdrasil")
    (tmp_path / "network").mkdir()
    async with hosts_around_r("c") as hosts, yggdrasil_network(hosts, tmp_path / "network") as network:
        yield network


@asynccontextmanager
async def three_people(network: YggdrasilNetwork, folder: Path) -> AsyncIterator[list[Caller]]:
    """Run one person on each leaf. What they wrote is checked at the end."""
    chat = Chat()
    everybody = [
        Caller(name, folder, chat, node, settings(node)) for name, node in zip(NAMES, network.leaves, strict=True)
    ]
    try:
        await asyncio.gather(*(person.begin() for person in everybody))
        yield everybody
        for person in everybody:
            assert await person.signalled(signal.SIGTERM) == 0
            person.check()
    finally:
        for person in everybody:
            if person.running:
                person.process.kill()
                await person.gone()


@contextmanager
def captured(network: YggdrasilNetwork) -> Iterator[tuple[Seen, Seen]]:
    """Capture both ends of each leaf's wire and each leaf's overlay device during the block."""
    with ExitStack() as stack:
        wires, overlays = [], []
        for leaf, at_r in zip(network.leaves, network.hosts.r.wires, strict=True):
            for host, device in ((leaf.host, leaf.host.wire.device), (network.hosts.r, at_r.device)):
                wires.append((leaf, stack.enter_context(capture(host, device))))
            overlays.append((leaf, stack.enter_context(capture(leaf.host, leaf.device))))
        yield wires, overlays


def exchanged(seen: Capture, other: OverlayNode) -> int:
    """The number of packets to and from another node's address."""
    return sum(
        volume.packets for flow, volume in seen.flows.items() if other.address in (flow.source, flow.destination)
    )


def flows(person: Caller) -> list[Conversation]:
    """The UDP flows of all calls of a program, as it reports them."""
    calls = [said for said in person.said if said["type"] == "call" and said["local"] and said["remote"]]
    return [*dict.fromkeys(map(flow_of, calls))]


async def test_of_a_conversation_every_pair_touches_nothing_but_the_overlay(
    three_leaves: YggdrasilNetwork, tmp_path: Path
) -> None:
    network = three_leaves
    with captured(network) as (wires, overlays):
        async with three_people(network, tmp_path) as (anna, bob, carol):
            for other in (anna, carol):
                await befriend(other, bob)

            # Two calls: first one is on hold, and then the other.
            await connect(anna, bob)
            await bob.asked("/hold", kind=Kind.ON_HOLD)
            await connect(carol, bob)
            await bob.hears_more("carol")
            bob.write("/swap anna")
            await carol.told(kind=Kind.HELD)
            await bob.hears_more("anna")

            # A person who hasn't agreed yet sends nothing and gets nothing.
            await bob.asked("/merge", kind=Kind.CONVERSATION_ASKING)
            await agreed(anna)
            await carol.told("bob", kind=Kind.CONVERSATION_ASKED)
            assert exchanged(overlays[0][1], carol.at) == exchanged(overlays[2][1], anna.at) == 0
            for person, other in ((anna, carol), (carol, anna)):
                assert other.node[:8] not in str(person.said)
                assert str(other.at.address) not in str(person.said)

            await carol.asked("/agree", kind=Kind.CONVERSATION_AGREED)
            await anna.told("“carol”", kind=Kind.CONVERSATION_JOINED)
            await carol.told("“anna”", kind=Kind.CONVERSATION_JOINED)
            for person, other in itertools.permutations((anna, bob, carol), 2):
                await person.hears_more(name(person, other))

            # A file between two of them, and a recording of the call of the other two, who are strangers.
            bob.write(f"/send carol: {written(tmp_path, 'notes.bin', 500_000)}")
            await carol.told("notes.bin", kind=Kind.FILE_OFFERED)
            carol.write("/files accept 1")
            assert (await arrives(carol))["size"] == 500_000
            await anna.asked(f"/record {carol.node}", kind=Kind.RECORDING_STARTED)
            await carol.told(kind=Kind.RECORDING_BY_THEM)
            await grows(anna, 1)
            await anna.asked(f"/record stop {carol.node}", kind=Kind.RECORDING_STOPPED)
            await has_frames(recordings(anna)[0])

            bob.write("/hangup")
            await anna.told("bob has left", kind=Kind.CONVERSATION_LEFT)
            await anna.hears_more(name(anna, carol))
            await carol.hears_more(name(carol, anna))
            anna.write("/hangup")
            await carol.told("hung up", kind=Kind.ENDED)

    for leaf, wire in wires:
        assert wire.leaks(leaf.peering) == []
    for (_, seen), person in zip(overlays, (anna, bob, carol), strict=True):
        assert seen.leaks(*flows(person)) == []
    for (own, seen), (others, _) in itertools.permutations(overlays, 2):
        assert exchanged(seen, others) > 20, f"{own.host.name} and {others.host.name}"


def name(person: Caller, other: Caller) -> str:
    """The name that one person uses for another. Bob is a contact of all; the others aren't contacts of each other."""
    return other.name if "bob" in (person.name, other.name) else f"node {other.node[:8]}…"
