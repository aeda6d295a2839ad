"""Chromium and Firefox accept our answers and offers, whatever addresses their own offers had."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from peer.transport.profile import VideoCodec
from peer.transport.sdp.candidates import ports_at
from peer.transport.sdp.negotiation import accept_answer, accept_offer
from peer.transport.sdp.reading import read_description
from peer.transport.sdp.writing import write_answer, write_offer
from shared.media import Media
from tests.browser.chromium import PageView, browser
from tests.browser.firefox import firefox
from tests.peer.media.pulse_server import PulseServer, need_pulseaudio
from tests.peer.transport.sdp.descriptions import OVERLAY, PORTS, own_side, sixty_candidates, with_candidates
from tests.programs import need

CODECS = frozenset(VideoCodec)

OFFER = """
async () => {
  window.made = new RTCPeerConnection();
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  for (const track of stream.getTracks()) made.addTrack(track, stream);
  made.createDataChannel("channel", {negotiated: true, id: 123});
  await made.setLocalDescription(await made.createOffer());
  return made.localDescription.sdp.split("\\r\\n").filter((line) => !line.startsWith("a=candidate")).join("\\r\\n");
}
"""

TAKE = """
async (sdp) => {
  await made.setRemoteDescription({type: "answer", sdp});
  return made.getTransceivers().map((each) => each.currentDirection);
}
"""

ANSWER = """
async (sdp) => {
  window.made = new RTCPeerConnection();
  const stream = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  for (const track of stream.getTracks()) made.addTrack(track, stream);
  made.createDataChannel("channel", {negotiated: true, id: 123});
  await made.setRemoteDescription({type: "offer", sdp});
  await made.setLocalDescription(await made.createAnswer());
  return made.localDescription.sdp;
}
"""


@asynccontextmanager
async def page_of(kind: str, folder: Path) -> AsyncIterator[PageView]:
    """A page of that browser, from this machine, so that it may use the microphone."""
    async with AsyncExitStack() as stack:
        from aiohttp import web

        async def blank(_: web.Request) -> web.Response:
            return web.Response(text="<!doctype html><title>blank</title>", content_type="text/html")

        application = web.Application()
        application.router.add_get("/", blank)
        runner = web.AppRunner(application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        if kind == "firefox":
            need_pulseaudio()
            need("firefox-esr", packages="firefox-esr")
            sound = PulseServer(folder)
            await stack.enter_async_context(sound.running("room"))
            opened = await stack.enter_async_context(firefox(folder, sound))
        else:
            opened = await stack.enter_async_context(browser())
        yield await opened.open(address)


@pytest.mark.skipif(sys.platform != "linux", reason="the browsers of these tests are Debian's")
@pytest.mark.parametrize("kind", ["chromium", "firefox"])
async def test_our_descriptions_are_taken_by_browsers(kind: str, tmp_path: Path) -> None:
    async with page_of(kind, tmp_path) as page:
        theirs = with_candidates(await page.page.evaluate(f"({OFFER.strip()})()"), sixty_candidates())
        description = read_description(theirs)
        assert sorted(ports_at(description.candidates, OVERLAY)) == sorted(PORTS)
        answer = write_answer(own_side(), description, accept_offer(description, Media.BOTH, CODECS))
        assert await page.page.evaluate(TAKE, answer) == ["sendrecv", "sendrecv"]

        offered = write_offer(own_side("200:1111::7"), Media.BOTH, CODECS)
        taken = read_description(await page.page.evaluate(ANSWER, offered.sdp))
        agreement = accept_answer(taken, offered.asked, offered.channel)
        assert agreement.media is Media.BOTH
        assert agreement.variant.video is VideoCodec.VP8
        assert agreement.channel is not None
