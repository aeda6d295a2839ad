"""`python -m tests.vectors.sdp.make` records offers of the installed Chromium.

firefox-offer.sdp is printed in the article about the original Copybara. deltachat-offer.sdp comes from Delta Chat's
call page, and aiortc-offer.sdp from the RTCPeerConnection of aiortc 1.16, with documentation addresses. This script
makes none of these three.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

FOLDER = Path(__file__).parent

OFFERS = {
    "audio-video-channel": "{audio: true, video: true}",
    "audio": "{audio: true}",
}

OFFER = """
async (constraints) => {
  const stream = await navigator.mediaDevices.getUserMedia(constraints);
  const connection = new RTCPeerConnection();
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
  connection.createDataChannel("channel", {negotiated: true, id: 123});
  return (await connection.createOffer()).sdp;
}
"""


async def main() -> None:
    """Write all of them."""
    from aiohttp import web

    from tests.browser.chromium import browser

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>blank</title>", content_type="text/html")

    application = web.Application()
    application.router.add_get("/", blank)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with browser() as chromium:
        page = (await chromium.open(f"http://127.0.0.1:{runner.addresses[0][1]}/")).page
        for what, constraints in OFFERS.items():
            sdp = await page.evaluate(f"({OFFER.strip()})({constraints})")
            (FOLDER / f"chromium-{what}.sdp").write_bytes(sdp.encode())
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
