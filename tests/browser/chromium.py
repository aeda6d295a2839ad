"""Debian's Chromium, driven by playwright, and what its pages tell about a call.

The page is watched from outside: its RTCPeerConnections and its WebSocket are those of the browser, wrapped before any
of the page's own scripts run. What is measured so doesn't depend on how the page is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import time
import wave
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar

import ifaddr
import pytest

PATIENCE = 60.0
"Seconds for what should happen soon; the machine may be busy."

LOOK_SECONDS = 0.1
"Between two looks at a page: getStats has no event to wait for."

OUT_OF_STEP = 300.0
"Milliseconds of the sender's clock by which sound and picture may differ here. A busy machine delays sound a lot."

READABLE = ":not([data-settles]), [data-settled]"
"A button that can be pressed now, see settled.js."

ENOUGH = {"video": 5.0, "audio": 9600.0}
"Frames and samples that can't all have been under way before."

PHONE = {"width": 360, "height": 640}
"A small one's window."

HEADLESS_SHELL = "chromium-headless-shell"

BOTH_DEVICES = ("camera", "microphone")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
    "--auto-select-tab-capture-source-by-title=Copybara",
]

QUIET_FLAGS = [
    "--disable-features=MediaRouter,WebRtcHideLocalIpsWithMdns",
]
"""What the browser does by itself has no part in what our page does: it asks its maker's servers for this and that, and
joins the multicast group of mDNS, without sending anything to it, as soon as any page makes an RTCPeerConnection."""

LONELY_FLAGS = ["--allow-loopback-in-peer-connection"]
"On a machine with no network but loopback Chromium makes no connection at all without it."

WATCH = """
(() => {
  const connections = [];
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...parameters) { super(...parameters); this.made = parameters[0] ?? null; connections.push(this); }
  };
  const sockets = [];
  const NativeSocket = window.WebSocket;
  window.WebSocket = class extends NativeSocket {
    constructor(...parameters) {
      super(...parameters);
      sockets.push(this);
      this.heard = [];
      this.addEventListener("message", (event) => this.heard.push(JSON.parse(event.data)));
      this.addEventListener("close", (event) => { this.closedWith = event.code; });
    }
  };
  const stats = async () => {
    const live = connections.filter((each) => each.connectionState !== "closed");
    const connection = live[live.length - 1];
    if (!connection) return {state: "none", connections: connections.length};
    const found = {state: connection.connectionState, connections: connections.length, at: performance.now()};
    for (const each of (await connection.getStats()).values()) {
      const last = found[`in_${each.kind}`]?.lastPacketReceivedTimestamp ?? 0;
      if (each.type === "inbound-rtp" && (each.lastPacketReceivedTimestamp ?? 0) >= last)
        found[`in_${each.kind}`] = each;
      if (each.type === "outbound-rtp") found[`out_${each.kind}`] = each;
    }
    return found;
  };
  const heard = () => {
    const connection = connections.filter((each) => each.connectionState === "connected").pop();
    return connection.getReceivers().find((each) => each.track.kind === "audio").track;
  };
  const listen = async (seconds, track = heard()) => {
    // Pitch and loudness of what is heard, from the decoded sound.
    const context = new AudioContext();
    await context.resume();
    const analyser = context.createAnalyser();
    analyser.fftSize = 32768;
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let loudest = 0;
    const end = performance.now() + seconds * 1000;
    while (performance.now() < end) {
      await new Promise((done) => setTimeout(done, 100));
      analyser.getFloatTimeDomainData(samples);
      loudest = Math.max(loudest, ...samples.subarray(-8192).map(Math.abs));
    }
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    let best = 1;
    for (let bin = 2; bin < bins.length; bin++) if (bins[bin] > bins[best]) best = bin;
    const answer = {hertz: best * context.sampleRate / analyser.fftSize, loudest};
    await context.close();
    return answer;
  };
  window.watched = {connections, sockets, stats, listen, pressed: 0, keptKey: false};
  // The page tells other tabs, and so us, that the browser has kept the home's key.
  new BroadcastChannel("copybara-key").addEventListener("message", () => { watched.keptKey = true; });
  // A click that a deaf button swallows doesn't come so far.
  window.addEventListener("click", () => { watched.pressed += 1; });
})();
"""


def require_chromium(*, windowless: bool = False) -> str:
    """Where Chromium is. Skips the test where it is missing, with what to install.

    `windowless`: the same engine without the windows, tabs and extensions around it, if that is installed. A page costs
    a third of the processor time there. It asks nobody: who opens it has allowed both devices.
    """
    path = (shutil.which(HEADLESS_SHELL) if windowless else None) or shutil.which("chromium")
    missing = "chromium isn't installed (Debian: apt-get install chromium)" if path is None else ""
    try:
        import playwright.async_api  # noqa: F401
    except ImportError:
        missing = missing or "playwright isn't installed (pip install playwright)"
    if missing:
        pytest.skip(missing)
    assert path is not None
    return path


def _only_loopback() -> bool:
    return all(
        ip_address(str(ip.ip[0] if ip.is_IPv6 else ip.ip).partition("%")[0]).is_loopback
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    )


KNOWN = """
(() => {
  const heard = watched.sockets.at(-1)?.heard ?? [];
  const came = (type) => heard.some((each) => each.type === type);
  return came("hello") && (watched.keptKey || !came("home-key"));
})()
"""
"Whether the page may be left and come back: the browser has kept the home's key, now or before."


class Browser:
    """One browser of one person, with as many pages as they open."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.problems: list[str] = []
        "What pages wrote into their consoles as errors."

    async def open(self, address: str, *scripts: str) -> PageView:
        """Open an address in a new page; `scripts` run before any of the page's own."""
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("console", lambda message: self._console(message.type, message.text))
        for script in (WATCH, *scripts):
            await page.add_init_script(script)
        view = PageView(page)
        await page.goto(address)
        return view

    def _console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.problems.append(text)


class PageView:
    """A page, looked at from outside."""

    def __init__(self, page: Any) -> None:
        self.page = page

    # What a person does.

    async def reload(self) -> None:
        """Load the page again, once the browser has kept what lets it in."""
        await self.known()
        await self.page.reload()

    async def known(self) -> None:
        """Wait until the browser has kept the home's key: a page that is left before that has expired."""
        await until(lambda: self.page.evaluate(KNOWN), "the browser to keep the key")

    async def place(self, whom: str, media: str = "video") -> None:
        """Type who is meant, and press the button."""
        await self.page.locator("#whom").fill(whom)
        await self.press("Video call" if media == "video" else "Audio call")

    async def pastes(self, text: str, field: str = "whom") -> None:
        """Paste into this field, or, if there is none of that name, on the page."""
        await self.page.evaluate(
            """([text, field]) => {
              const clipboardData = new DataTransfer();
              clipboardData.setData("text/plain", text);
              const pasted = new ClipboardEvent("paste", { clipboardData, cancelable: true, bubbles: true });
              (document.getElementById(field) ?? document.body).dispatchEvent(pasted);
            }""",
            [text, field],
        )

    async def answer(self, media: str = "video") -> None:
        """Answer the call that rings."""
        await self.click(self.page.locator(f"#answer-{media}"))

    async def can_be_pressed(self, *ids: str) -> None:
        """Wait until buttons have been seen for long enough."""
        for each in ids:
            await self.page.locator(f"#{each}[data-settled]").wait_for(timeout=PATIENCE * 1000)

    async def write(self, text: str) -> None:
        """Write a line beside the call."""
        line = self.page.locator("#write")
        if not await line.is_visible():
            await self.page.locator("#c-chat").click()
        await line.fill(text)
        await line.press("Enter")

    async def press(self, name: str | re.Pattern[str]) -> None:
        """Press the button of that name."""
        await self.click(self.page.get_by_role("button", name=name, exact=isinstance(name, str)).first)

    async def click(self, button: Any) -> None:
        """Press a button, once a person can have read it: until then some are deaf. If it was all the same, again."""
        await button.wait_for(timeout=PATIENCE * 1000)
        # As a person would: to where nothing that stays at the window's edge covers it.
        await button.evaluate('button => button.scrollIntoView({block: "center"})')
        before = await self.page.evaluate("watched.pressed")
        while await self.page.evaluate("watched.pressed") == before:
            await button.and_(self.page.locator(READABLE)).click()

    async def shows(self, text: str) -> None:
        """Wait until a text can be seen."""
        seen = self.page.get_by_text(text).filter(visible=True).first
        await seen.wait_for(state="visible", timeout=PATIENCE * 1000)

    async def says(self, kind: str) -> str:
        """Wait until what has that kind can be read, and return its words."""
        said = self.page.locator(f'[data-kind="{kind}"]').filter(visible=True).first
        await said.wait_for(state="visible", timeout=PATIENCE * 1000)
        return str(await said.inner_text())

    # What a page of ours says, without the page: for what no page would do.

    async def say(self, **message: Any) -> None:
        """Send a message to the program, as the page does."""
        await self.page.evaluate("message => watched.sockets.at(-1).send(JSON.stringify(message))", message)

    async def heard(self, kind: str, /, **values: Any) -> dict[str, Any]:
        """The latest message of a kind with those values that the program has sent, when it is there."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = [
                each
                for each in await self._heard()
                if each["type"] == kind and all(each.get(name) == value for name, value in values.items())
            ]
            return bool(found)

        await until(there, f"the message {kind} {values}")
        return found[-1]

    async def call(self, state: str) -> dict[str, Any]:
        """The newest call, once it is in this state."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            messages = await self.page.evaluate("watched.sockets.at(-1)?.heard ?? []")
            calls = [each for each in messages if each["type"] == "call"]
            for hello in (each for each in messages if each["type"] == "hello"):
                calls = [*hello["calls"], *calls]
            found[:] = calls[-1:]
            return bool(calls) and calls[-1]["state"] == state

        await until(there, f"a call that is {state}", lambda: str(found))
        return found[0]

    async def remote(self, **sends: bool) -> None:
        """Wait until the page is told that the other side sends this."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = [each["remote"] for each in await self._heard() if each["type"] == "remote-media"][-1:]
            return found == [sends]

        await until(there, f"the other side to send {sends}", lambda: str(found))

    async def pictures_change(self, before: dict[str, Any]) -> None:
        """Wait until the pictures that arrive have another size than those in an earlier `in_video`."""

        async def changed() -> bool:
            now = (await self.stats()).get("in_video") or {}
            return (now.get("frameWidth"), now.get("frameHeight")) != (before["frameWidth"], before["frameHeight"])

        await until(changed, "pictures of another size")

    async def pictures_are(self, width: int, height: int) -> None:
        """Wait until the pictures that arrive have this size: a browser sends smaller ones until it knows the path."""
        seen: list[object] = []

        async def are() -> bool:
            seen[:] = [_size(await self.stats(), "in_video")]
            return seen == [(width, height)]

        await until(are, f"pictures of {width} by {height}", lambda: str(seen))

    async def pictures_come_as_sent_by(self, other: PageView) -> None:
        """Wait until pictures arrive in the size in which the other's browser sends them."""
        seen: list[object] = []

        async def same() -> bool:
            seen[:] = _size(await self.stats(), "in_video"), _size(await other.stats(), "out_video")
            return seen[0] == seen[1] != (None, None)

        await until(same, "pictures as they are sent", lambda: str(seen))

    async def _heard(self) -> list[dict[str, Any]]:
        return list(await self.page.evaluate("watched.sockets.flatMap((each) => each.heard)"))

    async def stats(self) -> dict[str, Any]:
        """What the newest connection has counted."""
        return dict(await self.page.evaluate("watched.stats()"))

    async def receives(self, *kinds: str, seconds: float = PATIENCE) -> float:
        """Wait until a few pictures and a fifth of a second of sound more are decoded, of one and the same stream.

        Returns how many seconds it took.
        """
        began = time.monotonic()
        first: dict[str, tuple[object, float]] = {}
        now: dict[str, Any] = {}

        async def rises() -> bool:
            nonlocal now
            now = await self.stats()
            risen = []
            for kind in kinds:
                stream = now.get("connections"), (now.get(f"in_{kind}") or {}).get("ssrc")
                decoded = _decoded(now, kind)
                if kind not in first or first[kind][0] != stream or decoded < first[kind][1]:
                    first[kind] = stream, decoded
                risen.append(decoded - first[kind][1] >= ENOUGH[kind])
            return all(risen)

        await until(rises, f"decoded {' and '.join(kinds)}", lambda: str(now), seconds=seconds)
        return time.monotonic() - began

    async def in_step(self) -> None:
        """Wait until sound and picture are played together: Chromium tells when each is once it keeps them in step."""

        async def together() -> bool:
            now = await self.stats()
            sound, picture = (now[f"in_{kind}"].get("estimatedPlayoutTimestamp") for kind in ("audio", "video"))
            return bool(sound and picture) and abs(sound - picture) < OUT_OF_STEP

        await until(together, "sound and picture in step")

    async def silent(self, kind: str) -> None:
        """Wait until nothing of a kind comes any more: the same count twice, a second apart."""

        async def stands() -> bool:
            before = await self.stats()
            await asyncio.sleep(1)
            return _decoded(await self.stats(), kind) == _decoded(before, kind)

        await until(stands, f"no {kind}")

    async def listen(self, seconds: float = 1.5) -> tuple[float, float]:
        """The strongest frequency of what is heard, in hertz, and its loudest sample, 0 to 1."""
        heard = await self.page.evaluate("seconds => watched.listen(seconds)", seconds)
        return heard["hertz"], heard["loudest"]

    async def hears(self, hertz: float | None = None, *, seconds: float = 2.5) -> None:
        """Wait until something is heard; with `hertz`, until it is that tone. A busy machine may break one."""
        found = [0.0, 0.0]

        async def there() -> bool:
            found[:] = await self.listen(seconds)
            return found[1] > 0.01 and (hertz is None or abs(found[0] - hertz) < 5)

        await until(there, "something to be heard", lambda: str(found))

    async def hears_nothing(self) -> None:
        """Wait until a second and a half of what is heard is silence."""

        async def silence() -> bool:
            return (await self.listen(1.5))[1] < 0.001

        await until(silence, "silence")


def _size(stats: dict[str, Any], stream: str) -> tuple[object, object]:
    """Width and height of the latest picture."""
    found = stats.get(stream) or {}
    return found.get("frameWidth"), found.get("frameHeight")


def _decoded(stats: dict[str, Any], kind: str) -> float:
    """Decoded pictures, or samples that weren't made up for lack of packets."""
    inbound = stats.get(f"in_{kind}") or {}
    if kind == "video":
        return float(inbound.get("framesDecoded") or 0)
    return float(inbound.get("totalSamplesReceived") or 0) - float(inbound.get("concealedSamples") or 0)


async def looked_at(page: Any, expression: str) -> Any:
    """The value of some JavaScript in a page of playwright, without the gesture that playwright makes of each look."""
    session = await page.context.new_cdp_session(page)
    try:
        answer = await session.send("Runtime.evaluate", {"expression": expression, "returnByValue": True})
        return answer["result"].get("value")
    finally:
        await session.detach()


async def until_seen(page: Any, expression: str) -> None:
    """Wait until some JavaScript is true, without a gesture."""
    await until(lambda: looked_at(page, expression), expression)


async def until(
    there: Callable[[], Any], what: str, seen: Callable[[], str] = str, *, seconds: float = PATIENCE
) -> None:
    """Look until something is there. A browser's counters have no event."""
    deadline = time.monotonic() + seconds
    while not await there():
        if time.monotonic() > deadline:
            raise AssertionError(f"It took more than {seconds:.0f} s: {what}. {seen()}")
        await asyncio.sleep(LOOK_SECONDS)


class Chromiums:
    """The Chromiums of somebody, one for each command line; starting one takes as long as many a test."""

    shared: ClassVar[Chromiums | None] = None
    "Those that the tests of a file share, in that file; see ONE_CHROMIUM."

    def __init__(self, playwright: Any, *, windowless: bool = False) -> None:
        """`windowless` as in `require_chromium`, for pages that want no more."""
        self.windowless = windowless
        self._playwright = playwright
        self._started: dict[tuple[str, ...], Any] = {}

    async def started(
        self,
        path: str,
        flags: list[str],
        speaker: Mapping[str, str] | None = None,
        desktop: Mapping[str, str] | None = None,
    ) -> Any:
        """A Chromium with these flags; `speaker` and `desktop` as in `browser`."""
        known = self._started.get(key := (path, *flags))
        if known is None or not known.is_connected():
            known = self._started[key] = await self._playwright.chromium.launch(
                executable_path=path,
                args=[*flags, *(() if desktop else ("--headless",))],
                headless=desktop is None,
                ignore_default_args=["--mute-audio"] if speaker or desktop else None,
                env={**os.environ, **(speaker or {}), **(desktop or {})},
            )
        return known

    async def close(self) -> None:
        """End them all."""
        for each in self._started.values():
            await each.close()


@contextlib.asynccontextmanager
async def chromiums(*, windowless: bool = False) -> AsyncIterator[Chromiums]:
    """None yet, and none any more afterwards."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        there = Chromiums(playwright, windowless=windowless)
        try:
            yield there
        finally:
            await there.close()


ONE_CHROMIUM = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("shared_chromiums")]
"For `pytestmark`: the tests of a file share a Chromium, each with cookies, permissions and pages of its own."

ONE_HEADLESS_SHELL = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("shared_headless_shells")]
"The same, without windows."


@contextlib.asynccontextmanager
async def browser(
    folder: Path | None = None,
    on: Callable[..., list[str]] | None = None,
    camera: Path | None = None,
    speaker: Mapping[str, str] | None = None,
    allowed: Sequence[str] = BOTH_DEVICES,
    server: str = "127.0.0.1",
    desktop: Mapping[str, str] | None = None,
    *,
    phone: bool = False,
    whole: bool = False,
) -> AsyncIterator[Browser]:
    """A Chromium with a camera and a microphone that aren't real, and its own rules for what may be heard.

    `allowed` is what the person has allowed the page. With `screen` they pick one when the browser asks.

    `on` makes a command line that runs a command on another host; a script in `folder` then stands for the browser,
    which may connect to `server` only.
    `camera` is a film for the camera, see faces.py. `speaker` is the environment of a sound server on which the browser
    is heard, see PulseServer.played_into; without one nothing is. Who is heard says nothing: the made-up microphone's
    beeps would pass for any note. `desktop` is the environment of a screen and a session bus, for a browser that has a
    window there and obeys the media keys; without one it has none. With `phone` it is used with a finger.
    `whole`: all of Chromium also where the tests of a file share its engine alone, which shows no notifications.
    """
    shared = Chromiums.shared if speaker is desktop is on is None else None
    windowless = shared is not None and shared.windowless and allowed == BOTH_DEVICES and not whole
    path = require_chromium(windowless=windowless)
    if on is not None:
        assert folder is not None
        script = folder / "chromium-there"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(on(path))} "$@"\n')
        script.chmod(0o755)
        path = str(script)
    quiet = [f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {server}", *QUIET_FLAGS]
    flags = [*FLAGS, *(quiet if on else ()), *(LONELY_FLAGS if _only_loopback() else ())]
    if "screen" in allowed or path.endswith(HEADLESS_SHELL):
        flags.append("--use-fake-ui-for-media-stream")
    if camera is not None:
        flags.append(f"--use-file-for-fake-video-capture={camera}")
    async with contextlib.AsyncExitStack() as alone:
        if shared is not None:
            chromium = await shared.started(path, flags)
        else:
            own = await alone.enter_async_context(chromiums())
            if speaker is not None:
                assert folder is not None
                flags.append(f"--use-file-for-fake-audio-capture={_silence(folder)}")
            chromium = await own.started(path, flags, speaker, desktop)
        hand: dict[str, Any] = {"has_touch": True, "is_mobile": True, "viewport": PHONE} if phone else {}
        context = await chromium.new_context(permissions=[each for each in allowed if each != "screen"], **hand)
        try:
            context.set_default_timeout(PATIENCE * 1000)
            yield Browser(context)
        finally:
            await context.close()


def _silence(folder: Path) -> Path:
    """A second of it, as a microphone that a browser takes."""
    path = folder / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(bytes(2 * 48_000))
    return path
