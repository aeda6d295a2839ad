"""Calls with aiortc's own RTCPeerConnection by pasted SDP over Yggdrasil: both roles, and nothing else on the wires."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bot.console import SECONDS, Chat
from tests.network import other_program
from tests.network.calls import Caller, captures, endpoint, settings
from tests.network.capture import Capture, Kind
from tests.network.namespaces import Namespace
from tests.network.yggdrasil import YggdrasilNetwork

PROGRAM = Path(other_program.__file__)
ROOT = PROGRAM.parents[2]


class Other:
    """The other program. It runs on a host."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: list[dict[str, Any]] = []

    def do(self, **asked: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")

    async def until(self, key: str, value: object = None) -> Any:
        """Wait for an event, also if it has come before."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while True:
                for event in self.seen:
                    if key in event and value in (None, event[key]):
                        return event[key]
                line = await self._process.stdout.readline()
                assert line, "the other program has ended"
                self.seen.append(json.loads(line))


@asynccontextmanager
async def other_on(host: Namespace) -> AsyncIterator[Other]:
    async with host.process(
        sys.executable, PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    ) as process:
        yield Other(process)


@asynccontextmanager
async def anna_on(network: YggdrasilNetwork, folder: Path) -> AsyncIterator[Caller]:
    anna = Caller("anna", folder, Chat(), network.a, settings(network.a))
    await anna.begin()
    try:
        yield anna
    finally:
        anna.process.terminate()
        await anna.gone()
    anna.check()


async def talk(anna: Caller, other: Other) -> dict[str, Any]:
    """Check that sound, picture and text pass both ways, and return Anna's report."""
    report = await anna.media()
    await other.until("frames", "audio")
    await other.until("frames", "video")
    await other.until("state", "open")
    other.do(write="hello from there")
    await anna.told("hello from there")
    await anna.asked("/say and  hello to you", kind="call.text-sent")
    await other.until("text", "and  hello to you")
    return report


def only_these_two(overlay: Capture, report: dict[str, Any]) -> None:
    """Check that all packets passed between the two nodes' addresses, and that ours came from the call's one port.

    The other program has a port for each section until it knows that the sections share one, and tries each port.
    """
    ours, theirs = endpoint(report["local"]), endpoint(report["remote"])
    for flow in overlay.flows:
        assert {flow.source, flow.destination} == {ours[0], theirs[0]}, str(flow)
        if flow.kind is Kind.UDP:
            assert ours in ((flow.source, flow.source_port), (flow.destination, flow.destination_port)), str(flow)


async def test_a_pasted_offer_rings_and_is_answered(yggdrasil: YggdrasilNetwork, tmp_path: Path) -> None:
    with captures(yggdrasil) as seen:
        async with anna_on(yggdrasil, tmp_path) as anna, other_on(yggdrasil.b.host) as other:
            other.do(offer=None)
            offer = await other.until("sdp")
            assert "whose" in await anna.asked(offer)
            await anna.asked(f"/contact add bob {yggdrasil.b.node_id}", kind="contact.saved")
            rings = await anna.asked(offer, kind="call.rings")
            assert "bob is calling (video) with another program. Nothing proves who it is" in rings
            anna.write("/answer")
            answer = await anna.posted("chat", "v=0")
            other.do(take=answer["text"])
            report = await talk(anna, other)
            assert report["program"] == "sdp"
            await anna.asked(offer, kind="link.already-used")
            anna.write("/hangup")
            await anna.call("ended")
            await other.until("state", "closed")
    assert seen.leaks == []
    only_these_two(seen.overlay_a, report)
    assert answer["text"].count(str(yggdrasil.a.address)) >= 3
    assert "192.168." not in answer["text"]


async def test_our_offer_is_answered_by_another_program(yggdrasil: YggdrasilNetwork, tmp_path: Path) -> None:
    with captures(yggdrasil) as seen:
        async with anna_on(yggdrasil, tmp_path) as anna, other_on(yggdrasil.b.host) as other:
            await anna.asked(f"/contact add bob {yggdrasil.b.node_id}", kind="contact.saved")
            anna.write("/sdp offer bob")
            offer = await anna.posted("chat", "v=0")
            other.do(answer=offer["text"])
            answer = json.dumps({"type": "answer", "sdp": await other.until("sdp")})
            anna.write(answer)
            report = await talk(anna, other)
            other.do(close=None)
            ended = await anna.call("ended")
            assert ended["reason"] == "remote-hung-up"
    assert seen.leaks == []
    only_these_two(seen.overlay_a, report)
