"""An overlay that goes away, changes and comes back during a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from peer.overlay import Overlay
from peer.overlay.interfaces import Interface, ThisMachine
from peer.overlay.staex import StaexOverlay
from peer.overlay.watch import OverlayState, OverlayWatch
from shared.config.schema import Staex
from shared.errors import BadAddress, OverlayDown
from tests.peer.media.fixed_machine import MACHINE
from tests.peer.overlay.staex_service import THEM, US, answering, http, listening
from tests.peer.own_namespace import in_own_namespace, ip

SOON = 5
"Seconds; a change was seen within 0.2."
NEVER = 3600


class Said:
    """What the node says; a test changes it."""

    def __init__(self) -> None:
        self.node = US
        self.address = "10.83.0.1"
        self.asked = 0

    def answer(self, target: str) -> bytes:
        self.asked += 1
        return http(f'"{self.address if "resolve" in target else self.node}"'.encode())


@asynccontextmanager
async def watched(watch: OverlayWatch) -> AsyncIterator[asyncio.Queue[OverlayState]]:
    """The states that the watch reports while the block runs."""
    states: asyncio.Queue[OverlayState] = asyncio.Queue()
    watching = asyncio.create_task(watch.run(states.put))
    try:
        yield states
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def bring_up(address: str) -> None:
    for line in ("tuntap add dev staex0 mode tun", f"addr add {address}/24 dev staex0", "link set staex0 up"):
        ip(line)


def test_the_device_and_the_address_going_and_coming_is_noticed_at_once() -> None:
    async def work() -> None:
        said = Said()
        bring_up("10.83.0.1")
        async with listening(answering(said.answer)) as api:
            overlay: Overlay = StaexOverlay(Staex(api=api), ThisMachine())
            # The node isn't asked now and then in this test, so only the kernel's word can bring a change about.
            watch = OverlayWatch(overlay, while_up=NEVER, while_down=NEVER)
            async with watched(watch) as states:

                async def next_state() -> OverlayState:
                    return await asyncio.wait_for(states.get(), SOON)

                first = await next_state()
                assert (first.node, first.address, first.interface) == (US, IPv4Address("10.83.0.1"), "staex0")
                assert first.up
                assert watch.require() == first

                ip("link del staex0")
                gone = await next_state()
                assert not gone.up
                assert gone.node == US
                with pytest.raises(OverlayDown, match="no network device of this machine carries"):
                    watch.require()

                waiting = asyncio.create_task(watch.until_up())
                bring_up("10.83.0.1")
                again = await next_state()
                assert replace(again, device=first.device) == first
                # What was bound to the first one has to be bound anew.
                assert None not in (first.device, again.device)
                assert first.device != again.device
                await asyncio.wait_for(waiting, SOON)
                await watch.until_up()

                said.address = "10.83.1.1"
                ip("addr add 10.83.1.1/24 dev staex0")
                ip("addr del 10.83.0.1/24 dev staex0")
                assert (await next_state()).address == IPv4Address("10.83.1.1")

                ip("link set staex0 down")
                assert isinstance((await next_state()).error, OverlayDown)
                ip("link set staex0 up")
                assert (await next_state()).up
                assert states.empty()

    in_own_namespace(work)


class NoticingMachine(ThisMachine):
    """Tells when its devices are looked at."""

    def __init__(self) -> None:
        self.looked = asyncio.Event()

    def interfaces(self) -> tuple[Interface, ...]:
        self.looked.set()
        return super().interfaces()


def test_what_happens_to_other_devices_does_not_trouble_the_node() -> None:
    async def work() -> None:
        said = Said()
        bring_up("10.83.0.1")
        async with listening(answering(said.answer)) as api:
            machine = NoticingMachine()
            watch = OverlayWatch(StaexOverlay(Staex(api=api), ThisMachine()), machine, while_up=NEVER, while_down=NEVER)
            async with watched(watch) as states:
                assert (await asyncio.wait_for(states.get(), SOON)).up
                asked = said.asked
                ip("link add net0 type veth peer name net1")
                await asyncio.wait_for(machine.looked.wait(), SOON)
                ip("link del staex0")
                assert not (await asyncio.wait_for(states.get(), SOON)).up
                assert said.asked == 2 * asked

    in_own_namespace(work)


async def test_a_node_that_stops_answering_is_noticed_and_so_is_its_return() -> None:
    said = Said()
    async with listening(answering(said.answer)) as api:
        watch = OverlayWatch(StaexOverlay(Staex(api=api), MACHINE), MACHINE, while_up=0.05, while_down=0.05)
        async with watched(watch) as states:
            assert (await asyncio.wait_for(states.get(), SOON)).up
            said.address = ""
            assert not (await asyncio.wait_for(states.get(), SOON)).up
            said.address = "8.8.8.8"
            assert isinstance((await asyncio.wait_for(states.get(), SOON)).error, BadAddress)
            said.address = "10.83.0.1"
            assert (await asyncio.wait_for(states.get(), SOON)).up


async def test_a_node_with_another_key_is_not_followed() -> None:
    said = Said()
    async with listening(answering(said.answer)) as api:
        watch = OverlayWatch(StaexOverlay(Staex(api=api), MACHINE), MACHINE)
        assert (await watch.check()).up
        said.node = THEM
        assert not (await watch.check()).up
        with pytest.raises(
            OverlayDown, match=f"another one than at the start .{THEM.short}…, not {US.short}…."
        ) as other:
            watch.require()
        assert "old key" in other.value.hint
        said.node = US
        assert (await watch.check()).up


async def test_before_it_was_asked_the_overlay_counts_as_down() -> None:
    watch = OverlayWatch(StaexOverlay(Staex(), MACHINE), MACHINE)
    with pytest.raises(OverlayDown, match="hasn't been asked yet"):
        watch.require()
