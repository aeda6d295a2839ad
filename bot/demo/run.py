"""`copybara demo`: two people, two programs, one chat, and the results in figures.

The calls are real: two processes of `copybara run --console` with ICE, DTLS and media between them, over the loopback
overlay. The demo only provides the chat and types the messages.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bot.demo.node import DemoNode, Said
from bot.demo.screen import LEGEND, TABLE_COLUMNS, DemoConsole, DemoScreen, lines, table
from bot.kinds import Kind
from shared.errors import DemoFailed

TALK_SECONDS = 1.5
"How long each call stays connected, so that there is something to count."

MAX_LOST = 0.02
"The share of packets that two processes on one machine may lose before something is wrong."


class Demo:
    """The five scenes. Each returns its measurements, or raises DemoFailed."""

    def __init__(self, screen: DemoScreen, folder: Path) -> None:
        self.anna = DemoNode("Anna", folder / "anna", self._heard)
        self.bob = DemoNode("Bob", folder / "bob", self._heard)
        self._screen = screen

    def scenes(self) -> list[tuple[str, str, Callable[[], Awaitable[dict[str, Any]]]]]:
        """All scenes with their names and headings, in order. Each builds on those before."""
        return [
            ("first contact", "First contact: a request and a response", self.first_contact),
            ("one link", "Between contacts: one link, answered by hand", self.one_link),
            ("trusted", "Trusted: one link, answered automatically", self.trusted),
            ("declined", "Declined", self.declined),
            ("used link", "A used link, sent again", self.used_again),
        ]

    async def first_contact(self) -> dict[str, Any]:
        """Two strangers: two links, four words to compare, and both save the other as a contact."""
        anna, bob = self.anna, self.bob
        self._type(anna, f"/call {bob.node}")
        request = await anna.posted("chat")
        await bob.posted("owner", kind=Kind.STRANGER_RINGS)
        self._type(bob, "/answer")
        response = await bob.posted("chat")
        phrases = [(await node.posted("owner", kind=Kind.WORDS)) for node in (anna, bob)]
        words = {said["text"].splitlines()[0] for said in phrases}
        if len(words) != 1:
            raise DemoFailed("The two sides see different words.")
        await asyncio.sleep(TALK_SECONDS)
        self._type(anna, "/contact add bob")
        self._type(bob, "/contact add anna")
        for node in (anna, bob):
            await node.posted("owner", kind=Kind.CONTACT_SAVED)
        return await self._hung_up(anna, bob, [request, response])

    async def one_link(self) -> dict[str, Any]:
        """Two contacts: one link, and no answer in the chat."""
        self._type(self.anna, "/call bob")
        link = await self.anna.posted("chat")
        await self.bob.posted("owner", kind=Kind.RINGS)
        self._type(self.bob, "/answer")
        await self._talk()
        return await self._hung_up(self.bob, self.anna, [link])

    async def trusted(self) -> dict[str, Any]:
        """A trusted contact: no tap."""
        self._type(self.bob, "/contact trust anna")
        await self.bob.posted("owner", kind=Kind.CONTACT_TRUSTED)
        self._type(self.anna, "/call bob")
        self.last_link = link = await self.anna.posted("chat")
        await self.bob.posted("owner", kind=Kind.ANSWERED_AUTOMATICALLY)
        await self._talk()
        return await self._hung_up(self.anna, self.bob, [link])

    async def declined(self) -> dict[str, Any]:
        """The answer is a link that only the caller can read."""
        self._type(self.bob, "/call anna audio")
        call = await self.bob.posted("chat")
        await self.anna.posted("owner", kind=Kind.RINGS)
        self._type(self.anna, "/decline")
        refusal = await self.anna.posted("chat")
        ended = await self.bob.call("ended", reason="remote-declined")
        return {"links": [len(call["token"]), len(refusal["token"])], "outcome": ended["reason"]}

    async def used_again(self) -> dict[str, Any]:
        """Somebody who kept a link can't use it again."""
        calls = len(self.bob.calls)
        self._screen.say("Somebody copies the link of that last answered call and sends it to Bob's bot.")
        self.bob.write(self.last_link["text"], sender="somebody")
        self._screen.say("Silence. Bob pastes it too, to see what it is.")
        self._type(self.bob, self.last_link["text"])
        refused = await self.bob.posted("owner", kind=Kind.LINK_ALREADY_USED)
        if len(self.bob.calls) != calls:
            raise DemoFailed("A used link began a call.")
        return {"links": [len(self.last_link["token"])], "outcome": "already-used", "said": refused["text"]}

    async def _talk(self) -> None:
        for node in (self.anna, self.bob):
            await node.call("active")
        await asyncio.sleep(TALK_SECONDS)

    async def _hung_up(self, first: DemoNode, second: DemoNode, links: list[Said]) -> dict[str, Any]:
        self._type(first, "/hangup")
        ended = {first.name: await first.call("ended", reason="hung-up")}
        ended[second.name] = await second.call("ended", reason="remote-hung-up")
        for name, report in ended.items():
            received = report["audio_packets_received"] + report["video_packets_received"]
            if not (report["audio_packets_received"] and report["video_packets_received"]):
                raise DemoFailed(f"{name} received no media.")
            if report["lost"] > received * MAX_LOST:
                raise DemoFailed(f"{name} lost {report['lost']} of {received} packets.")
        # With two links the caller reads the last one, with one link the callee does.
        reader = "caller" if len(links) == 2 else "callee"
        read_at = next(report["dialled_at"] for report in ended.values() if report["role"] == reader)
        return {
            "links": [len(link["token"]) for link in links],
            "outcome": "connected",
            "people": {
                name: {
                    "first_media_ms": round((report["first_media_at"] - read_at) * 1000, 1),
                    **{key: report[key] for key in PER_PERSON},
                }
                for name, report in sorted(ended.items())
            },
        }

    def _type(self, node: DemoNode, text: str) -> None:
        self._screen.typed(node.name, text)
        node.write(text)

    def _heard(self, node: DemoNode, said: Said) -> None:
        """Handle a line of a program: show what it writes, and deliver what it posts."""
        if said["type"] == "post":
            other = self.bob if node is self.anna else self.anna
            if said["to"] == "chat":
                self._screen.posted(node.name, said["text"])
                other.write(said["text"], sender=node.name.lower())
            else:
                self._screen.told(node.name, said["text"])


PER_PERSON = (
    "connect_ms",
    "audio_packets_received",
    "video_packets_received",
    "lost",
    "round_trip_ms",
    "local",
    "remote",
    "phrase",
)


def demo(*, as_json: bool) -> int:
    """Run all scenes and print the measurements. Raises DemoFailed if something didn't happen."""
    console = DemoConsole(highlight=False, quiet=as_json)
    results = asyncio.run(_run(DemoScreen(console)))
    if as_json:
        sys.stdout.write(json.dumps({"ok": True, "scenes": results}) + "\n")
    else:
        console.print()
        if console.width >= TABLE_COLUMNS:
            console.print(table(results))
        else:
            console.print("\n".join(lines(results)), markup=False)
        console.print(LEGEND)
    return 0


async def _run(screen: DemoScreen) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="copybara-demo-") as folder:
        play = Demo(screen, Path(folder))
        people = (play.anna, play.bob)
        results = []
        try:
            screen.say("Starting two programs on this machine, some seconds …")
            await asyncio.gather(*(person.start() for person in people))
            for number, (name, heading, scene) in enumerate(play.scenes(), 1):
                screen.heading(f"{number}  {heading}")
                results.append({"name": name, "scene": heading, **await scene()})
                screen.check()
        finally:
            codes = await asyncio.gather(*(person.stop() for person in people if person.started))
        if any(codes):
            raise DemoFailed("A program didn't end as it should.")
        return results
