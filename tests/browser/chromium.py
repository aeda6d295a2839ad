"""Debian's Chromium, driven by playwright, and what its pages show of a call.

The page is watched from outside: its RTCPeerConnections and its WebSocket are the browser's own, wrapped before the
page's scripts run. So the measurements don't depend on how the page is written.
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
"The limit in seconds for something that should happen soon, on a machine that may be busy."

LOOK_SECONDS = 0.1
"How often to look at a page, because getStats has no event."

OUT_OF_STEP = 300.0
"How many milliseconds sound and picture may differ here, by the sender's clock. A busy machine delays sound a lot."

READABLE = ":not([data-settles]), [data-settled]"
"A button that can be pressed now, see settled.js."

ENOUGH = {"video": 5.0, "audio": 9600.0}
"So many frames and samples that not all can have been on their way before."

PHONE = {"width": 360, "height": 640}
"The window of a small phone."

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
"""Switches off what the browser does on its own: it contacts its maker's servers, and joins the multicast group of
mDNS, without sending anything to it, when a page makes an RTCPeerConnection."""

LONELY_FLAGS = ["--allow-loopback-in-peer-connection"]
"Without this, Chromium makes no connection on a machine that has only loopback."

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
    """The path of Chromium. Skips the test if it is missing, and says what to install.

    `windowless`: the same engine without windows, tabs and extensions, if that is installed. A page takes a third of
    the processor time there. It asks no questions: it acts as if both devices were allowed.
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
"Whether the page may be left and reopened: the browser has stored the home's key, now or before."


class Browser:
    """One person's browser, with any number of pages."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.problems: list[str] = []
        "Errors in the pages' consoles."

    async def open(self, address: str, *scripts: str) -> PageView:
        """Open an address in a new page. `scripts` run before the page's own."""
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
    """A page, seen from outside."""

    def __init__(self, page: Any) -> None:
        self.page = page

    # What a person does.

    async def reload(self) -> None:
        """Reload the page, once the browser has stored the key that lets it in."""
        await self.known()
        await self.page.reload()

    async def known(self) -> None:
        """Wait until the browser has stored the home's key. A page that is left before that has expired."""
        await until(lambda: self.page.evaluate(KNOWN), "the browser to keep the key")

    async def place(self, whom: str, media: str = "video") -> None:
        """Type a name, and press the button."""
        await self.page.locator("#whom").fill(whom)
        await self.press("Video call" if media == "video" else "Audio call")

    async def pastes(self, text: str, field: str = "whom") -> None:
        """Paste into this field or, if there is none with that name, on the page."""
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
        """Answer the ringing call."""
        await self.click(self.page.locator(f"#answer-{media}"))

    async def can_be_pressed(self, *ids: str) -> None:
        """Wait until buttons have been visible for long enough."""
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
        """Press the button with that name."""
        await self.click(self.page.get_by_role("button", name=name, exact=isinstance(name, str)).first)

    async def click(self, button: Any) -> None:
        """Press a button once a person can have read it, because some ignore earlier presses.

        If it did, press it again.
        """
        await button.wait_for(timeout=PATIENCE * 1000)
        # As a person would: where nothing at the window's edge covers it.
        await button.evaluate('button => button.scrollIntoView({block: "center"})')
        before = await self.page.evaluate("watched.pressed")
        while await self.page.evaluate("watched.pressed") == before:
            await button.and_(self.page.locator(READABLE)).click()

    async def shows(self, text: str) -> None:
        """Wait until a text is visible."""
        seen = self.page.get_by_text(text).filter(visible=True).first
        await seen.wait_for(state="visible", timeout=PATIENCE * 1000)

    async def says(self, kind: str) -> str:
        """Wait until the sentence of that kind is visible. Returns its words."""
        said = self.page.locator(f'[data-kind="{kind}"]').filter(visible=True).first
        await said.wait_for(state="visible", timeout=PATIENCE * 1000)
        return str(await said.inner_text())

    # Messages of our page without the page, for what no page would do.

    async def say(self, **message: Any) -> None:
        """Send a message to the program, as the page does."""
        await self.page.evaluate("message => watched.sockets.at(-1).send(JSON.stringify(message))", message)

    async def heard(self, kind: str, /, **values: Any) -> dict[str, Any]:
        """Wait for the program's latest message of a kind with those values."""
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
        """Wait until the page knows that the other side sends this."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = [each["remote"] for each in await self._heard() if each["type"] == "remote-media"][-1:]
            return found == [sends]

        await until(there, f"the other side to send {sends}", lambda: str(found))

    async def pictures_change(self, before: dict[str, Any]) -> None:
        """Wait until arriving pictures have another size than in an earlier `in_video`."""

        async def changed() -> bool:
            now = (await self.stats()).get("in_video") or {}
            return (now.get("frameWidth"), now.get("frameHeight")) != (before["frameWidth"], before["frameHeight"])

        await until(changed, "pictures of another size")

    async def pictures_are(self, width: int, height: int) -> None:
        """Wait until arriving pictures have this size. A browser sends smaller ones until it knows the path."""
        seen: list[object] = []

        async def are() -> bool:
            seen[:] = [_size(await self.stats(), "in_video")]
            return seen == [(width, height)]

        await until(are, f"pictures of {width} by {height}", lambda: str(seen))

    async def pictures_come_as_sent_by(self, other: PageView) -> None:
        """Wait until pictures arrive in the size in which the other browser sends them."""
        seen: list[object] = []

        async def same() -> bool:
            seen[:] = _size(await self.stats(), "in_video"), _size(await other.stats(), "out_video")
            return seen[0] == seen[1] != (None, None)

        await until(same, "pictures as they are sent", lambda: str(seen))

    async def _heard(self) -> list[dict[str, Any]]:
        return list(await self.page.evaluate("watched.sockets.flatMap((each) => each.heard)"))

    async def stats(self) -> dict[str, Any]:
        """The counters of the newest connection."""
        return dict(await self.page.evaluate("watched.stats()"))

    async def receives(self, *kinds: str, seconds: float = PATIENCE) -> float:
        """Wait until a few more pictures and a fifth of a second of sound are decoded, all of one stream.

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
        """Wait until sound and picture are played together.

        Chromium reports when each is, once it synchronizes them.
        """

        async def together() -> bool:
            now = await self.stats()
            sound, picture = (now[f"in_{kind}"].get("estimatedPlayoutTimestamp") for kind in ("audio", "video"))
            return bool(sound and picture) and abs(sound - picture) < OUT_OF_STEP

        await until(together, "sound and picture in step")

    async def silent(self, kind: str) -> None:
        """Wait until nothing of a kind arrives any more: the same count twice, a second apart."""

        async def stands() -> bool:
            before = await self.stats()
            await asyncio.sleep(1)
            return _decoded(await self.stats(), kind) == _decoded(before, kind)

        await until(stands, f"no {kind}")

    async def listen(self, seconds: float = 1.5) -> tuple[float, float]:
        """The strongest frequency of the sound in hertz, and its loudest sample, 0 to 1."""
        heard = await self.page.evaluate("seconds => watched.listen(seconds)", seconds)
        return heard["hertz"], heard["loudest"]

    async def hears(self, hertz: float | None = None, *, seconds: float = 2.5) -> None:
        """Wait until something is heard; with `hertz`, until it is that tone. A busy machine may break a tone."""
        found = [0.0, 0.0]

        async def there() -> bool:
            found[:] = await self.listen(seconds)
            return found[1] > 0.01 and (hertz is None or abs(found[0] - hertz) < 5)

        await until(there, "something to be heard", lambda: str(found))

    async def hears_nothing(self) -> None:
        """Wait until a second and a half of sound is silence."""

        async def silence() -> bool:
            return (await self.listen(1.5))[1] < 0.001

        await until(silence, "silence")


def _size(stats: dict[str, Any], stream: str) -> tuple[object, object]:
    """The width and height of the latest picture."""
    found = stats.get(stream) or {}
    return found.get("frameWidth"), found.get("frameHeight")


def _decoded(stats: dict[str, Any], kind: str) -> float:
    """Decoded pictures, or samples that weren't invented for lost packets."""
    inbound = stats.get(f"in_{kind}") or {}
    if kind == "video":
        return float(inbound.get("framesDecoded") or 0)
    return float(inbound.get("totalSamplesReceived") or 0) - float(inbound.get("concealedSamples") or 0)


async def looked_at(page: Any, expression: str) -> Any:
    """The value of some JavaScript in a page, without the gesture that playwright makes of each look."""
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
    """Look again and again until something is there. A browser's counters have no event."""
    deadline = time.monotonic() + seconds
    while not await there():
        if time.monotonic() > deadline:
            raise AssertionError(f"It took more than {seconds:.0f} s: {what}. {seen()}")
        await asyncio.sleep(LOOK_SECONDS)


class Chromiums:
    """A test's Chromiums, one for each command line. Starting one takes as long as many tests."""

    shared: ClassVar[Chromiums | None] = None
    "The Chromiums that the tests of a file share; see ONE_CHROMIUM."

    def __init__(self, playwright: Any, *, windowless: bool = False) -> None:
        """`windowless` is that of `require_chromium`, for pages that need no more."""
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
        """A Chromium with these flags. `speaker` and `desktop` are those of `browser`."""
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
        """End all of them."""
        for each in self._started.values():
            await each.close()


@contextlib.asynccontextmanager
async def chromiums(*, windowless: bool = False) -> AsyncIterator[Chromiums]:
    """Chromiums that are ended after the block. None is started yet."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        there = Chromiums(playwright, windowless=windowless)
        try:
            yield there
        finally:
            await there.close()


ONE_CHROMIUM = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("shared_chromiums")]
"For `pytestmark`: the tests of a file share a Chromium. Each has its own cookies, permissions and pages."

ONE_HEADLESS_SHELL = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("shared_headless_shells")]
"For `pytestmark`: the tests of a file share a Chromium without windows."


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
    """A Chromium with an artificial camera and microphone.

    `allowed` is what the person has allowed the page. With `screen` they choose one when the browser asks.

    `on` makes a command line that runs a command on another host. A script in `folder` then replaces the browser, and
    may connect only to `server`. `camera` is a film for the camera, see faces.py. `speaker` is the environment of a
    sound server that plays the browser's sound, see PulseServer.played_into; without it, nothing is played. The
    browser's own microphone is then silent, because the artificial one's beeps would count as any note. `desktop` is
    the environment of a screen and a session bus, for a browser with a window that obeys media keys; without it, it has
    none. With `phone` it is used with a finger. `whole`: a complete Chromium, even if the tests of a file share only
    its engine, which shows no notifications.
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
    """A second of silence, in a form that a browser takes as a microphone."""
    path = folder / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(bytes(2 * 48_000))
    return path
