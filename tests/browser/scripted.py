"""The real server of the handset page, with a script behind it that sends the page what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bot.kinds import STATES
from peer.handset.late_server import listening_socket
from peer.handset.page import Page, Pages
from peer.handset.protocol import (
    Act,
    Adding,
    Call,
    CantStart,
    Contact,
    Done,
    Explain,
    Explained,
    FileTaken,
    FromPage,
    Hello,
    Link,
    LogEntry,
    NoOverlay,
    Overlay,
    Quality,
    Report,
    SaveFile,
    Sends,
    ToPage,
)
from peer.handset.server import HandsetServer
from peer.handset.shown_link import shown_address, shown_link
from shared.call.table import State
from shared.errors import CallRefused
from tests.browser import faces
from tests.browser.chromium import PATIENCE, Browser, PageView, browser, until
from tests.browser.pictures import LOOKS, look_like, taken

AXE = Path(__file__).parent / "node" / "node_modules" / "axe-core" / "axe.min.js"

HOME_KEY = bytes(range(32))

TALKED = 754
"How long a call has lasted, in seconds: 12:34."

NOW = int(time.time()) - TALKED
"When everything happened."

NODE = "h8syf1xcv3rveegh00p89ew8sqbzkr4ckpjz3zs4xxr5tvf4hs4g"
ANNA = "mc5221af8k6zrx5q850bhqjjx2n1jx9nn2jy1vv62n7gkvhcdat0"
BOB = "j393v036y264hp9aj6egjck35exwr1ertmsdv11zdqh92rkakjz0"
CARD = (
    "FQEg_NFX7UX2B0ehDTe1VbDQGX1BKaCznW5ct-434dCps5MCIF3y5nAgcl1nQXAJgNB2gfLJ4MFy42w03CdcP8YUf0lLAwfEiGV2YWxvBA5jb3B5"
    "YmFyYS5hemVybwUMY29weWJhcmFfYm90BggAAAAAB1vNFTpbtmE"
)
"The card in docs/protocol.md."

TOKEN = "EQNrBWTOxoLfLWp-RZEQ7R4S-NB3L2OzSeW3gFVAROYSzDDA523zOrJeZyABuYOd"
PATH = "Over Yggdrasil, from 200:b1c4:80a1:77d2::1 to 201:7e10:94f2:5cc8::1. No other address is used."


REPORT = Report(
    id=1,
    state="active",
    reason=None,
    detail=None,
    with_="anna",
    node=ANNA,
    role="callee",
    media="video",
    paired=True,
    program="copybara",
    proven=True,
    automatic=False,
    phrase=None,
    connect_ms=180,
    first_audio_ms=220,
    first_video_ms=310,
    dialled_at=float(NOW),
    first_media_at=float(NOW),
    seconds=float(TALKED),
    audio_packets_received=37_700,
    video_packets_received=52_800,
    bytes_received=57_000_000,
    packets_sent=88_000,
    bytes_sent=55_000_000,
    audio_gaps=0,
    lost=3,
    jitter_ms=4.0,
    round_trip_ms=38.0,
    local="[200:b1c4:80a1:77d2::1]:40000",
    remote="[201:7e10:94f2:5cc8::1]:40001",
    refused={},
)
"The report of a good call."


def call(number: int, state: Any, **changed: Any) -> Call:
    """A call with the contact anna. `changed` are other values."""
    values: dict[str, Any] = {
        "id": number,
        "state": state,
        "kind": STATES[State(state)],
        "sentence": f"The call is {state}.",
        "name": "anna",
        "contact": "anna",
        "node": ANNA,
        "role": "callee",
        "media": "video",
        "trust": "contact",
        "proven": True,
        "trust_words": "In your contacts. The link was sealed with a key that only the two of you have.",
        "automatic": False,
        "remote_automatic": False,
        "rings_there": False,
        "handset": True,
        "endpoint": "handset",
        "phrase": "boil direct round noise",
        "paired": True,
        "echo": False,
        "connected_at": NOW if state in ("active", "reconnecting") else None,
        "expires": NOW + 600,
        "path": PATH if state in ("active", "reconnecting") else "",
        "remote": None,
        "report": REPORT,
    }
    return Call(**(values | changed))


def quality(number: int) -> Quality:
    """The last second of a good call."""
    return Quality(
        call=number,
        seconds=float(TALKED),
        round_trip_ms=38.0,
        loss_percent=0.0,
        jitter_ms=4.0,
        received_kbps=612.0,
        sent_kbps=587.0,
        audio_packets_received=37_700,
        video_packets_received=52_800,
        lost=3,
    )


def contact(name: str, node: str, **changed: Any) -> Contact:
    """A contact whose calls ring."""
    values: dict[str, Any] = {"trust": "ring", "media": "video", "trust_words": "rings when they call", "paired": True}
    return Contact(name=name, node=node, **(values | changed))


def logged(name: str, reason: str, **changed: Any) -> LogEntry:
    """A call of the log, without a contact."""
    values: dict[str, Any] = {
        "node": ANNA,
        "contact": None,
        "role": "callee",
        "media": "video",
        "started": NOW,
        "seconds": None,
        "sentence": f"{name}: {reason}.",
        "automatic": False,
    }
    return LogEntry(name=name, reason=reason, **(values | changed))


def sends(audio: bool = True, video: bool = True, screen: bool = False) -> Sends:
    """What the other side sends."""
    return Sends(audio=audio, video=video, screen=screen)


def greeting(**changed: Any) -> Hello:
    """The first message to a page: two contacts, no call."""
    values: dict[str, Any] = {
        "version": "0.1.0",
        "node": NODE,
        "name": "me",
        "overlay": Overlay("Yggdrasil", "200:b1c4:80a1:77d2::1", connected=True),
        "card": shown_link(CARD),
        "contacts": [
            contact("anna", ANNA),
            contact("bob", BOB, trust="auto", trust_words="answered automatically (video), 08:00-22:00"),
        ],
        "calls": [],
        "log": [],
        "texts": [],
        "links": [],
    }
    return Hello(**(values | changed))


def adding(name: str, **changed: Any) -> Adding:
    """A device that is being added, and has come: its code is to be compared."""
    values: dict[str, Any] = {
        "link": shown_address("https://[200:b1c4:80a1:77d2::1]:8766/#pair=Qm9iIGlzIHlvdXIgdW5jbG"),
        "authority": ":".join(["A7"] * 32),
        "gives_up": "",
        "visitor": "201:7e10:94f2:5cc8::8",
        "code": "042917",
    }
    return Adding(name=name, **(values | changed))


def link() -> Link:
    """A link to send."""
    return shown_link(TOKEN)


@dataclass
class Script:
    """Records the page's requests, and replies that they are done."""

    greeting: Hello | NoOverlay | CantStart
    heard_messages: list[FromPage] = field(default_factory=list)
    explained: Explained | None = None
    problems: dict[type, tuple[str, str]] = field(default_factory=dict)
    "The errors with which requests of a kind are refused."

    pieces: list[bytes] = field(default_factory=list)
    "The pieces of files that the page sends."

    address: str = ""
    "The address of any file that the browser wants."

    slow: bool = False
    "Whether it acknowledges no pieces."

    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def hello(self, page: Page) -> Hello | NoOverlay | CantStart:
        """See Listener."""
        return self.greeting

    async def heard(self, page: Page, message: FromPage) -> None:
        """See Listener."""
        self.heard_messages.append(message)
        self.news.set()
        if isinstance(message, Explain):
            assert self.explained is not None
            page.send(msgspec.structs.replace(self.explained, id=message.id))
        elif message.id is not None and type(message) in self.problems:
            sentence, hint = self.problems[type(message)]
            page.problem(CallRefused(sentence), hint, about=message.id)
        elif message.id is not None:
            address = self.address if isinstance(message, SaveFile) else ""
            page.send(Done(id=message.id, call=1 if isinstance(message, Act) else None, address=address))

    def took(self, page: Page, data: bytes) -> None:
        """See Listener."""
        self.pieces.append(data)
        if self.slow:
            return
        number, size = int.from_bytes(data[:4]), sum(len(each) - 4 for each in self.pieces if each[:4] == data[:4])
        page.send(FileTaken(upload=number, bytes=size))

    def left(self, page: Page) -> None:
        """See Listener."""


@dataclass
class Theatre:
    """A page in a browser, and the script behind it."""

    script: Script
    pages: Pages
    server: HandsetServer
    browser: Browser
    view: PageView
    requests: list[str]
    stop: Callable[[], Awaitable[None]]
    "End the program, as far as the page can tell."

    @property
    def page(self) -> Any:
        """Playwright's page."""
        return self.view.page

    def tell(self, *messages: ToPage) -> None:
        """Send messages to the page."""
        for message in messages:
            self.pages.send(message)

    async def wants(self, kind: type[FromPage], **values: Any) -> FromPage:
        """Wait until the page has made this request, since the last look."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for number, message in enumerate(self.script.heard_messages):
                    fits = msgspec.structs.asdict(message)
                    if isinstance(message, kind) and all(fits[name] == value for name, value in values.items()):
                        del self.script.heard_messages[: number + 1]
                        return message
                self.script.news.clear()
                await self.script.news.wait()

    async def until(self, expression: str) -> None:
        """Wait until this JavaScript is true. The page's own policy forbids playwright to wait there."""
        await until(lambda: self.page.evaluate(expression), expression)

    async def focused(self) -> str:
        """The id, or else the name, of the element with the focus."""
        return str(
            await self.page.evaluate(
                "(at => at.id || at.getAttribute('aria-label') || at.textContent.trim())(document.activeElement)"
            )
        )

    async def can_be_used(self) -> None:
        """Check that axe-core finds nothing, nothing is wider than the window, and nothing came from anywhere else."""
        if AXE.exists() and not await self.page.evaluate("'axe' in window"):
            # Through the debugger, because the page's own policy forbids foreign scripts.
            await self.page.evaluate(AXE.read_text())
        if AXE.exists():
            found = await self.page.evaluate(
                """async () => (await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa",
                "wcag22aa", "best-practice"], resultTypes: ["violations"]})).violations
                .map((each) => [each.id, each.help, each.nodes.map((node) => node.target.join(" ")).slice(0, 4)])"""
            )
            assert found == [], found
        wide = await self.page.evaluate(
            """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
            .filter((each) => each.getBoundingClientRect().right > innerWidth)
            .map((each) => each.id || each.outerHTML)"""
        )
        assert wide == [], wide
        origin = f"http://127.0.0.1:{self.server.session.port}/"
        foreign = [url for url in self.requests if not url.startswith((origin, "data:", f"blob:{origin}"))]
        assert foreign == [], foreign


@contextlib.asynccontextmanager
async def theatre(
    hello: Hello | NoOverlay | CantStart | None = None,
    *,
    fragment: str = "",
    explained: Explained | None = None,
    errors: bool = False,
    allowed: Sequence[str] = ("camera", "microphone"),
    untouched: Sequence[str] = (),
    desktop: Mapping[str, str] | None = None,
    phone: bool = False,
    whole: bool = False,
) -> AsyncIterator[Theatre]:
    """Open the page. With `errors`, its console may have some: a browser writes one for each lost connection.

    `untouched` are scripts to run before the page's own. With them, nothing is done that counts as a gesture; see
    `looked_at`. `desktop`, `phone` and `whole` are those of `browser`.
    """
    pages, script = Pages(), Script(hello or greeting(), explained=explained)
    server = HandsetServer(pages, script, listening_socket(0), HOME_KEY)
    async with contextlib.AsyncExitStack() as running, contextlib.AsyncExitStack() as there:
        await running.enter_async_context(server.running())
        chromium = await there.enter_async_context(
            browser(camera=faces.camera(faces.BOB), allowed=allowed, desktop=desktop, phone=phone, whole=whole)
        )
        requests: list[str] = []
        chromium.context.on("request", lambda request: requests.append(request.url))
        view = await chromium.open(server.session.address + fragment.replace("#", "&"), *untouched)
        if untouched:
            await until(lambda: _come(pages), "the page to connect")
        else:
            first = script.greeting
            await (view.known() if isinstance(first, Hello) else view.heard(str(first.__struct_config__.tag)))
        yield Theatre(script, pages, server, chromium, view, requests, running.aclose)
        assert errors or not chromium.problems, chromium.problems


async def _come(pages: Pages) -> bool:
    return pages.current is not None


async def everywhere(play: Theatre, name: str) -> None:
    """Examine a state in each look, and take its pictures."""
    for look in LOOKS:
        await look_like(play.page, look)
        await play.can_be_used()
        await taken(play.page, f"{name}-{look}")
    await look_like(play.page, "light")
