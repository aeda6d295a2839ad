"""An overlay that disappears, changes and comes back during a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from peer.overlay import Overlay
from peer.overlay.interfaces import Interface, ThisMachine
from peer.overlay.staex import StaexOverlay
from peer.overlay.watch import PEERS_SECONDS, OverlayState, OverlayWatch
from peer.overlay.yggdrasil import YggdrasilOverlay
from shared.config.schema import Staex, Yggdrasil
from shared.errors import BadAddress, OverlayDown
from tests.peer.media.fixed_machine import MACHINE
from tests.peer.overlay import yggdrasil_service
from tests.peer.overlay.staex_service import THEM, US, answering, http, listening
from tests.peer.overlay.yggdrasil_service import myself, response
from tests.peer.own_namespace import in_own_namespace, ip

SOON = 5
"Seconds. Changes were seen within 0.2."
NEVER = 3600


class Said:
    """The answers of the node. A test changes them."""

    def __init__(self) -> None:
        self.node = US
        self.address = "10.83.0.1"
        self.asked = 0

    def answer(self, target: str) -> bytes:
        self.asked += 1
        return http(f'"{self.address if "resolve" in target else self.node}"'.encode())


@asynccontextmanager
async def watched(watch: OverlayWatch) -> AsyncIterator[asyncio.Queue[OverlayState]]:
    """The states that the watch reports during the block."""
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
            # The node isn't asked regularly in this test, so only the kernel can report a change.
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
                # Whatever was bound to the first device has to be bound again.
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
    """Reports when its devices are read."""

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


class Node:
    """What a Yggdrasil node says about itself and its peers. A test changes it."""

    def __init__(self, peers: str | None) -> None:
        self.peers = peers
        "The list as JSON. None: the node never answers that question."

        self.runs = True
        self.asked: list[str] = []

    def answer(self, request: str) -> bytes | None:
        self.asked.append(request)
        if not self.runs:
            return b""
        if request == "getself":
            return myself()
        return None if self.peers is None else response(f'{{"peers": {self.peers}}}')

    @asynccontextmanager
    async def watched(self, folder: Path, pace: float = NEVER) -> AsyncIterator[OverlayWatch]:
        """A watch of that node that asks it in this interval."""
        async with yggdrasil_service.answering(folder / "sock", self.answer) as admin:
            yield OverlayWatch(
                YggdrasilOverlay(Yggdrasil(admin=admin), MACHINE), MACHINE, while_up=pace, while_down=pace
            )


UP, TRIED = '[{"remote": "tls://a", "up": true}]', '[{"remote": "tls://a", "up": false}]'


@pytest.mark.parametrize(
    ("peers", "connected"),
    [
        ("[]", False),
        (UP, True),
        (TRIED, False),
        ('[{"up": false}, {"up": true, "inbound": true}]', True),
        # Version 0.4 lists only connected peers, and before 0.4.5 by their addresses.
        ('[{"remote": "tls://a", "uptime": 3.1}]', True),
        ('{"200::1": {"uptime": 3.1}}', None),
        ("{}", None),
        ("null", None),
    ],
)
async def test_whether_a_yggdrasil_node_is_connected_is_what_it_says_of_its_peers(
    peers: str, connected: bool | None, tmp_path: Path
) -> None:
    node = Node(peers)
    async with node.watched(tmp_path) as watch:
        state = await watch.check()
    assert (state.up, state.connected, state.alone) == (True, connected, connected is False)
    assert node.asked.count("getpeers") == 1
    assert watch.require() == state, "calls can be placed, and wait"


async def test_losing_the_last_peer_and_having_one_again_are_told(tmp_path: Path) -> None:
    node = Node(UP)
    async with node.watched(tmp_path, pace=0.05) as watch, watched(watch) as states:
        assert (await asyncio.wait_for(states.get(), SOON)).connected
        node.peers = TRIED
        assert (await asyncio.wait_for(states.get(), SOON)).alone
        node.peers = UP
        assert (await asyncio.wait_for(states.get(), SOON)).connected
        assert states.empty()


async def test_a_peer_that_reconnects_is_not_lost_and_a_node_that_comes_back_may_have_none_yet(tmp_path: Path) -> None:
    node = Node(UP)
    async with node.watched(tmp_path) as watch:
        assert (await watch.check()).connected
        node.peers = "[]"
        assert (await watch.check()).connected
        assert (await watch.check()).connected, "however often it is asked meanwhile"
        node.peers = UP
        assert (await watch.check()).connected
        node.runs = False
        down = await watch.check()
        assert (down.up, down.connected, down.alone) == (False, None, False)
        node.runs, node.peers = True, "[]"
        assert (await watch.check()).connected is None
        node.peers = UP
        assert (await watch.check()).connected


async def test_a_node_that_never_tells_its_peers_holds_nothing_up_for_long(tmp_path: Path) -> None:
    node = Node(None)
    async with node.watched(tmp_path) as watch:
        loop = asyncio.get_running_loop()
        began = loop.time()
        state = await watch.check()
        assert loop.time() - began < PEERS_SECONDS + SOON / 2
        assert (state.up, state.connected) == (True, None)
        node.peers = UP
        assert (await watch.check()).connected
        node.peers = None
        assert (await watch.check()).connected, "what was known last"


async def test_a_staex_node_does_not_say_whether_it_is_connected() -> None:
    async with listening(answering(Said().answer)) as api:
        state = await OverlayWatch(StaexOverlay(Staex(api=api), MACHINE), MACHINE).check()
    assert (state.up, state.connected, state.alone) == (True, None, False)
