"""Calls on real overlays touch the overlay and nothing else, from the programs' start to their end.

What may be on the wires is one TCP connection: the overlay node's own, to R. What may be on the overlay's device is
the UDP flow of each call, one port on either side.
"""

from __future__ import annotations

from pathlib import Path

from bot.demo.node import Said
from tests.bot.console import ring
from tests.network.calls import (
    Caller,
    UdpSocket,
    answered,
    called,
    captures,
    ended,
    endpoint,
    flow_of,
    save,
    two_people,
)
from tests.network.conftest import Way


async def test_calls_touch_nothing_but_the_overlay(way: Way, tmp_path: Path) -> None:
    network = way.network
    a, b = network.a, network.b
    with captures(network) as seen:
        async with two_people(network, tmp_path, command=way.command) as (anna, bob):
            assert (anna.node, bob.node) == (str(a.node_id), str(b.node_id))
            await no_socket(anna, bob)

            await called(anna, bob)
            await one_socket(anna)
            await no_socket(bob)
            assert seen.overlay_a.flows == seen.overlay_b.flows == {}
            first = await answered(anna, bob)
            await both_have_one_socket(anna, bob, first)
            await save(anna, bob)
            await ended(anna, bob)
            await no_socket(anna, bob)

            before = seen.overlay_a.volume().packets
            await ring(bob, anna)
            assert seen.overlay_a.volume().packets == before
            await no_socket(anna)
            second = await answered(bob, anna)
            await both_have_one_socket(bob, anna, second)
            await ended(bob, anna)
            await no_socket(anna, bob)

    assert seen.leaks == []
    flows_a = flow_of(first[0]), flow_of(second[1])
    flows_b = flow_of(first[1]), flow_of(second[0])
    for overlay, flows in ((seen.overlay_a, flows_a), (seen.overlay_b, flows_b)):
        assert overlay.leaks(*flows) == []
        assert len(overlay.flows) == 4, "two calls, each one flow there and one back"
        assert all(overlay.volume(flow).packets > 20 for flow in flows)
    assert all(wire.volume().packets > 20 for wire in (seen.wire_a, seen.wire_b))


async def no_socket(*people: Caller) -> None:
    for person in people:
        assert await person.udp() == []


async def one_socket(person: Caller) -> UdpSocket:
    """The only UDP socket of the host. It must be bound to the overlay."""
    (udp,) = await person.udp()
    assert (udp.address, udp.device) == (person.at.address, person.at.device)
    return udp


async def both_have_one_socket(caller: Caller, callee: Caller, reports: tuple[Said, Said]) -> None:
    """Check that both hosts have only the socket in the report. The report names both ends as this node sees them."""
    ports = {person: (await one_socket(person)).port for person in (caller, callee)}
    for person, peer, report in ((caller, callee, reports[0]), (callee, caller, reports[1])):
        assert endpoint(report["local"]) == (person.at.address, ports[person])
        assert endpoint(report["remote"]) == (person.at.address_of(peer.at), ports[peer])
