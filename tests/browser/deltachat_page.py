"""The call page of Delta Chat's apps (npm `@deltachat/calls-webapp`) in a browser, with a real core, as in an app."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.bot.deltachat.world import App
from tests.browser.chromium import Browser, PageView, until, until_seen

FOLDER = Path(__file__).parent / "node" / "node_modules" / "@deltachat" / "calls-webapp" / "dist"

HOST = """
window.calls = {
  startCall: (offer) => appHost("start", offer),
  acceptCall: (answer) => appHost("accept", answer),
  endCall: () => appHost("end", ""),
  getIceServers: () => "[]",
  getAvatar: () => "",
};
window.heardOnChannels = [];
(() => {
  const create = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...parameters) {
    const channel = create.apply(this, parameters);
    channel.addEventListener("message", (event) => heardOnChannels.push([channel.id, event.data]));
    if (channel.id === 3) {
      window.renegotiation = this.createDataChannel("renegotiation", {negotiated: true, id: 5});
      window.appConnection = this;
    }
    return channel;
  };
})();
"""
"""The script that an app puts around the page, from its README. It also records what comes on the data channels, and
has the channel of Android's app."""

RESTART = """
async () => {
  appConnection.restartIce();
  await appConnection.setLocalDescription(await appConnection.createOffer());
  renegotiation.send(JSON.stringify({type: "offer", sdp: appConnection.localDescription.sdp}));
}
"""
"""What Android's app does when the network changes or the connection is lost (its WebRTCClient.java): it tries three
times if no answer comes, and then checks whether the connection works."""


def require_page() -> None:
    """Skip a test if the page isn't installed."""
    if not FOLDER.exists():
        pytest.skip("needs npm's @deltachat/calls-webapp (tests/node-packages)")


class AppPage:
    """A person's Delta Chat with its call page."""

    def __init__(self, app: App, chat: int, chromium: Browser, address: str) -> None:
        """`chat` is the chat with the person whom they call. `address` is the page's."""
        self.app = app
        self._chat = chat
        self._chromium = chromium
        self._address = address
        self._said: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.message = 0
        "The number of the call's message."
        self.view = PageView(None)

    async def begin(self) -> None:
        """Let pages talk to the app."""
        await self._chromium.context.expose_function("appHost", lambda what, text: self._said.put_nowait((what, text)))

    async def rings(self) -> None:
        """Press the call button."""
        await self._open("startCall")
        offer = await self._says("start")
        self.message = int(self.app.rpc.place_outgoing_call(self.app.number, self._chat, offer, True))

    async def connects(self) -> None:
        """Give the answer to its call to the page."""
        accepted = await self._event("OutgoingCallAccepted")
        await self.view.page.evaluate(
            "hash => { location.hash = hash; }", _hash("onAnswer", accepted["accept_call_info"])
        )

    async def answers(self) -> None:
        """Answer the incoming call."""
        self.message = 0
        incoming = await self._event("IncomingCall")
        self.message = incoming["msg_id"]
        await self._open(_hash("offerIncomingCall", incoming["place_call_info"]))
        # The button shakes, and a click would wait for the end of that.
        await self.view.page.get_by_role("button", name="Answer call").dispatch_event("click")
        self.app.rpc.accept_incoming_call(self.app.number, self.message, await self._says("accept"))

    async def hangs_up(self) -> None:
        """End the call."""
        await self.view.page.get_by_role("button", name="End call").click()
        await self._says("end")
        self.app.rpc.end_call(self.app.number, self.message)

    async def is_over(self) -> None:
        """Wait until the core says that the call has ended."""
        await self._event("CallEnded")

    async def is_told(self, said: str) -> None:
        """Wait until the page has learned, on the channel for that, what the other side sends."""

        async def there() -> bool:
            heard = await self.view.page.evaluate("heardOnChannels")
            return [3, said] in heard

        await until(there, said)

    async def restarts_ice(self) -> None:
        """Ask for a new connection beside the working one, as often as Android's app does."""
        await until_seen(self.view.page, "renegotiation.readyState === 'open'")
        for _ in range(3):
            await self.view.page.evaluate(RESTART)

    async def is_connected(self) -> None:
        """Wait until the page says that the connection works."""
        await until_seen(self.view.page, "appConnection.connectionState === 'connected'")

    async def _open(self, hash_: str) -> None:
        self.view = await self._chromium.open(f"{self._address}#{hash_}", HOST)

    async def _says(self, what: str) -> str:
        async with asyncio.timeout(60):
            while (said := await self._said.get())[0] != what:
                pass
        return said[1]

    async def _event(self, kind: str) -> dict[str, Any]:
        return await asyncio.to_thread(
            self.app.event, lambda event: event["kind"] == kind and self.message in (0, event["msg_id"])
        )


def _hash(command: str, payload: str) -> str:
    return f"{command}={quote(base64.b64encode(payload.encode()).decode(), safe='')}"
